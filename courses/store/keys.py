"""The key that signs receipts: made once in the state folder, its public half beside it.

Who takes the private key away, to have a new one, keeps the public keys: old receipts stay genuine.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from courses.errors import SetupError
from courses.receipts import Signer, key_id, keys_json, read_keys
from courses.store.blobs import no_space, sync_folder

PRIVATE = "receipt-key.pem"
PUBLIC = "receipt-keys.json"


class Keys:
    """The keys of one state folder. Safe for several threads and processes at once."""

    def __init__(self, home: Path) -> None:
        self.private_file = home / PRIVATE
        self.public_file = home / PUBLIC

    @cached_property
    def signer(self) -> Signer:
        """Who signs; the key is made when there is none. Raises `SetupError` and `NoSpace`."""
        if not self.private_file.exists():
            key = Ed25519PrivateKey.generate()
            self._write(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                ),
                self.private_file,
                replace=False,
            )
        signer = Signer(self._read_private())
        known = self._known()
        if key_id(signer.public) not in known:
            text = keys_json({**known, key_id(signer.public): signer.public})
            self._write(text.encode(), self.public_file, replace=True)
        return signer

    def published(self) -> dict[str, bytes]:
        """All public keys that receipts were signed with, by id."""
        own = self.signer.public
        return {**self._known(), key_id(own): own}

    def _known(self) -> dict[str, bytes]:
        try:
            return read_keys(self.public_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def _read_private(self) -> Ed25519PrivateKey:
        if stat.S_IMODE(self.private_file.stat().st_mode) & 0o077:
            raise SetupError(
                f"The key {self.private_file} may be read by others. "
                f"Make it the service's alone: chmod 600 {self.private_file}"
            )
        try:
            key = serialization.load_pem_private_key(self.private_file.read_bytes(), None)
        except (ValueError, TypeError) as error:
            raise SetupError(
                f"{self.private_file} is no key. Put the backup's back in its place."
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise SetupError(f"{self.private_file} is another kind of key than Ed25519.")
        return key

    @staticmethod
    def _write(data: bytes, place: Path, *, replace: bool) -> None:
        """Write a file of 0600 whole, or not at all; one that is there stays unless `replace`."""
        with no_space():
            handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
            new = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                if replace:
                    new.rename(place)
                else:
                    with suppress(FileExistsError):  # another process was quicker: its key holds
                        place.hardlink_to(new)
            finally:
                new.unlink(missing_ok=True)
            sync_folder(place.parent)

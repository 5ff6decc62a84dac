"""Receipts that the classroom has signed: how one is signed, read and checked.

A signed receipt is a JSON document. Signed (Ed25519) are its values without ``signature``, written
as JSON with sorted keys, without spaces, in UTF-8: it may be indented otherwise and stays genuine.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from courses.errors import BadReceipt
from courses.language import gettext as _
from courses.submissions import PackedFile, Receipt, content_of

ALGORITHM = "Ed25519"
# No receipt of an archive that was ever accepted is larger.
MAX_BYTES = 10_000_000


@dataclass(frozen=True)
class Signer:
    """Who signs: the classroom's private key."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    def sign(self, values: Mapping[str, object]) -> str:
        """The signed document of what a receipt says."""
        whole = {**values, "key": key_id(self.public)}
        signature = base64.b64encode(self.private.sign(canonical(whole))).decode()
        return document({**whole, "signature": signature})


@dataclass(frozen=True)
class SignedReceipt:
    """A signed receipt that was read; nothing is checked yet but its form.

    Attributes:
        receipt: what it says.
        key: the id of the key that it says to be signed with.
        signature: the signature.
        signed: what the signature is of.
    """

    receipt: Receipt
    key: str
    signature: bytes
    signed: bytes

    def genuine(self, keys: Mapping[str, bytes]) -> bool:
        """Whether one of these keys, by id, has signed it."""
        if self.key not in keys or key_id(keys[self.key]) != self.key:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(keys[self.key]).verify(self.signature, self.signed)
        except (InvalidSignature, ValueError):
            return False
        return self.receipt.content == content_of(self.receipt.files)


def key_id(public: bytes) -> str:
    """A key's short name: 16 hex digits."""
    return hashlib.sha256(public).hexdigest()[:16]


def canonical(values: Mapping[str, object]) -> bytes:
    """The bytes that are signed."""
    return json.dumps(
        values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def document(values: Mapping[str, object]) -> str:
    """JSON that is nice to read."""
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def read(text: str | bytes) -> SignedReceipt:
    """Read a signed receipt; raises `BadReceipt`."""
    try:
        values = json.loads(text, object_pairs_hook=_once)
        signature = base64.b64decode(values["signature"], validate=True)
        signed = canonical({key: each for key, each in values.items() if key != "signature"})
        return SignedReceipt(_receipt(values), str(values["key"]), signature, signed)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise BadReceipt(
            _("This is no receipt of a classroom. Give the file as it was downloaded.")
        ) from error


def read_keys(text: str) -> dict[str, bytes]:
    """Public keys by id, as the classroom publishes them; raises `BadReceipt`."""
    try:
        return {
            str(each["id"]): base64.b64decode(each["public"], validate=True)
            for each in json.loads(text)["keys"]
        }
    except (ValueError, LookupError, TypeError) as error:
        raise BadReceipt(
            _("These are no public keys of a classroom. Get them from its api/receipt-keys.")
        ) from error


def keys_json(keys: Mapping[str, bytes]) -> str:
    """Public keys as the classroom publishes them."""
    found = [
        {"id": each, "algorithm": ALGORITHM, "public": base64.b64encode(public).decode()}
        for each, public in keys.items()
    ]
    return document({"keys": found})


def differences(files: Sequence[PackedFile], folder: Path) -> list[str]:
    """How the files in a folder are not those of a receipt, a sentence each.

    Other files in the folder do not matter.
    """
    found = []
    for file in files:
        path = folder / file.path
        if not path.is_file():
            found.append(_("{path} is not there.", path=file.path))
            continue
        with path.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
                found.append(_("{path} is not what was handed in.", path=file.path))
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of two values of one name, a reader may see another one than we.
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name is there twice")
    return values


def _receipt(values: dict[str, Any]) -> Receipt:
    due, archive = values["due"], values.get("sha256")
    return Receipt(
        id=str(values["id"]),
        course=str(values["course"]),
        assignment=str(values["assignment"]),
        user=str(values["user"]),
        timestamp=datetime.fromisoformat(values["timestamp"]),
        due=None if due is None else datetime.fromisoformat(due),
        on_time=bool(values["on_time"]),
        files=tuple(
            PackedFile(str(each["path"]), int(each["bytes"]), str(each["sha256"]))
            for each in values["files"]
        ),
        content=str(values["content"]),
        sha256=None if archive is None else str(archive),
    )

"""Jupyter's messages as `jupyter_client` makes them, with less ado for each."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

from jupyter_client._version import protocol_version
from jupyter_client.jsonutil import json_default
from jupyter_client.session import DELIM, Session, json_packer, json_unpacker

_encode = json.JSONEncoder(default=json_default, ensure_ascii=False, allow_nan=False).encode


def pack(value: Any) -> bytes:
    """As `json_packer`, which makes an encoder for each value."""
    try:
        return _encode(value).encode("utf8", errors="surrogateescape")
    except (TypeError, ValueError):
        return json_packer(value)


class LeanSession(Session):
    """Packs the header that all messages of a cell are answers to once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pack, self.unpack = pack, json_unpacker
        self._parent: tuple[Any, bytes] = ({}, b"{}")
        self.known()

    def known(self) -> None:
        """From now on it speaks with its key and in its own name, which don't change any more."""
        self._name, self._user, self._auth = self.session, self.username, self.auth

    def msg_header(self, msg_type: str) -> dict[str, Any]:
        number = self.message_count
        self.message_count += 1
        return {
            "msg_id": f"{self._name}_{os.getpid()}_{number}",
            "msg_type": msg_type,
            "username": self._user,
            "session": self._name,
            "date": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "version": protocol_version,
        }

    def serialize(self, msg: dict[str, Any], ident: Any = None) -> list[bytes]:
        content = msg.get("content")
        if not isinstance(content, dict):
            return super().serialize(msg, ident)
        parent = msg["parent_header"]
        known, packed = self._parent
        if known != parent:
            packed = pack(parent)
            self._parent = dict(parent), packed
        metadata = msg["metadata"]
        parts = [
            pack(msg["header"]),
            packed,
            pack(metadata) if metadata else b"{}",
            pack(content),
        ]
        before = ident if isinstance(ident, list) else [] if ident is None else [ident]
        return [*before, DELIM, self.sign(parts), *parts]

    def sign(self, msg_list: list[bytes]) -> bytes:
        if self._auth is None:
            return b""
        made = self._auth.copy()
        made.update(b"".join(msg_list))
        return made.hexdigest().encode()

"""Jupyter's messages as frames, written and read without trust.

The protocol: https://jupyter-client.readthedocs.io/en/stable/messaging.html. A kernel under
grading has its own key, so a signature proves nothing about what it sends: none is checked, and
nothing that arrives may raise.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

DELIMITER = b"<IDS|MSG>"
VERSION = "5.3"

_DECODER = json.JSONDecoder(parse_constant=lambda _: None)

Message = dict[str, Any]
"""``header, parent_header, metadata, content`` (objects), ``buffers, msg_type, msg_id``."""


def pack(
    key: bytes,
    session: str,
    kind: str,
    content: Mapping[str, Any],
    metadata: Mapping[str, Any] | None = None,
) -> tuple[str, list[bytes]]:
    """A request's id and its frames."""
    header = {
        "msg_id": uuid4().hex,
        "session": session,
        "username": "grader",
        "date": datetime.now(UTC).isoformat(),
        "msg_type": kind,
        "version": VERSION,
    }
    parts = [json.dumps(header).encode(), b"{}"]
    parts += [json.dumps(part).encode() for part in (metadata or {}, content)]
    signature = hmac.digest(key, b"".join(parts), "sha256").hex().encode()
    return header["msg_id"], [DELIMITER, signature, *parts]


def unpack(frames: Sequence[bytes]) -> tuple[Message | None, int]:
    """A message, None where it is none, and the bytes of its content."""
    try:
        start = frames.index(DELIMITER) + 2
    except ValueError:
        return None, sum(map(len, frames))
    size = sum(map(len, frames[start + 3 :]))
    if len(frames) < start + 4:
        return None, size
    try:
        header, parent, metadata, content = (_read(frame) for frame in frames[start : start + 4])
        # Of display updates, nbclient reads the type in the header; of others, beside it.
        kind, name = header["msg_type"], header["msg_id"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return None, size
    if not isinstance(kind, str) or not isinstance(name, str):
        return None, size
    message = {
        "header": header,
        "parent_header": parent,
        "metadata": metadata,
        "content": content,
        "buffers": list(frames[start + 4 :]),
        "msg_type": kind,
        "msg_id": name,
    }
    return message, size


def _read(frame: bytes) -> dict[str, Any]:
    if frame == b"{}":
        return {}
    text = frame.decode("utf-8", "replace")
    found = _DECODER.decode(text)
    if not isinstance(found, dict):
        raise TypeError("not an object")
    if "\\ud" in text or "\\uD" in text:
        found = _encodable(found)
    return found


def _encodable(value: Any) -> Any:
    """Halves of surrogate pairs, which no file takes, become question marks."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_encodable(one) for one in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(one) for key, one in value.items()}
    return value

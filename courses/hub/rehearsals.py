"""What the hub's configuration names so that ``lesesal rehearse`` may do its work, and no more."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from courses.rehearsal import MOST_STUDENTS, synthetic

SERVICE = "rehearsal"
TOKEN_FILE = "rehearsal-token"  # noqa: S105 - a file's name
# For each synthetic student by name. Not by a group: who may put people into a group that may get
# tokens gets anybody's.
_RIGHTS = ("admin:users", "tokens", "read:servers", "delete:servers")


def service(home: Path) -> dict[str, Any]:
    """The hub's service, with the token in the state folder's file, which is made when missing."""
    return {"name": SERVICE, "api_token": _token(home / TOKEN_FILE)}


def role(students: int = MOST_STUDENTS) -> dict[str, Any]:
    """What it may: make, enter as and remove users of the reserved names, and count sessions."""
    scopes = [f"{right}!user={name}" for name in synthetic(students) for right in _RIGHTS]
    return {"name": SERVICE, "services": [SERVICE], "scopes": ["read:metrics", *scopes]}


def _token(path: Path) -> str:
    if path.exists() and (known := path.read_text(encoding="ascii").strip()):
        return known
    token = secrets.token_hex(32)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{token}\n")
    return token

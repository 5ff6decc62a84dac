"""Names that come from outside, made safe.

`folder_name` guarantees: never empty, at most 63 characters of ``[a-z0-9-]``, starts with a letter
or digit, and two different names never share one, also where one was made to: the digest has 64
bits.
"""

from __future__ import annotations

import hashlib
import re

_SAFE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Left free for names that had to be changed, so that no plain name can equal a changed one.
_DIGEST = re.compile(r"--[0-9a-f]{16}$")

RUN_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
# What useradd of Debian and Red Hat take, and sudo takes as an argument without a second meaning.
UNIX_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,63}")


def folder_name(name: str) -> str:
    """A folder's name for a person of any name."""
    if _SAFE.fullmatch(name) and not _DIGEST.search(name):
        return name
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].rstrip("-") or "x"
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{readable}--{digest}"

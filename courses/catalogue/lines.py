"""Where in a TOML file a field is written.

tomllib gives no positions for values, so this looks for the lines that begin tables and keys. It
knows headers (``[a]``, ``[[a]]``, ``[a.b]``), bare and quoted keys and multi-line strings, which is
what a course.toml has; for anything else (a key inside an inline table, a dotted key) it answers
with the line of what encloses it.
"""

from __future__ import annotations

import re
from collections import Counter

Path = tuple[str | int, ...]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*=\s*(.*)""")
_FENCES = ('"""', "'''")


def positions(text: str) -> dict[Path, int]:
    """Line numbers, from 1, of all tables and keys: ``{("assignments", 0, "due"): 12, …}``."""
    found: dict[Path, int] = {(): 1}
    counts: Counter[str] = Counter()
    table: Path = ()
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        if fence:
            fence = "" if fence in line else fence
            continue
        if header := _HEADER.match(line):
            name, *below = (part.strip().strip("\"'") for part in header[2].split("."))
            table = (name, *below)
            if header[1] == "[[":
                table = (name, counts[name])
                counts[name] += 1
            elif counts[name]:  # a table of the last one of [[name]]
                table = (name, counts[name] - 1, *below)
            found.setdefault((name,), number)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, key[1] or key[2] or key[3] or ""), number)
            fence = next((f for f in _FENCES if key[4].count(f) == 1), "")
    return found


def line_of(text: str, path: Path) -> int:
    """The line of a field, or of the nearest thing around it that is written in the file."""
    known = positions(text)
    while path not in known:
        path = path[:-1]
    return known[path]

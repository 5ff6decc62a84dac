"""What an address asks for beside its path."""

from __future__ import annotations

from tornado.web import RequestHandler

from courses.errors import Malformed
from courses.language import gettext as _
from courses.store.audit import Wanted

_DIGITS = 15  # more than any change has in its number, fewer than any database's integers


def wanted_of(handler: RequestHandler) -> Wanted:
    """What the address asks for: ``person``, ``action``, ``assignment``, ``older``."""
    text = {
        name: handler.get_query_argument(name, "")
        for name in ("person", "action", "assignment", "older")
    }
    older = text.pop("older")
    return Wanted(**text, older_than=number(older) if older else None)


def number(text: str) -> int:
    """The number of a row. Raises `Malformed`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise Malformed(_("“{value}” is not the number of anything.", value=text))
    return int(text)

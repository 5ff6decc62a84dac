"""What this package says, in the language of the session's person."""

from __future__ import annotations

from ..language import gettext, latest


def _(text: str, **values: object) -> str:
    return gettext(text, latest(), **values)

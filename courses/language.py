"""Text in the language that people read.

Write what people read in English inside `gettext` or `ngettext`; `courses/locale/` has the
translations. The language is that of the request being answered (`use`), also in the threads that
`asyncio.to_thread` and `Handler.work` start. Which languages there are, and who reads which, is
`spawners.language`'s: the hub's pages follow the same choice.
"""

from __future__ import annotations

from pathlib import Path

from spawners.language import (
    COOKIE,
    DEFAULT,
    LANGUAGES,
    choose,
    current,
    locale,
    set_current,
    translations,
    use,
)

__all__ = [
    "COOKIE",
    "DEFAULT",
    "LANGUAGES",
    "choose",
    "current",
    "gettext",
    "locale",
    "ngettext",
    "set_current",
    "use",
]

_FOLDER = Path(__file__).parent / "locale"


def gettext(text: str, /, **values: object) -> str:
    """The text in the current language, with ``{name}`` filled in from the values."""
    found = translations(_FOLDER, current()).ugettext(text)
    return found.format(**values) if values else found


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """The same for a count, which both texts may have as ``{count}``."""
    return plural(one, many, count).format(count=count, **values)


def plural(one: str, many: str, count: int) -> str:
    """The text for a count, before anything is filled in."""
    return translations(_FOLDER, current()).ungettext(one, many, count)

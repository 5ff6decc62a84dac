"""The languages that people read, and text in them.

Write what people read in English inside `gettext` or `ngettext`; `courses/locale/` has the
translations. The language is that of the request being answered (`use`), also in the threads that
`asyncio.to_thread` and `Handler.work` start.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LANGUAGES = {"nb": "Bokmål", "nn": "Nynorsk", "en": "English"}
DEFAULT = "en"
# What browsers send for Norwegian without saying which, and for other English.
_ALIASES = {"no": "nb"}
_FOLDER = Path(__file__).parent / "locale"
_current: ContextVar[str] = ContextVar("language", default=DEFAULT)


def current() -> str:
    """The language of the request being answered: a key of `LANGUAGES`."""
    return _current.get()


def locale() -> Locale:
    """The same, for Babel's dates and numbers. English has a day's 24 hours and the day first."""
    return Locale.parse({"en": "en_GB"}.get(current(), current()))


def set_current(language: str) -> None:
    """From here on in this request (its context), people read this language."""
    _current.set(language if language in LANGUAGES else DEFAULT)


@contextmanager
def use(language: str) -> Iterator[None]:
    """In this block, people read this language."""
    token = _current.set(language if language in LANGUAGES else DEFAULT)
    try:
        yield
    finally:
        _current.reset(token)


def choose(cookie: str, accept: str) -> str:
    """What to answer in: what the person chose, else the browser's wish (RFC 9110, 12.5.4)."""
    if cookie in LANGUAGES:
        return cookie
    wanted = []
    for part in accept.split(","):
        tag, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        wanted.append((weight, tag.strip().lower()))
    tags = [tag for weight, tag in sorted(wanted, key=lambda each: -each[0]) if weight > 0]
    names = [_ALIASES.get(tag.split("-")[0], tag.split("-")[0]) for tag in tags]
    return negotiate_locale(names, list(LANGUAGES)) or DEFAULT


def gettext(text: str, /, **values: object) -> str:
    """The text in the current language, with ``{name}`` filled in from the values."""
    found = _translations(current()).ugettext(text)
    return found.format(**values) if values else found


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """The same for a count, which both texts may have as ``{count}``."""
    return plural(one, many, count).format(count=count, **values)


def plural(one: str, many: str, count: int) -> str:
    """The text for a count, before anything is filled in."""
    return _translations(current()).ungettext(one, many, count)


@cache
def _translations(language: str) -> Translations:
    path = _FOLDER / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():  # English is in the sources
        return Translations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)

"""The languages that people read, and sentences that are told in any of them.

What a session's person reads is made far from the page that shows it: by the look at a cluster
that all share, before anybody asked, or by a hub that has ended since. So it is written in English
inside `Sentence`, which keeps its parts, and said by `told` in the language of the request being
answered (`use`). ``spawners/locale/`` has the translations.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Self

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations

LANGUAGES = {"nb": "Bokmål", "nn": "Nynorsk", "en": "English"}
DEFAULT = "en"
# What a person chose, on all pages of the site.
COOKIE = "lesesal-language"
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


@cache
def translations(folder: Path, language: str) -> Translations:
    """A package's catalogue in ``folder``, ``LANGUAGE/LC_MESSAGES/messages.po`` below it."""
    path = folder / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():  # English is in the sources
        return Translations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


class _Filling(Formatter):
    """``str.format`` which also knows ``{name!c}``: with a capital letter first.

    Args:
        where: how ``{number:g}`` is written; as in code by default.
    """

    def __init__(self, where: Locale | None = None) -> None:
        self._where = where

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "g" and self._where is not None:
            return str(format_decimal(value, locale=self._where))
        return str(super().format_field(value, format_spec))

    def convert_field(self, value: Any, conversion: Any) -> Any:
        if conversion == "c":
            return f"{value[:1].upper()}{value[1:]}"
        return super().convert_field(value, conversion)


_fill = _Filling().vformat


@cache
def _filling(language: str) -> _Filling:
    with use(language):
        return _Filling(locale())


class Sentence(str):
    """English text for logs and tests, which `told` says in another language.

    Args:
        source: what is translated, with ``{name}`` for each of the values, or ``{name!c}`` where a
            sentence begins with it.
        values: numbers, names that nobody translates, and sentences, which are told too.
        many: the form for more than one of ``count``, which is among the values.
    """

    __slots__ = ("many", "source", "values")

    source: str
    many: str
    values: Mapping[str, Any]

    def __new__(cls, source: str, /, **values: Any) -> Self:
        return cls._of(source, "", values)

    @classmethod
    def plural(cls, one: str, many: str, count: int, /, **values: Any) -> Self:
        """One of both, by how many there are; both may have ``{count}``."""
        return cls._of(one, many, values | {"count": count})

    @classmethod
    def _of(cls, source: str, many: str, values: Mapping[str, Any]) -> Self:
        text = many if many and values["count"] != 1 else source
        made = super().__new__(cls, _fill(text, (), values) if values else text)
        made.source, made.many, made.values = source, many, values
        return made

    def kept(self) -> dict[str, Any]:
        """Its parts as JSON; `heard` makes it again."""
        values = {name: kept(value) for name, value in self.values.items()}
        return {"source": self.source, "many": self.many, "values": values}


def ngettext(one: str, many: str, count: int, /, **values: Any) -> Sentence:
    """See `Sentence.plural`."""
    return Sentence.plural(one, many, count, **values)


def kept(text: Any) -> Any:
    """A text as JSON: a `Sentence` as its parts, all else as it is."""
    return text.kept() if isinstance(text, Sentence) else text


def heard(data: Any) -> Any:
    """The text that `kept` was given."""
    if not isinstance(data, dict):
        return data
    values = {name: heard(value) for name, value in data["values"].items()}
    return Sentence._of(data["source"], data["many"], values)


def told(text: str) -> str:
    """The text in the language of the request being answered; others' words stay as they are."""
    if not isinstance(text, Sentence):
        return text
    found = translations(_FOLDER, current())
    if text.many:
        said = found.ungettext(text.source, text.many, text.values["count"])
    else:
        said = found.ugettext(text.source)
    if not text.values:
        return str(said)
    values = {
        name: told(value) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return _filling(current()).vformat(said, (), values)

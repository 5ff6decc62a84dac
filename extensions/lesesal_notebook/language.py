"""The language of the session's person, for our lines in JupyterLab and what the hub is asked.

It is the one that the person chose on the site's pages, whose cookie the browser sends here too,
else the browser's own. ``locale/`` has the translations.
"""

from __future__ import annotations

import io
import os
from functools import cache
from pathlib import Path
from typing import Any

DEFAULT = "en"
LANGUAGES = ("nb", "nn", DEFAULT)
# Of the site's pages (spawners/language.py).
COOKIE = "lesesal-language"
# What a session's kernels inherit: the language of whoever had asked when they were started.
VARIABLE = "LESESAL_LANGUAGE"
_FOLDER = Path(__file__).parent / "locale"


def latest() -> str:
    """The language in which the person asked last; a session has one person."""
    found = os.environ.get(VARIABLE, "")
    return found if found in LANGUAGES else DEFAULT


def of(handler: Any) -> str:
    """The language of a request to the session's server; remembered for `latest`."""
    accept = handler.request.headers.get("Accept-Language", "")
    chosen = choose(handler.get_cookie(COOKIE, "") or "", accept)
    os.environ[VARIABLE] = chosen
    return chosen


def choose(cookie: str, accept: str) -> str:
    """What was chosen, else the first of the browser's that there is."""
    if cookie in LANGUAGES:
        return cookie
    tags = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    names = ["nb" if tag.split("-")[0] == "no" else tag.split("-")[0] for tag in tags]
    return next((name for name in names if name in LANGUAGES), DEFAULT)


def gettext(text: str, language: str, **values: object) -> str:
    """The text in a language, with ``{name}`` filled in from the values."""
    found = str(_catalogue(language).get(text) or text)
    return found.format(**values) if values else found


def script_words(language: str) -> dict[str, str]:
    """The translations of what scripts say; none for English, which they have."""
    return {
        str(each.id): str(each.string)
        for each in (_messages(language) if language != DEFAULT else ())
        if each.id and any(name.endswith(".js") for name, _line in each.locations)
    }


@cache
def _catalogue(language: str) -> dict[str, str]:
    if language == DEFAULT:
        return {}
    return {str(each.id): str(each.string) for each in _messages(language) if each.id}


@cache
def _messages(language: str) -> tuple[Any, ...]:
    # JupyterLab's own server brings it along. Not needed before a page asks.
    from babel.messages.pofile import read_po

    path = _FOLDER / language / "LC_MESSAGES" / "messages.po"
    return tuple(read_po(io.BytesIO(path.read_bytes()), locale=language))

"""Names that come from outside, and the rules that make them safe.

What passes here can be a path component, a part of a URL path and a word on a command line without
quoting: no slash, no leading dot or hyphen, no control character, no whitespace.
"""

from __future__ import annotations

import re
import unicodedata

from courses.errors import BadName
from courses.language import gettext as _

# JupyterHub allows 1 to 30 of these as the name of a named server, which is the course's slug.
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")
# The name of a file or a folder. nbgrader uses "+" itself, as a separator.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def slug(text: str) -> str:
    """Return ``text`` if it can be a course's slug, else raise `BadName`."""
    if not _SLUG.fullmatch(text):
        raise BadName(
            _(
                "{name} cannot be a course's slug: use 1 to 30 of a-z, 0-9 and '-', "
                "beginning with a letter or a digit.",
                name=repr(text),
            )
        )
    return text


def assignment(text: str) -> str:
    """Return ``text`` if it can be an assignment's name, else raise `BadName`."""
    return _plain(
        text,
        _(
            "{name} cannot be an assignment's name: use 1 to 64 letters (a-z, A-Z), digits, "
            "'.', '_' and '-', beginning with a letter or a digit.",
            name=repr(text),
        ),
    )


def dataset(text: str) -> str:
    """Return ``text`` if it can be a dataset's name, else raise `BadName`."""
    return _plain(
        text,
        _(
            "{name} cannot be a dataset's name: use 1 to 64 letters (a-z, A-Z), digits, "
            "'.', '_' and '-', beginning with a letter or a digit.",
            name=repr(text),
        ),
    )


def _plain(text: str, otherwise: str) -> str:
    if not _PLAIN.fullmatch(text):
        raise BadName(otherwise)
    return text


def user(text: str) -> str:
    """Return ``text`` if the hub can have a user of this name, else raise `BadName`."""
    printable = all(unicodedata.category(char)[0] not in "CZ" for char in text)
    if not 1 <= len(text) <= 255 or not printable or "/" in text:
        raise BadName(
            _(
                "{name} cannot be a user's name: write it as the hub does, "
                "1 to 255 characters without spaces or '/'.",
                name=repr(text),
            )
        )
    return text

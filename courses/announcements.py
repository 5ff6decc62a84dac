"""What staff announces to a course: values, and what may be said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from courses.errors import Malformed
from courses.language import gettext as _

_MAX_TITLE = 200
_MAX_TEXT = 5000


@dataclass(frozen=True)
class Text:
    """What is announced, in plain text; ``until`` when it holds, None for always."""

    title: str
    text: str
    until: datetime | None


@dataclass(frozen=True)
class Announcement:
    """An announcement that is up."""

    id: int
    author: str
    title: str
    text: str
    written: datetime
    until: datetime | None


def text(title: str, body: str, until: datetime | None, now: datetime) -> Text:
    """What somebody wrote, tidied. Raises `Malformed`."""
    title, body = " ".join(title.split()), body.replace("\r\n", "\n").strip()
    if not title:
        raise Malformed(_("An announcement needs a title. Write one."))
    if len(title) > _MAX_TITLE or len(body) > _MAX_TEXT:
        raise Malformed(
            _(
                "The announcement is too long: {title} characters for the title and {text} for "
                "the text are the most.",
                title=_MAX_TITLE,
                text=_MAX_TEXT,
            )
        )
    if "\0" in title + body:
        raise Malformed(_("The announcement has a character that cannot be kept. Take it out."))
    if until is not None and until <= now:
        raise Malformed(_("The announcement would be over already. Choose a later time."))
    return Text(title, body, until)

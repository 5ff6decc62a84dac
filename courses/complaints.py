"""A complaint about a grade: a value, and what may be said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from courses.errors import Malformed
from courses.language import gettext as _

_MAX_TEXT = 10_000


@dataclass(frozen=True)
class Complaint:
    """What somebody says about the grade of a submission, and what staff answered.

    Attributes:
        closed: when it was answered; None while it is open.
        task: the one that it is about, by the name that the feedback gives it; empty for the whole.
    """

    id: int
    course: str
    assignment: str
    submission: str
    user: str
    text: str
    opened: datetime
    answer: str | None = None
    answered_by: str | None = None
    closed: datetime | None = None
    task: str = ""


def words_of(text: str) -> str:
    """What somebody wrote, tidied. Raises `Malformed`."""
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise Malformed(_("There is no text. Write what you want to say, and send it again."))
    if len(text) > _MAX_TEXT:
        raise Malformed(_("The text is too long: {most} characters are the most.", most=_MAX_TEXT))
    if "\0" in text:
        raise Malformed(_("The text has a character that cannot be kept. Take it out."))
    return text

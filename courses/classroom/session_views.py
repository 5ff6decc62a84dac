"""What the pages say of a session, as plain values: see `courses.classroom.views`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

from courses import words
from courses.classroom.sessions import More, Session, Told
from courses.classroom.views import View
from courses.course import Course
from courses.language import gettext as _
from courses.language import ngettext, plural

# From here on the end is shown as near.
_ENDING_SECONDS = 15 * 60


@dataclass(frozen=True)
class Links:
    """Where the hub (``/hub/``) and the classroom are, and who asks."""

    hub: str
    prefix: str
    user: str


def session(links: Links, course: Course, known: Session | None, now: datetime) -> View:
    """A session on a page: its addresses, what there is to tell, and until when."""
    slug, told = course.slug, known.told if known else Told()
    state = known.state if known else "none"
    url = known.url if known else ""
    person = f"{quote(links.user, safe='@')}/{quote(slug)}"
    own = f"{links.prefix}courses/{quote(slug)}/session/"
    at = partial(_clock, now=now, zone=course.timezone)
    return {
        "slug": slug,
        "state": state,
        "open": url,
        # A page of the session itself (lesesal_notebook.session.page).
        "given": f"{url}lesesal/session" if url else "",
        "start": f"{links.hub}spawn/{person}",
        "wait": f"{links.hub}spawn-pending/{person}",
        "stop": f"{own}stop",
        "more": f"{own}more",
        "more_words": _more(told.more) if told.more and state == "ready" else "",
        "place": _place(told) if told.phase == "waiting" else "",
        "waiting": told.phase == "waiting",
        "expected": [at(each) for each in told.expected or ()],
        "soon": told.expected is not None and told.expected[1] <= now.timestamp(),
        "news": told.news,
        "notes": told.notes,
        "switching_to": told.switching_to or "",
        "silent": at(told.silent_since) if told.silent_since else None,
        "ends": at(told.ends) if told.ends else None,
        "left": _left(told.ends, now) if told.ends else "",
        "ending": told.ends is not None and told.ends - now.timestamp() <= _ENDING_SECONDS,
        "last": {"at": at(told.last.at), "sentence": told.last.sentence} if told.last else None,
    }


def _clock(seconds: float, now: datetime, zone: str) -> View:
    """A time in words of the course's zone, and what the page's script makes the reader's of."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return {
        "iso": moment.isoformat(timespec="seconds"),
        "epoch": int(seconds),
        "words": words.clock(moment, now, zone),
        "at": words.clock(moment, now, zone, at=True),
    }


def _left(ends: float, now: datetime) -> str:
    """Rounded down, as the page's script goes on with it."""
    minutes = int((ends - now.timestamp()) // 60)
    if minutes < 1:
        return _("its time is over") if ends <= now.timestamp() else _("less than a minute left")
    if minutes < 120:
        return ngettext("{count} minute left", "{count} minutes left", minutes)
    return ngettext("{count} hour left", "{count} hours left", minutes // 60)


def script_words() -> dict[str, object]:
    """What the page's script says with the reader's own clock: see static/sessions.js."""
    return {
        "clock": words.clock_patterns(),
        "over": _("its time is over"),
        "last": _("less than a minute left"),
        "minute": plural("{count} minute left", "{count} minutes left", 1),
        "minutes": plural("{count} minute left", "{count} minutes left", 2),
        "hours": plural("{count} hour left", "{count} hours left", 2),
    }


def _place(told: Told) -> str:
    if told.place is None:
        return ""
    if told.queue_length:
        return _("number {place} of {length}", place=told.place, length=told.queue_length)
    return _("number {place}", place=told.place)


def _more(more: More) -> str:
    """A button's words; hours as they are, or minutes below one."""
    minutes = round(60 * more.hours)
    if more.how == "extend":
        if more.hours < 1:
            return _("Give me another {minutes} minutes", minutes=minutes)
        if more.hours == 1:
            return _("Give me another hour")
        return _("Give me another {hours} hours", hours=words.number(more.hours))
    if more.hours < 1:
        return _("Book another {minutes} minutes after this", minutes=minutes)
    if more.hours == 1:
        return _("Book another hour after this")
    return _("Book another {hours} hours after this", hours=words.number(more.hours))

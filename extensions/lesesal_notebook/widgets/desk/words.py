"""What the desk says, in the person's language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from babel.dates import format_skeleton
from babel.numbers import format_decimal

from ... import language
from ...exchange.values import Check
from ...language import gettext
from .values import Entry, Receipt, Session, State, Validation

NAMED = 5


def _(text: str, **values: object) -> str:
    return gettext(text, language.latest(), **values)


def when(moment: datetime) -> str:
    """A time on this machine's clock, with its zone: ``Fri, 27 Nov 2026, 23:59 CET``."""
    here = moment.astimezone()
    day = format_skeleton("yMMMEd", here, locale=_locale())
    return f"{day}, {here:%H:%M} {here.tzname()}"


def _locale() -> str:
    return "en_GB" if language.latest() == "en" else language.latest()


def _number(value: float) -> str:
    return format_decimal(round(value, 4), format="0.####", locale=_locale())


def how_long(left: timedelta) -> str:
    """``1 h 20 min``, ``14 min``, ``40 s``. Never more than is left."""
    seconds = max(0, int(left.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(seconds // 60, 60)
    if not hours:
        return f"{minutes} min"
    text = _("{count} h", count=hours)
    return f"{text} {minutes} min" if minutes else text


def distance(moment: datetime, now: datetime | None = None) -> str:
    """How far away that is, rounded down: nobody is promised more time than there is."""
    away = moment - (now or datetime.now(UTC))
    seconds = int(abs(away.total_seconds()))
    past = away < timedelta()
    if seconds < 60:
        return _("just now") if past else _("in less than a minute")
    days, hours, minutes = seconds // 86_400, seconds // 3_600, seconds // 60
    if days:
        time = _("1 day") if days == 1 else _("{count} days", count=days)
    elif hours:
        time = _("1 hour") if hours == 1 else _("{count} hours", count=hours)
    else:
        time = _("1 minute") if minutes == 1 else _("{count} minutes", count=minutes)
    return _("{time} ago", time=time) if past else _("in {time}", time=time)


def rules(entry: Entry) -> list[str]:
    """What else there is to say of a deadline."""
    if entry.due is None:
        return []
    said = [_("extended for you")] if entry.extended else []
    if entry.late == "refuse":
        said.append(_("late work is not taken"))
    elif entry.late == "penalty":
        percent = _number(entry.penalty_per_day * 100)
        said.append(
            _("late work loses {percent} % of the points for each started day", percent=percent)
        )
    if entry.grace_minutes:
        said.append(_("{count} min of grace", count=entry.grace_minutes))
    return said


def points(score: float | None, max_score: float | None) -> str:
    """``7 of 10 points``; empty where there are none."""
    if score is None or max_score is None:
        return ""
    return _("{score} of {count} points", score=_number(score), count=_number(max_score))


def state(entry: Entry) -> str:
    """How far the person is, in a few words."""
    if entry.feedback:
        score = points(entry.feedback.score, entry.feedback.max_score)
        return _("Feedback is there: {score}", score=score) if score else _("Feedback is there")
    if entry.state is State.SUBMITTED:
        return _("Handed in") if in_time(entry.on_time, entry.due) else _("Handed in late")
    return _("Fetched, not handed in") if entry.state is State.FETCHED else _("Not fetched yet")


def in_time(on_time: bool | None, due: datetime | None) -> bool:
    """Whether nothing is late: without a deadline, nothing is."""
    return due is None or bool(on_time)


def deadline_kept(on_time: bool | None, due: datetime | None) -> str:
    """``before the deadline``, ``after the deadline``; empty without one."""
    if due is None:
        return ""
    return _("before the deadline") if on_time else _("after the deadline")


def check(said: Check) -> str:
    """What the visible tests say of a version."""
    if said.waiting:
        return _("Tests you can see: being run …")
    parts = [
        _("Tests you can see: {passed} of {count} passed.", passed=said.passed, count=said.count)
    ]
    if said.failed:
        more = " …" if len(said.failed) > NAMED else ""
        parts.append(_("Not passed: {names}.", names=", ".join(said.failed[:NAMED]) + more))
    return " ".join([*parts, said.says] if said.says else parts)


def validated(result: Validation) -> str:
    """What came of a notebook's validation, in a line."""
    if result.problem == "schema":
        return _("This notebook is of another version of nbgrader. Ask your instructor.")
    if result.problem == "unreadable":
        return _("This file can't be read as a notebook.")
    if result.problem:
        return _("It could not be run. Does it run from top to bottom after a restart?")
    if result.changed:
        return _(
            "Cells with tests were changed ({count}). Grading takes them as they were released.",
            count=len(result.changed),
        )
    if result.failed:
        return _("Cells that do not pass: {count}.", count=len(result.failed))
    return _("All tests that you can see are passed.")


def receipt(given: Receipt) -> str:
    """A receipt in a line of text."""
    kept = deadline_kept(given.on_time, given.due)
    return ", ".join(
        [
            _("received {time}", time=when(given.received)),
            *([kept] if kept else []),
            _("receipt {id}", id=given.id),
            f"SHA-256 {given.content}",
        ]
    )


def allotted(session: Session) -> list[tuple[str, str]]:
    """What the session was given, as names and values."""
    given = session.given
    memory = f"{given.memory_mb / 1024:.0f} GiB" if given.memory_mb >= 1024 else ""
    rows = [
        (_("Offer"), given.offer),
        (_("Machine"), given.machine),
        ("GPU", ", ".join(given.gpus) or _("none")),
        (_("Cores"), str(given.cpus)),
        (_("Memory"), memory or f"{given.memory_mb} MiB"),
    ]
    return [(name, value) for name, value in rows if value]


def more_label(hours: float, follows: bool) -> str:
    """What the button for more time says."""
    minutes = round(hours * 60)
    if minutes % 60:
        if follows:
            return _("Book another {count} minutes after it", count=minutes)
        return _("Give me another {count} minutes", count=minutes)
    if minutes == 60:
        return _("Book another hour after it") if follows else _("Give me another hour")
    hours = minutes // 60
    if follows:
        return _("Book another {count} hours after it", count=hours)
    return _("Give me another {count} hours", count=hours)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines of aligned text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def as_text(entries: Iterable[Entry] | str, session: Session | None, course: str) -> str:
    """All of the desk as plain text; `entries` may be a sentence on why there are none."""
    lines = [_("The course {name}", name=course)]
    if isinstance(entries, str):
        lines += ["", entries]
    elif entries := list(entries):
        head = (_("assignment"), _("deadline"), _("state"))
        rows = [(e.name, when(e.due) if e.due else _("none"), _state(e)) for e in entries]
        lines += ["", *table([head, *rows])]
    else:
        lines += ["", _("No assignment is released yet.")]
    if session:
        given = allotted(session)
        if session.left is not None:
            given.append((_("Time left"), how_long(session.left)))
        lines += ["", _("This session"), *table(given)]
    return "\n".join(lines)


def _state(entry: Entry) -> str:
    handed = _("handed in {time}", time=when(entry.submitted)) if entry.submitted else ""
    if not handed:
        return state(entry)
    kept = deadline_kept(entry.on_time, entry.due)
    said = ", ".join([handed, kept] if kept else [handed])
    return f"{state(entry)}; {said}" if entry.feedback else said

"""Times, sizes and roles in words of the reader's language, as the pages say them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, get_day_names, get_month_names, get_timezone_location
from babel.numbers import format_decimal

from courses.course import Role
from courses.language import current, locale, ngettext
from courses.language import gettext as _


class _Patterns(NamedTuple):
    """Of CLDR's letters (https://unicode.org/reports/tr35/tr35-dates.html)."""

    date: str
    short: str
    day: str


# Hours and minutes have a colon everywhere, as in what students' calendars and phones show.
_NORWEGIAN = _Patterns("EEEE d. MMMM y 'kl'. HH:mm", "d. MMM y HH:mm", "d. MMM")
_PATTERNS = {"en": _Patterns("EEEE d MMMM y, HH:mm", "d MMM y, HH:mm", "d MMM")}


def _patterns() -> _Patterns:
    return _PATTERNS.get(current(), _NORWEGIAN)


def _written(moment: datetime, pattern: str) -> str:
    return format_datetime(moment, pattern, locale=locale())


def date(moment: datetime, zone: str) -> str:
    """``Friday 27 November 2026, 23:59`` in the given IANA zone."""
    return _written(moment.astimezone(ZoneInfo(zone)), _patterns().date)


def short_date(moment: datetime, zone: str, *, seconds: bool = False) -> str:
    """``27 Nov 2026, 23:59`` in the given IANA zone; receipts have seconds too."""
    pattern = _patterns().short + (":ss" if seconds else "")
    return _written(moment.astimezone(ZoneInfo(zone)), pattern)


def day(moment: datetime, zone: str) -> str:
    """``27 Nov`` in the given IANA zone."""
    return _written(moment.astimezone(ZoneInfo(zone)), _patterns().day)


def distance(moment: datetime, now: datetime) -> str:
    """How far ``moment`` is from ``now``: ``in 3 days``, ``2 hours ago``, ``just now``.

    Rounded down, so that nobody is promised more time than there is.
    """
    gap = moment - now
    ago = gap < timedelta(0)
    seconds = int(abs(gap).total_seconds())
    if days := seconds // 86_400:
        if ago:
            return ngettext("{count} day ago", "{count} days ago", days)
        return ngettext("in {count} day", "in {count} days", days)
    if hours := seconds // 3_600:
        if ago:
            return ngettext("{count} hour ago", "{count} hours ago", hours)
        return ngettext("in {count} hour", "in {count} hours", hours)
    if minutes := seconds // 60:
        if ago:
            return ngettext("{count} minute ago", "{count} minutes ago", minutes)
        return ngettext("in {count} minute", "in {count} minutes", minutes)
    return _("just now") if ago else _("in less than a minute")


def deadline(due: datetime, now: datetime, zone: str) -> str:
    """A deadline near its day: ``today at 14:00``, ``tomorrow at 23:59``, else with the date."""
    local, today = due.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    days, time = (local.date() - today.date()).days, f"{local:%H:%M}"
    if days == 0:
        return _("today at {time}", time=time)
    if days == 1:
        return _("tomorrow at {time}", time=time)
    if 1 < days < 7:
        return _("{day} at {time}", day=_written(local, "EEEE"), time=time)
    return short_date(due, zone)


def clock_patterns() -> dict[str, object]:
    """What `clock` puts together, for a script that does the same with the reader's own clock.

    The names of the seven days begin with Monday's; ``date`` has ``{day}`` and ``{month}``.
    """
    where, day = locale(), _patterns().day
    return {
        "short": {
            "0": "{time}",
            "1": _("tomorrow {time}"),
            "-1": _("yesterday {time}"),
            "day": _("{day} {time}"),
        },
        "at": {
            "0": _("at {time}"),
            "1": _("tomorrow at {time}"),
            "-1": _("yesterday at {time}"),
            "day": _("{day} at {time}"),
        },
        "days": [get_day_names(locale=where)[index] for index in range(7)],
        "months": [get_month_names("abbreviated", locale=where)[index] for index in range(1, 13)],
        "date": day.replace("MMM", "{month}").replace("d", "{day}", 1),
    }


def clock(moment: datetime, now: datetime, zone: str, *, at: bool = False) -> str:
    """``13:40``, ``tomorrow 13:40``, ``Friday 13:40``, ``4 Dec 13:40``; with ``at``: ``at 13:40``,
    ``tomorrow at 13:40`` and so on."""
    local, today = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    days, time = (local.date() - today.date()).days, f"{local:%H:%M}"
    patterns = clock_patterns()["at" if at else "short"]
    assert isinstance(patterns, dict)  # noqa: S101  just made
    if near := patterns.get(str(days)):
        return str(near).format(time=time)
    day = _written(local, "EEEE" if 1 < days < 7 else _patterns().day)
    return str(patterns["day"]).format(day=day, time=time)


def zone(name: str) -> str:
    """An IANA zone: ``Oslo time`` for ``Europe/Oslo``."""
    if name in ("UTC", "Etc/UTC"):
        return "UTC"
    city = get_timezone_location(name, locale=locale(), return_city=True)
    return _("{city} time", city=city)


def size(count: int) -> str:
    """A size as people say it: ``512 bytes``, ``20 MB``, ``1.5 GB`` (powers of 1000)."""
    if count < 1000:
        return ngettext("{count} byte", "{count} bytes", count)
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5 or unit == "GB":
            return f"{format_decimal(value, '0.#', locale=locale())} {unit}"
    raise AssertionError("unreachable")


def number(value: float) -> str:
    """A score without needless zeros: ``8``, ``7.5``, ``6.67``."""
    return format_decimal(value, "0.##", locale=locale())


def role(value: Role) -> str:
    """A role with a capital, ``Student``."""
    return {
        Role.STUDENT: _("Student"),
        Role.ASSISTANT: _("Teaching assistant"),
        Role.INSTRUCTOR: _("Instructor"),
    }[value]

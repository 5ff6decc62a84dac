"""Times and sizes in words, as the pages say them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def date(moment: datetime, zone: str) -> str:
    """``Friday 27 November 2026, 23:59`` in the given IANA zone."""
    local = moment.astimezone(ZoneInfo(zone))
    day = f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"
    return f"{day}, {local:%H:%M}"


def short_date(moment: datetime, zone: str, *, seconds: bool = False) -> str:
    """``27 Nov 2026, 23:59`` in the given IANA zone; receipts have seconds too."""
    local = moment.astimezone(ZoneInfo(zone))
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return f"{local.day} {_MONTHS[local.month - 1][:3]} {local.year}, {clock}"


def distance(moment: datetime, now: datetime) -> str:
    """How far ``moment`` is from ``now``: ``in 3 days``, ``2 hours ago``, ``now``.

    Rounded down, so that nobody is promised more time than there is.
    """
    gap = moment - now
    ago = gap < timedelta(0)
    seconds = int(abs(gap).total_seconds())
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            text = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{text} ago" if ago else f"in {text}"
    return "just now" if ago else "in less than a minute"


def deadline(due: datetime, now: datetime, zone: str) -> str:
    """A deadline near its day: ``today at 14:00``, ``tomorrow at 23:59``, else with the date."""
    local, today = due.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    days = (local.date() - today.date()).days
    if days == 0:
        return f"today at {local:%H:%M}"
    if days == 1:
        return f"tomorrow at {local:%H:%M}"
    if 1 < days < 7:
        return f"{_DAYS[local.weekday()]} at {local:%H:%M}"
    return short_date(due, zone)


def size(count: int) -> str:
    """A size as people say it: ``512 bytes``, ``20 MB``, ``1.5 GB`` (powers of 1000)."""
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5 or unit == "GB":
            return f"{value:.1f}".removesuffix(".0") + f" {unit}"
    raise AssertionError("unreachable")


def number(value: float) -> str:
    """A score without needless zeros: ``8``, ``7.5``, ``6.67``."""
    return f"{value:.2f}".rstrip("0").rstrip(".")

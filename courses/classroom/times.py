"""Moments on pages: in the course's time zone in words, and for a script that adds the reader's."""

from __future__ import annotations

from datetime import datetime

from courses import words
from courses.submissions import iso

View = dict[str, object]


def long(moment: datetime, zone: str) -> View:
    """``Friday 27 November 2026, 23:59``, as templates/times.html places it."""
    return _view(moment, words.date(moment, zone), zone)


def short(moment: datetime, zone: str) -> View:
    """``27 Nov 2026, 23:59``, the same way."""
    return _view(moment, words.short_date(moment, zone), zone)


def near(moment: datetime, now: datetime, zone: str) -> View:
    """``tomorrow at 23:59``, the same way."""
    return _view(moment, words.deadline(moment, now, zone), zone)


def _view(moment: datetime, text: str, zone: str) -> View:
    return {"iso": iso(moment), "words": text, "zone": zone}

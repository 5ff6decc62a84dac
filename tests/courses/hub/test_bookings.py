"""What spawner and check of a site learn of a course's hours."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from classroom_kit import NOW, course, enrol, put

from courses.course import ClassHours
from courses.hub import StoreTerms
from courses.hub.bookings import bookings
from courses.store import Store
from spawners.offers import ClassTime
from spawners.site import Booking

HOURS = (
    ClassHours(NOW, NOW + timedelta(hours=3), reservation="optics-monday"),
    ClassHours(NOW + timedelta(days=7), NOW + timedelta(days=7, hours=3), qos="class"),
)


async def test_a_courses_hours_reach_the_spawner(store: Store, tmp_path: Path) -> None:
    put(store, course(classes=HOURS))
    enrol(store, "optics", student="student")
    terms = await StoreTerms.of_home(tmp_path)("student", "optics")
    assert terms is not None
    start = NOW.timestamp()
    week = 7 * 24 * 3600
    assert terms.classes == (
        ClassTime(start, start + 3 * 3600, reservation="optics-monday"),
        ClassTime(start + week, start + week + 3 * 3600, qos="class"),
    )


def test_a_class_with_a_reservation_needs_a_seat_for_everybody(
    store: Store, tmp_path: Path
) -> None:
    put(store, course(classes=HOURS))
    put(store, course("acoustics"))
    enrol(store, "optics", teacher="instructor", student="student")
    start = NOW.timestamp()
    assert bookings(tmp_path) == (
        Booking("optics", "optics-monday", ("cpu-small",), 2, start, start + 3 * 3600),
    )


def test_without_a_classroom_there_are_none(tmp_path: Path) -> None:
    assert bookings(tmp_path) == ()

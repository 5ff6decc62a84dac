"""What courses count on in their hours, for the check of a site."""

from __future__ import annotations

from pathlib import Path

from courses.course import Course
from courses.store import default_url, people
from courses.store.courses import all_courses
from courses.store.database import connect, has_classroom, reading
from spawners.site import Booking


def bookings(home: Path) -> tuple[Booking, ...]:
    """All classes with a reservation, of the classroom in this state folder; none without one."""
    if not has_classroom(default_url(home)):
        return ()
    with reading(connect(default_url(home))) as session:
        return tuple(
            booking
            for course in all_courses(session)
            for booking in bookings_of(course, len(people.people(session, course.slug)))
        )


def bookings_of(course: Course, seats: int) -> list[Booking]:
    """One course's, with so many people."""
    return [
        Booking(
            course=course.slug,
            reservation=each.reservation,
            offers=course.offers,
            seats=seats,
            starts=each.starts.timestamp(),
            ends=each.ends.timestamp(),
        )
        for each in course.classes
        if each.reservation
    ]

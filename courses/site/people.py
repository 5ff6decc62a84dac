"""Synthetic students in the classroom's database, and one rehearsal at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from courses.course import Course, Enrolment, Role
from courses.errors import NotFound, SetupError
from courses.rehearsal import Plan
from courses.store import Store, people, rehearsals, releases
from courses.store import courses as course_rows
from courses.store.audit import now

FOLDER = "rehearsals"
ACTOR = "lesesal rehearse"


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """While nobody else rehearses here. Raises `SetupError`."""
    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(
                "Another rehearsal is on in this classroom. Wait until it is over."
            ) from None
        yield


def handed_in(store: Store, slug: str, wanted: str) -> tuple[str, str]:
    """What is handed in: the wanted assignment, else the first that takes work now.

    Returns its name, or an empty one and why there is none. Raises `NotFound`.
    """
    with store.reading() as session:
        course = course_rows.get_course(session, slug)
        released = releases.releases(session, slug)
    known = {each.name: each for each in course.assignments if each.name in released}
    if wanted and wanted not in known:
        raise NotFound(
            f"{slug} has no released assignment {wanted!r}. Release it, or name another."
        )
    candidates = [known[wanted]] if wanted else list(known.values())
    taking = [each.name for each in candidates if each.accepts(now())]
    if taking:
        return taking[0], ""
    if not known:
        return "", f"{slug} has no released assignment."
    return (
        "",
        f"{wanted or 'every released assignment'} is past its deadline and refuses late work.",
    )


def all_courses(store: Store) -> list[Course]:
    """All courses of the classroom."""
    with store.reading() as session:
        return course_rows.all_courses(session)


def enrol(store: Store, plan: Plan, at: datetime) -> None:
    """Enrol the plan's students. Raises `NotFound`."""
    with store.writing() as session:
        for name in plan.names:
            enrolment = Enrolment(plan.course, name, Role.STUDENT)
            people.enrol(session, enrolment, actor=ACTOR, at=at)


def forget(store: Store) -> list[str]:
    """Remove all that synthetic students have in the classroom; return their names."""
    with store.writing() as session:
        return rehearsals.forget(session, actor=ACTOR, at=now())

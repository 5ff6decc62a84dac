"""What the desks have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from courses.course import Caller
from courses.errors import NotFound
from courses.language import gettext as _
from courses.store import Incoming, Store, access, releases
from courses.store import courses as course_rows
from courses.store.audit import note, now


@dataclass(frozen=True)
class Upload:
    """What may be sent, decided before the first byte of it is read.

    Attributes:
        max_bytes: the most that the archive may measure.
        finish: takes the archive when all of it is there; the answer is the response's body.
    """

    max_bytes: int
    finish: Callable[[Incoming], object]


@dataclass(frozen=True)
class Desk:
    """One counter of the classroom.

    Each method takes who asks, as the hub has told it, decides by `courses.store.access`, and
    raises an error of `courses.errors` or does it. They block on the disk: call them from a worker
    thread.

    Attributes:
        store: what is remembered.
        staff_max_bytes: the most that an archive from staff may measure (a release, feedback), and
            the most that comes out of it.
    """

    store: Store
    staff_max_bytes: int

    @contextmanager
    def looking(
        self, who: Caller, slug: str, at_what: str, *, user: str | None = None
    ) -> Iterator[Session]:
        """A transaction that reads what staff sees, or one person's work where `user` is named.

        An operator's look leaves a row in the audit, before anything is shown.
        """
        if who.operator:
            with self.store.writing() as session:
                if self._may_look(session, who, slug, user):
                    note(session, who.name, "look", slug, now(), page=at_what, user=user)
        with self.store.reading() as session:
            self._may_look(session, who, slug, user)
            yield session

    @staticmethod
    def _may_look(session: Session, who: Caller, slug: str, user: str | None) -> bool:
        if user is None:
            return access.looker(session, slug, who)
        return access.owner(session, slug, who, user)


def released(session: Session, slug: str, name: str) -> None:
    """Raise `NotFound` unless the assignment is released."""
    course_rows.find_assignment(session, slug, name)
    if name not in releases.releases(session, slug):
        raise not_released(name)


def not_released(name: str) -> NotFound:
    return NotFound(
        _(
            "The assignment '{name}' is not released. Ask the people who teach the course.",
            name=name,
        )
    )

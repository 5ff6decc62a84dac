"""What a person may have in a course: the callable behind ``ClusterSpawner.terms``."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from courses.environments.sessions import interpreter_of
from courses.errors import NotFound, Unavailable
from courses.joining import is_guest
from courses.language import gettext as _
from courses.store import access, default_url, joining
from courses.store.audit import now
from courses.store.courses import get_course
from courses.store.database import connect, reading
from courses.store.failures import is_without_tables
from spawners.errors import Refused
from spawners.offers import ClassTime, Dataset, Terms


class ClassroomSilent(Refused):
    """The classroom's database does not answer, so nobody knows what the person may have."""

    reason = "classroom_silent"
    status = 503


class StoreTerms:
    """Answers from the classroom's database, which it only reads.

    ::

        c.ClusterSpawner.terms = StoreTerms.of_home("/srv/lesesal")
        c.ClusterSpawner.terms = StoreTerms("postgresql+psycopg:///lesesal", "/cluster/envs")

    Args:
        database_url: the classroom's database.
        environments: the folder of the courses' environments (`lesesal env build`).
    """

    def __init__(self, database_url: str, environments: str | Path | None = None) -> None:
        self._engine = connect(database_url)
        self._environments = Path(environments) if environments else None

    def __deepcopy__(self, memo: object) -> StoreTerms:
        # traitlets copies a configured value for each spawner; they share one pool of connections.
        return self

    @classmethod
    def of_home(cls, home: str | Path) -> StoreTerms:
        """The terms of a state folder with its default database and folder of environments."""
        return cls(default_url(Path(home)), Path(home) / "environments")

    async def __call__(self, user_name: str, course_slug: str) -> Terms | None:
        """The person's terms; ``None`` when there is no such course or the person is not in it.

        Raises `ClassroomSilent`.
        """
        return await asyncio.to_thread(self.read, user_name, course_slug)

    def read(self, user_name: str, course_slug: str) -> Terms | None:
        """The same, in this thread."""
        try:
            with reading(self._engine) as session:
                role = access.role_of(session, course_slug, user_name)
                if role is None:
                    return None
                course = get_course(session, course_slug)
                over = _is_over(session, user_name)
        except NotFound:
            return None
        except Unavailable as error:
            raise ClassroomSilent(str(error)) from error
        except DBAPIError as error:
            # Before the first course is synchronised there are no tables, and no terms.
            if is_without_tables(error):
                return None
            raise
        classes = tuple(
            ClassTime(each.starts.timestamp(), each.ends.timestamp(), each.reservation, each.qos)
            for each in course.classes
        )
        terms = Terms(
            *(course.slug, course.title, course.offers, role.value, classes),
            datasets=tuple(Dataset(each.name, each.source, each.size) for each in course.datasets),
            preload=tuple(
                dict.fromkeys(name for each in course.assignments for name in each.grading.preload)
            ),
        )
        if over:
            refusal = _(
                "This account was made for a workshop, which is over, so its sessions can't start. "
                "What was handed in is kept; ask the people who teach the course for it."
            )
            return replace(terms, refusal=refusal)
        if course.environment is None:
            return terms
        interpreter = self._environments and interpreter_of(self._environments, course.slug)
        if interpreter:
            return replace(terms, interpreter=interpreter)
        refusal = _(
            "The environment of {title} is not built yet, so its sessions can't start. Please tell "
            "the course's instructor.",
            title=course.title,
        )
        return replace(terms, refusal=refusal)


def _is_over(session: Session, user_name: str) -> bool:
    if not is_guest(user_name):
        return False
    guest = joining.guest(session, user_name)
    return guest is None or guest.ends <= now()

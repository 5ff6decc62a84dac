"""A course's own folder: what changed there, and bringing it in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from courses import catalogue, git
from courses.classroom.desks.base import Desk
from courses.course import Caller, Course
from courses.coursedir.sync import Comparison, compare, sync
from courses.errors import NotFound
from courses.language import gettext as _
from courses.store import access
from courses.store import courses as course_rows


@dataclass(frozen=True)
class Origin:
    """Where a course comes from, and when it was brought in last."""

    course: Course
    folder: str
    revision: str
    synchronised: datetime


class CourseSource(Desk):
    """What instructors do with their course's folder."""

    def origin(self, who: Caller, slug: str) -> Origin:
        """Where the course comes from."""
        with self.store.reading() as session:
            access.teacher(session, slug, who)
            row = course_rows.find_course(session, slug)
            course = course_rows.get_course(session, slug)
            return Origin(course, row.folder, row.revision, row.synchronised)

    def compare(self, who: Caller, slug: str) -> Comparison:
        """What bringing the folder in would change; from its git remote where there is one.

        Raises `CatalogueError` for a folder with problems, all of them listed.
        """
        folder = self._folder(who, slug)
        git.pull(folder)
        found = compare(self.store, folder)
        self._same(slug, found.course)
        return found

    def bring_in(self, who: Caller, slug: str, expected: str) -> tuple[str, ...]:
        """Bring the folder in as it was compared; return what changed, a phrase each.

        Takes as long as nbgrader does. Raises `Outdated` when the folder is another by now.
        """
        folder = self._folder(who, slug)
        self._same(slug, catalogue.load(folder))
        return sync(self.store, folder, actor=who.name, expected=expected).changes

    def _folder(self, who: Caller, slug: str) -> Path:
        folder = self.origin(who, slug).folder
        if not folder:
            raise NotFound(
                _(
                    "It is not known where this course comes from. Ask the people who run this "
                    "service to bring it in once with “lesesal course sync”."
                )
            )
        return Path(folder)

    @staticmethod
    def _same(slug: str, found: Course) -> None:
        if found.slug != slug:
            raise NotFound(
                _(
                    "The folder has another course now, {other}. Ask the people who run this "
                    "service.",
                    other=found.slug,
                )
            )

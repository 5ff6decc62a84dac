"""Releasing and fetching assignments."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from courses import archives
from courses.archives import Limits
from courses.classroom.desks.base import Desk, Upload, not_released, released
from courses.course import Caller
from courses.store import Incoming, access, releases
from courses.store import courses as course_rows
from courses.store.audit import now


class Releases(Desk):
    """The student versions."""

    def release(self, who: Caller, slug: str, name: str) -> Upload:
        """An instructor releases an assignment; the answer is the time."""
        with self.store.reading() as session:
            access.teacher(session, slug, who)
            course_rows.find_assignment(session, slug, name)

        def finish(incoming: Incoming) -> datetime:
            archives.inspect(incoming.path, Limits(self.staff_max_bytes))
            blob, at = incoming.keep(), now()
            with self.store.writing() as session:
                access.teacher(session, slug, who)
                releases.release(session, slug, name, blob.sha256, actor=who.name, at=at)
            return at

        return Upload(self.staff_max_bytes, finish)

    def withdraw(self, who: Caller, slug: str, name: str) -> None:
        """An instructor takes a release back."""
        with self.store.writing() as session:
            access.teacher(session, slug, who)
            if not releases.withdraw(session, slug, name, actor=who.name, at=now()):
                raise not_released(name)

    def fetch(self, who: Caller, slug: str, name: str) -> Path:
        """The released archive; remembers that the person has fetched it."""
        with self.store.writing() as session:
            access.member(session, slug, who)
            released(session, slug, name)
            releases.remember_fetch(session, slug, name, who.name, now())
            return self.store.blobs.path(releases.releases(session, slug)[name].sha256)

    def directory(self, who: Caller, slug: str) -> Path:
        """The course directory as it was synchronised, for staff."""
        with self.store.reading() as session:
            access.staff(session, slug, who)
            return self.store.blobs.path(course_rows.find_course(session, slug).directory)

"""Releasing and fetching assignments."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from courses import archives
from courses.archives import Limits
from courses.classroom.desks.base import Desk, Upload, not_released, released
from courses.course import Caller, Role
from courses.errors import NotFound
from courses.language import gettext as _
from courses.store import Incoming, access, releases
from courses.store import courses as course_rows
from courses.store.audit import now

# Of a whole course directory, which may be larger than any one archive that is sent.
_MAX_FILES = 50_000


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

    def stored(self, who: Caller, slug: str) -> datetime | None:
        """When the student versions came in, for who may release them; None for others."""
        with self.store.reading() as session:
            if access.role_of(session, slug, who.name) is not Role.INSTRUCTOR:
                return None
            return course_rows.find_course(session, slug).synchronised

    def release_stored(self, who: Caller, slug: str, name: str) -> None:
        """An instructor releases the student version that came in with the course."""
        with self.store.reading() as session:
            access.teacher(session, slug, who)
            course_rows.find_assignment(session, slug, name)
            directory = self.store.blobs.path(course_rows.find_course(session, slug).directory)
        with tempfile.TemporaryDirectory(prefix="lesesal-") as scratch:
            folder, archive = Path(scratch) / "course", Path(scratch) / "release.zip"
            archives.extract(directory, folder, Limits(self.staff_max_bytes, _MAX_FILES))
            version = folder / "release" / name
            if not version.is_dir():
                raise NotFound(
                    _(
                        "There is no student version of {title} here. Bring in the course again.",
                        title=name,
                    )
                )
            archives.pack(version, archive)
            blob = self.store.blobs.keep_file(archive)
        with self.store.writing() as session:
            access.teacher(session, slug, who)
            releases.release(session, slug, name, blob.sha256, actor=who.name, at=now())

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

"""A course's folder comes into the classroom: checked, generated, stored, released."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from courses import archives, catalogue
from courses.catalogue import folder as course_folder
from courses.course import Course
from courses.grading.generate import generate
from courses.store import Blob, Store, releases
from courses.store.audit import now
from courses.store.courses import content_digest, put_course


@dataclass(frozen=True)
class Synchronised:
    """The course that is there now, and what changed on the way, a phrase each."""

    course: Course
    changes: tuple[str, ...]


def sync(
    store: Store, folder: Path, *, actor: str, release: bool = False, force: bool = False
) -> Synchronised:
    """Bring the course in a folder into the classroom, or bring it up to date.

    Submissions, receipts and feedback are never touched. A folder whose content is the one that is
    stored already is not generated again, unless ``force``.

    Args:
        actor: who does this, for the audit.
        release: also release the student version of each assignment, where it changed.

    Raises `CatalogueError`, `GenerateError`, `NoSpace`; then the classroom is as it was.
    """
    course = catalogue.load(folder)
    content = course_folder.digest(folder)
    with store.reading() as session:
        known = content_digest(session, course.slug) == content
        released = releases.releases(session, course.slug)
    names = {assignment.name for assignment in course.assignments}
    if known and not force and (not release or names <= released.keys()):
        return Synchronised(course, ())
    with tempfile.TemporaryDirectory(prefix="lesesal-") as scratch:
        directory = Path(scratch) / course.slug
        generate(course, folder, directory)
        archive = _pack(store, directory, Path(scratch) / "directory.zip")
        students = {
            name: _pack(store, directory / "release" / name, Path(scratch) / f"{name}.zip")
            for name in sorted(names if release else ())
        }
    at = now()
    with store.writing() as session:
        changes = put_course(
            session, course, content=content, directory=archive.sha256, actor=actor, at=at
        )
        for name, blob in students.items():
            if name not in released or released[name].sha256 != blob.sha256:
                releases.release(session, course.slug, name, blob.sha256, actor=actor, at=at)
                changes.append(f"assignment {name} is released")
    return Synchronised(course, tuple(changes))


def _pack(store: Store, folder: Path, archive: Path) -> Blob:
    archives.pack(folder, archive)
    return store.blobs.keep_file(archive)

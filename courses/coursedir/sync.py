"""A course's folder comes into the classroom: checked, compared, generated, stored, released."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from courses import archives, catalogue, git
from courses.archives import Limits
from courses.catalogue import folder as course_folder
from courses.course import Course
from courses.coursedir.generate import generate
from courses.errors import Outdated
from courses.language import gettext as _
from courses.store import Blob, Store, releases
from courses.store.audit import now
from courses.store.courses import Source, content_digest, put_course, source_of

# What a course directory holds was packed here, and is not a stranger's.
_OURS = Limits(bytes=10**12, files=10**6)


@dataclass(frozen=True)
class Synchronised:
    """The course that is there now, and what changed on the way, a phrase each."""

    course: Course
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """What bringing a folder in would change.

    Attributes:
        course: as the folder describes it.
        changes: a phrase each; empty when nothing would.
        content: the digest of the folder's files, to bring in exactly these.
        revision: what git calls this version of the folder; empty when it is in no repository.
    """

    course: Course
    changes: tuple[str, ...]
    content: str
    revision: str


def compare(store: Store, folder: Path) -> Comparison:
    """Say what `sync` would change, and change nothing. Raises `CatalogueError`."""
    course = catalogue.load(folder)
    content, revision = course_folder.digest(folder), git.revision(folder)
    with store.reading() as session:
        before = source_of(session, course.slug)
    if before is not None and before.content == content:
        return Comparison(course, (), content, revision)
    with store.writing() as session:
        # Tried and taken back: what is foretold is what would happen.
        trial = session.begin_nested()
        changes = put_course(session, course, content=content, directory="", actor="", at=now())
        trial.rollback()
    if before is not None:
        changes += _file_changes(store, before, folder, course)
    return Comparison(course, tuple(changes), content, revision)


def sync(
    store: Store,
    folder: Path,
    *,
    actor: str,
    release: bool = False,
    force: bool = False,
    expected: str = "",
) -> Synchronised:
    """Bring the course in a folder into the classroom, or bring it up to date.

    Submissions, receipts and feedback are never touched. A folder whose content is the one that is
    stored already is not generated again, unless ``force``.

    Args:
        actor: who does this, for the audit.
        release: also release the student version of each assignment, where it changed.
        expected: the content that was compared; `Outdated` when the folder has another by now.

    Raises `CatalogueError`, `GenerateError`, `NoSpace`; then the classroom is as it was.
    """
    course = catalogue.load(folder)
    content = course_folder.digest(folder)
    if expected not in ("", content):
        raise Outdated(
            _("The folder has changed since you looked. Look again at what would change.")
        )
    with store.reading() as session:
        known = content_digest(session, course.slug) == content
        released = releases.releases(session, course.slug)
        before = source_of(session, course.slug)
    names = {assignment.name for assignment in course.assignments}
    if known and not force and (not release or names <= released.keys()):
        return Synchronised(course, ())
    files = _file_changes(store, before, folder, course) if before else []
    with tempfile.TemporaryDirectory(prefix="lesesal-") as scratch:
        directory = Path(scratch) / course.slug
        generate(course, folder, directory)
        archive = _pack(store, directory, Path(scratch) / "directory.zip")
        students = {
            name: _pack(store, directory / "release" / name, Path(scratch) / f"{name}.zip")
            for name in sorted(names if release else ())
        }
    at, revision = now(), git.revision(folder)
    with store.writing() as session:
        changes = put_course(
            *(session, course),
            content=content,
            directory=archive.sha256,
            folder=str(folder.resolve()),
            revision=revision,
            actor=actor,
            at=at,
        )
        for name, blob in students.items():
            if name not in released or released[name].sha256 != blob.sha256:
                releases.release(session, course.slug, name, blob.sha256, actor=actor, at=at)
                changes.append(_("assignment {name} is released", name=name))
    return Synchronised(course, (*changes, *files))


def _file_changes(store: Store, before: Source, folder: Path, course: Course) -> list[str]:
    """Which files of assignments that stay are new, changed or gone, a phrase each."""
    stored = {
        each.path: each.sha256
        for each in archives.inspect(store.blobs.path(before.directory), _OURS)
        if each.path.startswith("source/")
    }
    renamed = {each.was: each.name for each in course.assignments if each.was}
    stored = {_moved(path, renamed): digest for path, digest in stored.items()}
    present = {}
    for assignment in course.assignments:
        for path in course_folder.files_of(folder, assignment.name):
            present[path.relative_to(folder).as_posix()] = hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
    known = {path.split("/")[1] for path in stored}
    changes = []
    for name in sorted(stored.keys() | present.keys()):
        if name.split("/")[1] not in known & {each.name for each in course.assignments}:
            continue  # the whole assignment is new, or is withdrawn
        if name not in present:
            changes.append(_("file {path} is gone", path=name))
        elif name not in stored:
            changes.append(_("file {path} is new", path=name))
        elif stored[name] != present[name]:
            changes.append(_("file {path} changes", path=name))
    return changes


def _moved(path: str, renamed: dict[str, str]) -> str:
    top, name, rest = path.split("/", 2)
    return f"{top}/{renamed.get(name, name)}/{rest}"


def _pack(store: Store, folder: Path, archive: Path) -> Blob:
    archives.pack(folder, archive)
    return store.blobs.keep_file(archive)

"""A course to test with, and what puts it into a store."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

from courses.course import Assignment, Course, Enrolment, LateRule, Role
from courses.grades import Grading
from courses.store import Store, people
from courses.store.courses import put_course

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
EARLIER = datetime(2020, 1, 1, tzinfo=UTC)


def zipped(files: dict[str, bytes]) -> bytes:
    """An archive of these files, the same bytes each time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def unzipped(archive: bytes) -> dict[str, bytes]:
    """The files in an archive."""
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        return {name: found.read(name) for name in found.namelist()}


def course(slug: str = "optics", **changes: object) -> Course:
    """A course with an open, a closed, a late and an unreleased assignment."""
    values: dict[str, object] = {
        "slug": slug,
        "title": "Optics",
        "summary": "Light, and what becomes of it.",
        "offers": ("cpu-small",),
        "timezone": "Europe/Oslo",
        "assignments": (
            Assignment(
                *("lenses", "Lenses", LATER, LateRule.REFUSE, 100_000),
                grading=Grading(pass_percent=60.0),
            ),
            Assignment("mirrors", "Mirrors", EARLIER, LateRule.REFUSE),
            Assignment("prisms", "Prisms", EARLIER, LateRule.ACCEPT),
            Assignment("lasers", "Lasers"),
        ),
    }
    return Course(**(values | changes))  # type: ignore[arg-type]


def put(
    store: Store,
    value: Course,
    at: datetime = NOW,
    content: str = "c",
    directory: str = "d",
) -> list[str]:
    with store.writing() as session:
        return put_course(session, value, content=content, directory=directory, actor="test", at=at)


def enrol(store: Store, slug: str, **roles: str) -> None:
    with store.writing() as session:
        for user, role in roles.items():
            people.enrol(session, Enrolment(slug, user, Role(role)), actor="test", at=NOW)

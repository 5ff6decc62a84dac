"""Which assignments are released, and who fetched them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from courses.store.audit import note
from courses.store.base import Base, Moment
from courses.store.courses import AssignmentRow, CourseRow, find_assignment


class ReleaseRow(Base):
    """The one release of an assignment that holds; earlier ones are in the audit."""

    __tablename__ = "releases"

    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    released: Mapped[datetime] = mapped_column(Moment)


class FetchRow(Base):
    """That a person fetched an assignment, and when last."""

    __tablename__ = "fetches"
    __table_args__ = (UniqueConstraint("assignment_id", "user"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    user: Mapped[str] = mapped_column(String(255))
    fetched: Mapped[datetime] = mapped_column(Moment)


@dataclass(frozen=True)
class Release:
    """The digest of the student version's archive, and since when it is out."""

    sha256: str
    released: datetime


def release(
    session: Session, slug: str, name: str, sha256: str, *, actor: str, at: datetime
) -> None:
    """Release an assignment, in place of an earlier release. Raises `NotFound`."""
    assignment = find_assignment(session, slug, name)
    row = session.get(ReleaseRow, assignment.id)
    if row is None:
        row = ReleaseRow(assignment_id=assignment.id)
        session.add(row)
    before = {"sha256": row.sha256} if row.sha256 else None
    row.sha256, row.released = sha256, at
    after = {"sha256": sha256}
    note(
        session,
        actor,
        "release",
        slug,
        at,
        before=before,
        after=after,
        assignment=name,
        sha256=sha256,
    )


def withdraw(session: Session, slug: str, name: str, *, actor: str, at: datetime) -> bool:
    """Take a release back; return whether there was one. Raises `NotFound`."""
    row = session.get(ReleaseRow, find_assignment(session, slug, name).id)
    if row is None:
        return False
    session.delete(row)
    before = {"sha256": row.sha256}
    note(session, actor, "withdraw", slug, at, before=before, assignment=name, sha256=row.sha256)
    return True


def releases(session: Session, slug: str) -> dict[str, Release]:
    """All releases of a course, by the assignment's name."""
    rows = session.execute(
        select(AssignmentRow.name, ReleaseRow.sha256, ReleaseRow.released)
        .join(ReleaseRow, ReleaseRow.assignment_id == AssignmentRow.id)
        .join(CourseRow, CourseRow.id == AssignmentRow.course_id)
        .where(CourseRow.slug == slug)
    )
    return {name: Release(sha256, released) for name, sha256, released in rows}


def remember_fetch(session: Session, slug: str, name: str, user: str, at: datetime) -> None:
    """Remember that the person has fetched the assignment now. Raises `NotFound`."""
    assignment = find_assignment(session, slug, name)
    row = session.scalar(select(FetchRow).filter_by(assignment_id=assignment.id, user=user))
    if row is None:
        row = FetchRow(assignment_id=assignment.id, user=user)
        session.add(row)
    before = {"fetched": row.fetched} if row.fetched else None
    row.fetched = at
    after = {"fetched": at}
    note(
        session,
        user,
        "fetch",
        slug,
        at,
        subject=user,
        before=before,
        after=after,
        assignment=name,
    )


def fetches(session: Session, slug: str) -> dict[tuple[str, str], datetime]:
    """Who fetched what in a course, and when last: ``{(assignment, user): …}``."""
    rows = session.execute(
        select(AssignmentRow.name, FetchRow.user, FetchRow.fetched)
        .join(FetchRow, FetchRow.assignment_id == AssignmentRow.id)
        .join(CourseRow, CourseRow.id == AssignmentRow.course_id)
        .where(CourseRow.slug == slug)
    )
    return {(name, user): fetched for name, user, fetched in rows}

"""Who is in which course, as what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from courses.course import Course, Enrolment, Role
from courses.errors import NotFound, Refused
from courses.language import gettext as _
from courses.store.audit import note
from courses.store.base import Base, Moment
from courses.store.courses import CourseRow, find_course, get_course

ORDER = (Role.INSTRUCTOR, Role.ASSISTANT, Role.STUDENT)


class EnrolmentRow(Base):
    """One person in one course; ``user`` is the hub's name of the person.

    ``code_id`` is the join code whose seat the person has.
    """

    __tablename__ = "enrolments"
    __table_args__ = (UniqueConstraint("course_id", "user"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    user: Mapped[str] = mapped_column(String(255), index=True)
    role: Mapped[str] = mapped_column(String(20))
    since: Mapped[datetime] = mapped_column(Moment)
    code_id: Mapped[int | None] = mapped_column(ForeignKey("join_codes.id"))


@dataclass(frozen=True)
class Member:
    """One person of a course, as its staff sees it."""

    user: str
    role: Role
    since: datetime
    by_code: bool


def enrol(
    session: Session,
    enrolment: Enrolment,
    *,
    actor: str,
    at: datetime,
    code_id: int | None = None,
) -> bool:
    """Enrol a person or change the role; return whether anything changed.

    Raises `NotFound`, and `Refused` when it is the last instructor's role.
    """
    course = find_course(session, enrolment.course)
    row = session.scalar(select(EnrolmentRow).filter_by(course_id=course.id, user=enrolment.user))
    if row is not None and row.role == enrolment.role:
        return False
    before = None if row is None else {"role": row.role}
    if row is None:
        row = EnrolmentRow(course_id=course.id, user=enrolment.user, since=at, code_id=code_id)
        session.add(row)
    elif row.role == Role.INSTRUCTOR:
        _keep_an_instructor(session, course, enrolment.user)
    row.role = enrolment.role.value
    note(
        session,
        actor,
        "enrol",
        course.slug,
        at,
        before=before,
        after={"role": row.role},
        user=enrolment.user,
        role=row.role,
    )
    return True


def leave(session: Session, slug: str, user: str, *, actor: str, at: datetime) -> None:
    """Take a person out of a course; what was handed in stays.

    Raises `NotFound`, and `Refused` for the last instructor.
    """
    course = find_course(session, slug)
    row = session.scalar(select(EnrolmentRow).filter_by(course_id=course.id, user=user))
    if row is None:
        raise NotFound(_("{user} is not in this course.", user=user))
    if row.role == Role.INSTRUCTOR:
        _keep_an_instructor(session, course, user)
    session.delete(row)
    session.flush()
    note(session, actor, "unenrol", slug, at, before={"role": row.role}, user=user)


def lock(session: Session, slug: str) -> None:
    """Until the transaction's end, nobody else changes who is in the course.

    SQLite lets only one write anyway.
    """
    session.scalar(select(CourseRow.id).filter_by(slug=slug).with_for_update())


def _keep_an_instructor(session: Session, course: CourseRow, user: str) -> None:
    lock(session, course.slug)
    others = select(EnrolmentRow.id).where(
        EnrolmentRow.course_id == course.id,
        EnrolmentRow.role == Role.INSTRUCTOR.value,
        EnrolmentRow.user != user,
    )
    if session.scalar(others.limit(1)) is None:
        raise Refused(
            _(
                "{user} is the last instructor of this course. "
                "Make somebody else an instructor first.",
                user=user,
            )
        )


def courses_of(session: Session, user: str) -> list[tuple[Course, Role]]:
    """The person's courses, by title."""
    found = session.execute(
        select(CourseRow.slug, EnrolmentRow.role)
        .join(EnrolmentRow, EnrolmentRow.course_id == CourseRow.id)
        .where(EnrolmentRow.user == user)
        .order_by(CourseRow.title, CourseRow.slug)
    )
    return [(get_course(session, slug), Role(role)) for slug, role in found.all()]


def people(session: Session, slug: str) -> list[Enrolment]:
    """All people of a course: instructors first, then assistants, then by name."""
    rows = session.execute(
        select(EnrolmentRow.user, EnrolmentRow.role).join(CourseRow).where(CourseRow.slug == slug)
    )
    found = [Enrolment(slug, user, Role(role)) for user, role in rows]
    return sorted(found, key=lambda each: (ORDER.index(each.role), each.user))


def members(session: Session, slug: str) -> list[Member]:
    """The same people, with when and how they came."""
    rows = session.execute(
        select(EnrolmentRow.user, EnrolmentRow.role, EnrolmentRow.since, EnrolmentRow.code_id)
        .join(CourseRow)
        .where(CourseRow.slug == slug)
    )
    found = [Member(user, Role(role), since, code is not None) for user, role, since, code in rows]
    return sorted(found, key=lambda each: (ORDER.index(each.role), each.user))


def everybody(session: Session) -> list[Enrolment]:
    """All people of all courses."""
    rows = session.execute(
        select(CourseRow.slug, EnrolmentRow.user, EnrolmentRow.role).join(EnrolmentRow)
    )
    return [Enrolment(slug, user, Role(role)) for slug, user, role in rows]


def slugs(session: Session) -> list[str]:
    """The slugs of all courses."""
    return list(session.scalars(select(CourseRow.slug).order_by(CourseRow.slug)))

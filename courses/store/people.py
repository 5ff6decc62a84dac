"""Who is in which course, as what."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from courses.course import Course, Enrolment, Role
from courses.store.audit import note
from courses.store.base import Base, Moment
from courses.store.courses import CourseRow, find_course, get_course

ORDER = (Role.INSTRUCTOR, Role.ASSISTANT, Role.STUDENT)


class EnrolmentRow(Base):
    """One person in one course; ``user`` is the hub's name of the person."""

    __tablename__ = "enrolments"
    __table_args__ = (UniqueConstraint("course_id", "user"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    user: Mapped[str] = mapped_column(String(255), index=True)
    role: Mapped[str] = mapped_column(String(20))
    since: Mapped[datetime] = mapped_column(Moment)


def enrol(session: Session, enrolment: Enrolment, *, actor: str, at: datetime) -> bool:
    """Enrol a person or change the role; return whether anything changed. Raises `NotFound`."""
    course = find_course(session, enrolment.course)
    row = session.scalar(select(EnrolmentRow).filter_by(course_id=course.id, user=enrolment.user))
    if row is not None and row.role == enrolment.role:
        return False
    if row is None:
        row = EnrolmentRow(course_id=course.id, user=enrolment.user, since=at)
        session.add(row)
    row.role = enrolment.role.value
    note(session, actor, "enrol", course.slug, at, user=enrolment.user, role=row.role)
    return True


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

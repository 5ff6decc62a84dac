"""Courses and their assignments, as they were synchronised last."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from courses.course import Assignment, ClassHours, Course, LateRule
from courses.environment import Environment
from courses.errors import NotFound
from courses.store.audit import note
from courses.store.base import Base, Moment


class CourseRow(Base):
    """A course. ``content`` is the digest of its files, ``directory`` of its packed folder."""

    __tablename__ = "courses"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(30), unique=True)
    title: Mapped[str]
    summary: Mapped[str]
    offers: Mapped[list[str]] = mapped_column(JSON)
    timezone: Mapped[str]
    classes: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    environment: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    content: Mapped[str] = mapped_column(String(64))
    directory: Mapped[str] = mapped_column(String(64))
    synchronised: Mapped[datetime] = mapped_column(Moment)

    assignments: Mapped[list[AssignmentRow]] = relationship(
        back_populates="course", order_by="AssignmentRow.position"
    )


class AssignmentRow(Base):
    """An assignment. One that left course.toml stays, withdrawn, for the work handed in to it."""

    __tablename__ = "assignments"
    __table_args__ = (UniqueConstraint("course_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    name: Mapped[str] = mapped_column(String(64))
    title: Mapped[str]
    due: Mapped[datetime | None] = mapped_column(Moment)
    late: Mapped[str] = mapped_column(String(10))
    max_bytes: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int]
    withdrawn: Mapped[bool]

    course: Mapped[CourseRow] = relationship(back_populates="assignments")

    def value(self) -> Assignment:
        return Assignment(self.name, self.title, self.due, LateRule(self.late), self.max_bytes)


def find_course(session: Session, slug: str) -> CourseRow:
    """The row of a course; raises `NotFound`."""
    row = session.scalar(select(CourseRow).filter_by(slug=slug))
    if row is None:
        raise NotFound(f"There is no course {slug!r}. Look at the list of your courses.")
    return row


def find_assignment(session: Session, slug: str, name: str) -> AssignmentRow:
    """The row of an assignment that is not withdrawn; raises `NotFound`."""
    row = session.scalar(
        select(AssignmentRow).filter_by(
            course_id=find_course(session, slug).id, name=name, withdrawn=False
        )
    )
    if row is None:
        raise NotFound(f"There is no assignment {name!r} in this course. Look at its list.")
    return row


def get_course(session: Session, slug: str) -> Course:
    """A course with the assignments that are not withdrawn; raises `NotFound`."""
    return _value(find_course(session, slug))


def all_courses(session: Session) -> list[Course]:
    """All courses, by slug."""
    return [_value(row) for row in session.scalars(select(CourseRow).order_by(CourseRow.slug))]


def content_digest(session: Session, slug: str) -> str | None:
    """The digest of the files that the course was synchronised from; ``None``: no such course."""
    return session.scalar(select(CourseRow.content).filter_by(slug=slug))


def put_course(
    session: Session, course: Course, *, content: str, directory: str, actor: str, at: datetime
) -> list[str]:
    """Bring a course in, or bring it up to date; return what changed, a phrase each.

    Nothing is ever deleted: an assignment that is no longer in the course is withdrawn.
    """
    row = session.scalar(select(CourseRow).filter_by(slug=course.slug))
    changes = [] if row else [f"course {course.slug} is new"]
    if row is None:
        row = CourseRow(slug=course.slug)
        session.add(row)
    elif row.content != content:
        changes.append(f"content of {course.slug} changed")
    row.title, row.summary, row.timezone = course.title, course.summary, course.timezone
    row.offers = list(course.offers)
    row.classes = [
        asdict(each) | {"starts": each.starts.isoformat(), "ends": each.ends.isoformat()}
        for each in course.classes
    ]
    row.environment = asdict(course.environment) if course.environment else None
    row.content, row.directory, row.synchronised = content, directory, at
    session.flush()
    changes += _put_assignments(session, row, course)
    note(session, actor, "sync", course.slug, at, content=content, changes=changes)
    return changes


def _put_assignments(session: Session, row: CourseRow, course: Course) -> list[str]:
    changes = []
    known = {assignment.name: assignment for assignment in row.assignments}
    for position, wanted in enumerate(course.assignments):
        assignment = known.pop(wanted.name, None)
        if assignment is None:
            assignment = AssignmentRow(course_id=row.id, name=wanted.name)
            session.add(assignment)
            changes.append(f"assignment {wanted.name} is new")
        elif assignment.withdrawn:
            changes.append(f"assignment {wanted.name} is back")
        elif assignment.value() != wanted:
            changes.append(f"assignment {wanted.name} changed")
        assignment.title, assignment.due = wanted.title, wanted.due
        assignment.late, assignment.max_bytes = wanted.late.value, wanted.max_bytes
        assignment.position, assignment.withdrawn = position, False
    for assignment in known.values():
        if not assignment.withdrawn:
            assignment.withdrawn = True
            changes.append(f"assignment {assignment.name} is withdrawn; its submissions are kept")
    session.flush()
    session.expire(row)
    return changes


def _class(kept: dict[str, str]) -> ClassHours:
    starts, ends = (datetime.fromisoformat(kept[name]) for name in ("starts", "ends"))
    return ClassHours(starts, ends, kept["reservation"], kept["qos"])


def _value(row: CourseRow) -> Course:
    return Course(
        slug=row.slug,
        title=row.title,
        summary=row.summary,
        offers=tuple(row.offers),
        timezone=row.timezone,
        assignments=tuple(each.value() for each in row.assignments if not each.withdrawn),
        classes=tuple(_class(each) for each in row.classes),
        environment=Environment(**row.environment) if row.environment else None,
    )

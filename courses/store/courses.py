"""Courses and their assignments, as they were synchronised last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from courses import words
from courses.course import Assignment, ClassHours, Course, LateRule
from courses.datasets import Dataset
from courses.environment import Environment
from courses.errors import CatalogueError, NotFound
from courses.grades import Grading, Limits
from courses.language import gettext as _
from courses.store.audit import note
from courses.store.base import Base, Moment


class CourseRow(Base):
    """A course. ``content`` is the digest of its files, ``directory`` of its packed folder.

    ``folder`` is where it was brought in from, and ``revision`` what git called that version.
    """

    __tablename__ = "courses"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(30), unique=True)
    title: Mapped[str]
    summary: Mapped[str]
    offers: Mapped[list[str]] = mapped_column(JSON)
    timezone: Mapped[str]
    classes: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    environment: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    datasets: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    content: Mapped[str] = mapped_column(String(64))
    directory: Mapped[str] = mapped_column(String(64))
    synchronised: Mapped[datetime] = mapped_column(Moment)
    folder: Mapped[str] = mapped_column(default="")
    revision: Mapped[str] = mapped_column(String(41), default="")

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
    penalty_per_day: Mapped[float]
    grace_minutes: Mapped[int]
    max_bytes: Mapped[int] = mapped_column(BigInteger)
    max_files: Mapped[int]
    kinds: Mapped[list[str]] = mapped_column(JSON)
    grading: Mapped[dict[str, Any]] = mapped_column(JSON)
    position: Mapped[int]
    withdrawn: Mapped[bool]

    course: Mapped[CourseRow] = relationship(back_populates="assignments")

    def value(self) -> Assignment:
        return Assignment(
            self.name,
            self.title,
            self.due,
            LateRule(self.late),
            self.max_bytes,
            penalty_per_day=self.penalty_per_day,
            grace_minutes=self.grace_minutes,
            max_files=self.max_files,
            kinds=tuple(self.kinds),
            grading=_grading(self.grading),
        )


def find_course(session: Session, slug: str) -> CourseRow:
    """The row of a course; raises `NotFound`."""
    row = session.scalar(select(CourseRow).filter_by(slug=slug))
    if row is None:
        raise NotFound(
            _("There is no course '{course}'. Look at the list of your courses.", course=slug)
        )
    return row


def find_assignment(session: Session, slug: str, name: str) -> AssignmentRow:
    """The row of an assignment that is not withdrawn; raises `NotFound`."""
    row = session.scalar(
        select(AssignmentRow).filter_by(
            course_id=find_course(session, slug).id, name=name, withdrawn=False
        )
    )
    if row is None:
        raise NotFound(
            _("There is no assignment '{name}' in this course. Look at its list.", name=name)
        )
    return row


def get_course(session: Session, slug: str) -> Course:
    """A course with the assignments that are not withdrawn; raises `NotFound`."""
    return _value(find_course(session, slug))


def withdrawn(session: Session, slug: str) -> tuple[Assignment, ...]:
    """The assignments that have left the course; raises `NotFound`."""
    return tuple(each.value() for each in find_course(session, slug).assignments if each.withdrawn)


def gradings_of(session: Session, slug: str) -> dict[str, Grading]:
    """How each assignment is graded, the withdrawn ones too; raises `NotFound`."""
    return {each.name: each.value().grading for each in find_course(session, slug).assignments}


def all_courses(session: Session) -> list[Course]:
    """All courses, by slug."""
    return [_value(row) for row in session.scalars(select(CourseRow).order_by(CourseRow.slug))]


def source_of(session: Session, slug: str) -> Source | None:
    """Where the course was brought in from; ``None``: no such course."""
    row = session.scalar(select(CourseRow).filter_by(slug=slug))
    return Source(row.content, row.directory, row.folder, row.revision) if row else None


def content_digest(session: Session, slug: str) -> str | None:
    """The digest of the files that the course was synchronised from; ``None``: no such course."""
    return session.scalar(select(CourseRow.content).filter_by(slug=slug))


@dataclass(frozen=True)
class Source:
    """Where a course comes from.

    Attributes:
        content: the digest of the files that make the course.
        directory: the digest of the packed course directory.
        folder: the absolute path; empty when nobody shall look there again.
        revision: what git calls this version of it; empty when it is in no repository.
    """

    content: str
    directory: str
    folder: str = ""
    revision: str = ""


def put_course(
    session: Session,
    course: Course,
    *,
    content: str,
    directory: str,
    actor: str,
    at: datetime,
    folder: str = "",
    revision: str = "",
) -> list[str]:
    """Bring a course in, or bring it up to date; return what changed, a phrase each.

    The source is as `Source` has it.

    Nothing is ever deleted: an assignment that is no longer in the course is withdrawn, and one
    with a new name (``was``) keeps what was handed in to it. Raises `CatalogueError` when a new
    name cannot be given.
    """
    row = session.scalar(select(CourseRow).filter_by(slug=course.slug))
    changes = []
    if row is None:
        row = CourseRow(slug=course.slug)
        session.add(row)
        changes.append(_("course {course} is new", course=course.slug))
    else:
        changes += _course_changes(_value(row), course)
    before = _assignment_values(row)
    row.title, row.summary, row.timezone = course.title, course.summary, course.timezone
    row.offers = list(course.offers)
    row.classes = [
        asdict(each) | {"starts": each.starts.isoformat(), "ends": each.ends.isoformat()}
        for each in course.classes
    ]
    row.environment = asdict(course.environment) if course.environment else None
    row.datasets = [asdict(each) for each in course.datasets]
    row.content, row.directory, row.synchronised = content, directory, at
    row.folder, row.revision = folder, revision
    session.flush()
    changes += _put_assignments(session, row, course)
    after = _assignment_values(row)
    same = {name for name, value in after.items() if before.get(name) == value}
    note(
        *(session, actor, "sync", course.slug, at),
        before={name: value for name, value in before.items() if name not in same},
        after={name: value for name, value in after.items() if name not in same},
        content=content,
        revision=revision,
        changes=changes,
    )
    return changes


def _assignment_values(row: CourseRow) -> dict[str, dict[str, object]]:
    """What the audit tells of a course's assignments, by name."""
    values = (each.value() for each in row.assignments if not each.withdrawn)
    return {each.name: asdict(each) | {"grading": _said(each.grading)} for each in values}


def _said(grading: Grading) -> dict[str, object]:
    """What a course says of grading, without what goes without saying."""
    values, usual = ({**asdict(each), **asdict(each.limits)} for each in (grading, Grading()))
    return {
        name: value for name, value in values.items() if name != "limits" and value != usual[name]
    }


def _course_changes(before: Course, after: Course) -> list[str]:
    words = {
        "title": _("the title is now “{title}”", title=after.title),
        "summary": _("the summary changes"),
        "offers": _("the offers are now {offers}", offers=", ".join(after.offers)),
        "timezone": _("the time zone is now {zone}", zone=after.timezone),
        "classes": _("the class hours change"),
        "environment": _("the environment changes"),
        "datasets": _("the datasets change"),
    }
    return [text for name, text in words.items() if getattr(before, name) != getattr(after, name)]


def _put_assignments(session: Session, row: CourseRow, course: Course) -> list[str]:
    known = {assignment.name: assignment for assignment in row.assignments}
    changes = _rename(known, course)
    session.flush()
    for position, wanted in enumerate(course.assignments):
        assignment = known.pop(wanted.name, None)
        if assignment is None:
            assignment = AssignmentRow(course_id=row.id, name=wanted.name)
            session.add(assignment)
            changes.append(_("assignment {name} is new", name=wanted.name))
        elif assignment.withdrawn:
            changes.append(_("assignment {name} is back", name=wanted.name))
        else:
            changes += _assignment_changes(assignment.value(), wanted, course.timezone)
        assignment.title, assignment.due = wanted.title, wanted.due
        assignment.late, assignment.max_bytes = wanted.late.value, wanted.max_bytes
        assignment.penalty_per_day = wanted.penalty_per_day
        assignment.grace_minutes = wanted.grace_minutes
        assignment.max_files, assignment.kinds = wanted.max_files, list(wanted.kinds)
        assignment.grading = asdict(wanted.grading)
        assignment.position, assignment.withdrawn = position, False
    for assignment in known.values():
        if not assignment.withdrawn:
            assignment.withdrawn = True
            changes.append(
                _(
                    "assignment {name} is withdrawn; what was handed in is kept",
                    name=assignment.name,
                )
            )
    session.flush()
    session.expire(row)
    return changes


def _rename(known: dict[str, AssignmentRow], course: Course) -> list[str]:
    changes = []
    for wanted in course.assignments:
        if not wanted.was or wanted.was not in known:
            continue  # done before, or the course is new
        if wanted.name in known:
            raise CatalogueError(
                [
                    _(
                        "course.toml: {was} cannot become {name}, since there is an assignment "
                        "{name} already. Choose another name.",
                        was=wanted.was,
                        name=wanted.name,
                    )
                ]
            )
        assignment = known[wanted.name] = known.pop(wanted.was)
        assignment.name = wanted.name
        changes.append(
            _(
                "assignment {was} is called {name} now, with all that was handed in",
                was=wanted.was,
                name=wanted.name,
            )
        )
    return changes


def _assignment_changes(before: Assignment, after: Assignment, zone: str) -> list[str]:
    if before == after:
        return []
    name = after.name
    if before.due == after.due:
        return [_("assignment {name} changes", name=name)]
    if after.due is None:
        return [_("assignment {name} has no deadline any more", name=name)]
    due = words.date(after.due, zone)
    return [_("assignment {name} is due on {due} now", name=name, due=due)]


def _grading(kept: Mapping[str, Any]) -> Grading:
    """What step 0011 found has nothing in it yet: it is graded as courses are that say nothing."""
    if not kept:
        return Grading()
    rest = {**kept, "preload": tuple(kept["preload"]), "limits": Limits(**kept["limits"])}
    return Grading(**rest)


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
        datasets=tuple(Dataset(**each) for each in row.datasets),
    )

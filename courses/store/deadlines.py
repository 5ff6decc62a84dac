"""Extensions of deadlines, and the groups of people that they may be given to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    String,
    UniqueConstraint,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from courses.course import Assignment
from courses.deadlines import Extension
from courses.errors import Malformed, NotFound, Refused
from courses.language import gettext as _
from courses.store.audit import note
from courses.store.base import Base, Moment
from courses.store.courses import AssignmentRow, find_assignment, find_course
from courses.store.groups import GroupRow, MemberRow, check_enrolled, find_group


class ExtensionRow(Base):
    """More time for one person or one group; earlier ones, and the withdrawn, are in the audit."""

    __tablename__ = "extensions"
    __table_args__ = (
        UniqueConstraint("assignment_id", "user"),
        UniqueConstraint("assignment_id", "group_id"),
        CheckConstraint('("user" IS NULL) <> (group_id IS NULL)', name="whom"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    user: Mapped[str | None] = mapped_column(String(255))
    group_id: Mapped[int | None] = mapped_column(ForeignKey("course_groups.id"))
    due: Mapped[datetime] = mapped_column(Moment)
    reason: Mapped[str]
    given_by: Mapped[str] = mapped_column(String(255))
    given: Mapped[datetime] = mapped_column(Moment)

    assignment: Mapped[AssignmentRow] = relationship()
    group: Mapped[GroupRow | None] = relationship()


def assignment_for(session: Session, row: AssignmentRow, user: str) -> Assignment:
    """The assignment with the person's own deadline: the latest of all that concern the person."""
    latest = session.scalar(
        select(func.max(ExtensionRow.due)).where(
            ExtensionRow.assignment_id == row.id, _concerns(user)
        )
    )
    return _extended(row, latest)


def assignments_for(session: Session, slug: str, user: str) -> list[Assignment]:
    """The same for all assignments that are not withdrawn, in the course's order."""
    rows = [each for each in find_course(session, slug).assignments if not each.withdrawn]
    latest = (
        select(ExtensionRow.assignment_id, func.max(ExtensionRow.due))
        .where(ExtensionRow.assignment_id.in_([row.id for row in rows]), _concerns(user))
        .group_by(ExtensionRow.assignment_id)
    )
    found = {key: due for key, due in session.execute(latest)}  # noqa: C416  mypy knows no Row
    return [_extended(row, found.get(row.id)) for row in rows]


def assignment_for_each(
    session: Session, row: AssignmentRow, users: Iterable[str]
) -> dict[str, Assignment]:
    """The same for one assignment and many people, by name; two queries however many there are."""
    query = select(ExtensionRow).filter_by(assignment_id=row.id)
    latest: dict[str, datetime] = {}
    for each in session.scalars(query):
        whom = [each.user] if each.user else [member.user for member in _members(each)]
        for user in whom:
            latest[user] = max(each.due, latest.get(user, each.due))
    return {user: _extended(row, latest.get(user)) for user in users}


def extensions(session: Session, slug: str) -> list[Extension]:
    """A course's extensions, by assignment in the course's order, then by their dates."""
    query = (
        select(ExtensionRow)
        .join(AssignmentRow)
        .where(
            AssignmentRow.course_id == find_course(session, slug).id,
            AssignmentRow.withdrawn.is_(False),
        )
        .order_by(AssignmentRow.position, ExtensionRow.due, ExtensionRow.id)
    )
    return [_value(row) for row in session.scalars(query)]


def extend(
    session: Session,
    slug: str,
    name: str,
    *,
    user: str = "",
    group: str = "",
    due: datetime,
    reason: str,
    actor: str,
    at: datetime,
) -> Extension:
    """Give one person or one group until ``due``, in place of what the same had for it before.

    Raises `NotFound`, and `Malformed` when it would not give more time.
    """
    assignment = find_assignment(session, slug, name)
    if assignment.due is None:
        raise Malformed(_("{title} has no deadline to extend.", title=assignment.title))
    if due <= assignment.due:
        raise Malformed(
            _(
                "This is not after the deadline of {title}. Give a later time.",
                title=assignment.title,
            )
        )
    row = _find(session, assignment, user, group)
    before = None if row is None else {"due": row.due, "reason": row.reason}
    if row is None:
        row = ExtensionRow(assignment_id=assignment.id)
        if group:
            row.group_id = find_group(session, slug, group).id
        else:
            check_enrolled(session, slug, [user])
            row.user = user
        session.add(row)
    row.due, row.reason, row.given_by, row.given = due, reason, actor, at
    note(
        session,
        actor,
        "extend",
        slug,
        at,
        before=before,
        after={"due": due, "reason": reason},
        assignment=name,
        user=user or None,
        group=group or None,
    )
    session.flush()
    session.refresh(row)
    return _value(row)


def withdraw(
    session: Session,
    slug: str,
    name: str,
    *,
    user: str = "",
    group: str = "",
    actor: str,
    at: datetime,
) -> None:
    """Take an extension back. Raises `NotFound`."""
    row = _find(session, find_assignment(session, slug, name), user, group)
    if row is None:
        raise NotFound(_("There is no such extension. Look at the list of them."))
    note(
        session,
        actor,
        "withdraw-extension",
        slug,
        at,
        before={"due": row.due, "reason": row.reason, "given_by": row.given_by},
        assignment=name,
        user=user or None,
        group=group or None,
    )
    session.delete(row)
    session.flush()


def remove_group(session: Session, slug: str, name: str, *, actor: str, at: datetime) -> None:
    """Remove a group; its extensions must be withdrawn before. Raises `NotFound`, `Refused`."""
    row = find_group(session, slug, name)
    given = session.scalars(select(ExtensionRow).filter_by(group_id=row.id)).all()
    if any(not each.assignment.withdrawn for each in given):
        raise Refused(
            _("The group {name} has extensions. Withdraw them before you remove it.", name=name)
        )
    before = {"members": [member.user for member in row.members]}
    note(session, actor, "remove-group", slug, at, before=before, group=name)
    for each in given:  # of assignments that left the course
        session.delete(each)
    session.flush()
    session.delete(row)
    session.flush()


def _concerns(user: str) -> ColumnElement[bool]:
    in_groups = select(MemberRow.group_id).where(MemberRow.user == user)
    return or_(ExtensionRow.user == user, ExtensionRow.group_id.in_(in_groups))


def _extended(row: AssignmentRow, due: datetime | None) -> Assignment:
    value = row.value()
    # The assignment's own deadline may have been moved behind the extension, or taken away.
    if due is None or value.due is None or due <= value.due:
        return value
    return replace(value, due=due, extended=True)


def _find(
    session: Session, assignment: AssignmentRow, user: str, group: str
) -> ExtensionRow | None:
    query = select(ExtensionRow).filter_by(assignment_id=assignment.id)
    if group:
        query = query.filter_by(group_id=find_group(session, assignment.course.slug, group).id)
    else:
        query = query.filter_by(user=user)
    return session.scalar(query)


def _members(row: ExtensionRow) -> list[MemberRow]:
    return row.group.members if row.group else []


def _value(row: ExtensionRow) -> Extension:
    return Extension(
        id=row.id,
        assignment=row.assignment.name,
        user=row.user or "",
        group=row.group.name if row.group else "",
        due=row.due,
        reason=row.reason,
        given_by=row.given_by,
        given=row.given,
    )

"""The groups of a course's people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from courses.deadlines import Group
from courses.errors import Malformed, NotFound
from courses.language import gettext as _
from courses.language import ngettext
from courses.store.audit import note
from courses.store.base import Base
from courses.store.courses import find_course
from courses.store.people import EnrolmentRow


class GroupRow(Base):
    """A group of a course's people."""

    __tablename__ = "course_groups"
    __table_args__ = (UniqueConstraint("course_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    name: Mapped[str] = mapped_column(String(64))

    members: Mapped[list[MemberRow]] = relationship(
        order_by="MemberRow.user", cascade="all, delete-orphan"
    )


class MemberRow(Base):
    """One person in one group; who leaves the course stays in it, to no effect."""

    __tablename__ = "group_members"
    __table_args__ = (UniqueConstraint("group_id", "user"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("course_groups.id"))
    user: Mapped[str] = mapped_column(String(255), index=True)


def groups(session: Session, slug: str) -> list[Group]:
    """A course's groups, by name."""
    query = select(GroupRow).filter_by(course_id=find_course(session, slug).id)
    return [_value(row) for row in session.scalars(query.order_by(GroupRow.name))]


def put_group(
    session: Session, slug: str, name: str, members: Sequence[str], *, actor: str, at: datetime
) -> Group:
    """Make a group, or say anew who is in it. Raises `Malformed` where one is not enrolled."""
    course = find_course(session, slug)
    wanted = sorted(set(members))
    check_enrolled(session, slug, wanted)
    row = session.scalar(select(GroupRow).filter_by(course_id=course.id, name=name))
    before = None if row is None else {"members": [member.user for member in row.members]}
    after = {"members": wanted}
    if row is None:
        row = GroupRow(course_id=course.id, name=name)
        session.add(row)
    if before != after:
        known = {member.user: member for member in row.members}
        row.members = [known.get(user) or MemberRow(user=user) for user in wanted]
        note(session, actor, "group", slug, at, before=before, after=after, group=name)
        session.flush()
    return Group(name, tuple(wanted))


def find_group(session: Session, slug: str, name: str) -> GroupRow:
    """The row of a group; raises `NotFound`."""
    course = find_course(session, slug)
    row = session.scalar(select(GroupRow).filter_by(course_id=course.id, name=name))
    if row is None:
        raise NotFound(
            _("There is no group {name} in this course. Make it first.", name=repr(name))
        )
    return row


def check_enrolled(session: Session, slug: str, users: Sequence[str]) -> None:
    """Raise `Malformed` unless all of these people are enrolled, as anything."""
    course = find_course(session, slug)
    query = select(EnrolmentRow.user).filter_by(course_id=course.id)
    known = set(session.scalars(query.where(EnrolmentRow.user.in_(users))))
    missing = [repr(user) for user in users if user not in known]
    if missing:
        raise Malformed(
            ngettext(
                "{names} is not enrolled in this course. Look at the list of its people.",
                "{names} are not enrolled in this course. Look at the list of its people.",
                len(missing),
                names=", ".join(missing[:5]) + (" …" if len(missing) > 5 else ""),
            )
        )


def _value(row: GroupRow) -> Group:
    return Group(row.name, tuple(member.user for member in row.members))

"""What staff has announced to a course."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from courses.announcements import Announcement, Text
from courses.errors import NotFound
from courses.language import gettext as _
from courses.store.audit import note
from courses.store.base import Base, Moment
from courses.store.courses import CourseRow, find_course


class AnnouncementRow(Base):
    """One announcement; those taken down are in the audit."""

    __tablename__ = "announcements"

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), index=True)
    author: Mapped[str] = mapped_column(String(255))
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str]
    written: Mapped[datetime] = mapped_column(Moment)
    until: Mapped[datetime | None] = mapped_column(Moment)

    course: Mapped[CourseRow] = relationship()


def announce(session: Session, slug: str, text: Text, *, actor: str, at: datetime) -> Announcement:
    """Put up an announcement. Raises `NotFound`."""
    row = AnnouncementRow(
        course_id=find_course(session, slug).id,
        author=actor,
        title=text.title,
        text=text.text,
        written=at,
        until=text.until,
    )
    session.add(row)
    session.flush()
    note(session, actor, "announce", slug, at, after=_told(row), id=row.id)
    return _value(row)


def take_down(session: Session, slug: str, number: int, *, actor: str, at: datetime) -> None:
    """Take an announcement down. Raises `NotFound`."""
    row = session.get(AnnouncementRow, number)
    if row is None or row.course.slug != slug:
        raise NotFound(_("This announcement is not there any more."))
    note(session, actor, "take-down", slug, at, before=_told(row), id=row.id)
    session.delete(row)


def current(session: Session, slug: str, at: datetime) -> list[Announcement]:
    """The announcements of a course that hold at this moment, newest first."""
    rows = session.scalars(
        select(AnnouncementRow)
        .join(CourseRow)
        .where(CourseRow.slug == slug)
        .where(or_(AnnouncementRow.until.is_(None), AnnouncementRow.until > at))
        .order_by(AnnouncementRow.id.desc())
    )
    return [_value(row) for row in rows]


def _told(row: AnnouncementRow) -> dict[str, object]:
    return {"title": row.title, "text": row.text, "until": row.until}


def _value(row: AnnouncementRow) -> Announcement:
    return Announcement(row.id, row.author, row.title, row.text, row.written, row.until)

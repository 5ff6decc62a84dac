"""Who changed what: a row for each change, written in the transaction that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from courses.store.base import Base, Moment


class AuditRow(Base):
    """One change. Names are kept as text: the row outlives what it tells about."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str] = mapped_column(String(255))
    action: Mapped[str] = mapped_column(String(40))
    course: Mapped[str] = mapped_column(String(30), index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)


@dataclass(frozen=True)
class Change:
    """What the audit tells of one change."""

    at: datetime
    actor: str
    action: str
    course: str
    detail: dict[str, Any]


def note(
    session: Session, actor: str, action: str, course: str, at: datetime, **detail: object
) -> None:
    """Add a row to the open transaction; it is there exactly when the change is."""
    session.add(AuditRow(at=at, actor=actor, action=action, course=course, detail=detail))


def changes(session: Session, course: str) -> list[Change]:
    """All changes of a course, oldest first."""
    rows = session.scalars(select(AuditRow).filter_by(course=course).order_by(AuditRow.id))
    return [Change(row.at, row.actor, row.action, row.course, row.detail) for row in rows]


def now() -> datetime:
    """The classroom's clock."""
    return datetime.now(UTC)

"""Who changed what: a row for each change, written in the transaction that makes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Select, String, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from courses.store.base import Base, Moment


class AuditRow(Base):
    """One change. Names are kept as text: the row outlives what it tells about.

    ``subject`` is the person whom it is about, where it is about one.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str] = mapped_column(String(255), index=True)
    action: Mapped[str] = mapped_column(String(40))
    course: Mapped[str] = mapped_column(String(30), index=True)
    subject: Mapped[str | None] = mapped_column(String(255), index=True)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)


@dataclass(frozen=True)
class Change:
    """What the audit tells of one change.

    Attributes:
        id: rises with time.
        subject: the person whom it is about; None when it is about nobody alone.
        before, after: the values that it changed; None where there were none, or are none now.
        detail: what else there is to know, ``assignment`` among it.
    """

    id: int
    at: datetime
    actor: str
    action: str
    course: str
    subject: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    detail: dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """Which changes; what is empty or None does not matter.

    Attributes:
        person: who made them, or whom they are about.
        older_than: only those before the change of this id.
    """

    person: str = ""
    action: str = ""
    assignment: str = ""
    older_than: int | None = None


def note(
    session: Session,
    actor: str,
    action: str,
    course: str,
    at: datetime,
    *,
    subject: str | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    **detail: object,
) -> None:
    """Add a row to the open transaction; it is there exactly when the change is.

    Args:
        subject: the person whom it is about; by default the ``user`` of the details.
        before, after: the values that change, by name.
    """
    user = detail.get("user")
    session.add(
        AuditRow(
            at=at,
            actor=actor,
            action=action,
            course=course,
            subject=subject or (str(user) if user else None),
            before=None if before is None else _plain(before),
            after=None if after is None else _plain(after),
            detail=_plain(detail),
        )
    )


def changes(session: Session, course: str) -> list[Change]:
    """All changes of a course, oldest first."""
    return _values(session, select(AuditRow).filter_by(course=course).order_by(AuditRow.id))


def search(session: Session, course: str, wanted: Wanted, limit: int) -> list[Change]:
    """The newest changes of a course that are wanted, newest first, at most ``limit``."""
    query = select(AuditRow).filter_by(course=course).order_by(AuditRow.id.desc()).limit(limit)
    if wanted.person:
        query = query.where(or_(AuditRow.actor == wanted.person, AuditRow.subject == wanted.person))
    if wanted.action:
        query = query.where(AuditRow.action == wanted.action)
    if wanted.assignment:
        query = query.where(AuditRow.detail["assignment"].as_string() == wanted.assignment)
    if wanted.older_than is not None:
        query = query.where(AuditRow.id < wanted.older_than)
    return _values(session, query)


def actions(session: Session, course: str) -> list[str]:
    """The kinds of change that a course has seen, by name."""
    return sorted(session.scalars(select(AuditRow.action).filter_by(course=course).distinct()))


def naming(session: Session, user: str) -> list[Change]:
    """All changes that a person made or that are about the person, oldest first."""
    query = select(AuditRow).where(or_(AuditRow.actor == user, AuditRow.subject == user))
    return _values(session, query.order_by(AuditRow.id))


def now() -> datetime:
    """The classroom's clock."""
    return datetime.now(UTC)


def _values(session: Session, query: Select[AuditRow]) -> list[Change]:
    return [
        Change(
            row.id,
            row.at,
            row.actor,
            row.action,
            row.course,
            row.subject,
            row.before,
            row.after,
            row.detail,
        )
        for row in session.scalars(query)
    ]


def _plain(values: Mapping[str, object]) -> dict[str, Any]:
    """What JSON can hold: moments as ISO 8601, all else that it lacks as text."""
    found: dict[str, Any] = json.loads(json.dumps(dict(values), default=_text))
    return found


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)

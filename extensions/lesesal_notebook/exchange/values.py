"""What travels between a session and the classroom: values, read from JSON.

Every `from_json` raises KeyError, TypeError or ValueError when the JSON is not what
docs/exchange-api.md promises; the client turns that into a sentence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# nbgrader's own format (`Exchange.timestamp_format`): timestamp.txt, the names of feedback
# folders and the Assignment List page all show it.
TIMESTAMP = "%Y-%m-%d %H:%M:%S.%f UTC"


def moment(text: str) -> datetime:
    """An ISO 8601 time as an aware datetime in UTC."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def moment_or_none(text: str | None) -> datetime | None:
    """`moment`, where the API allows null."""
    return None if text is None else moment(text)


def for_people(when: datetime) -> str:
    """A time as a receipt states it: `2026-11-21 20:17:03 UTC`."""
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def is_plain_name(name: str) -> bool:
    """Whether a name from outside can be one folder's name, and a visible one."""
    return (
        0 < len(name.encode(errors="replace")) <= 255
        and not name.startswith(".")
        and name.isprintable()
        and "/" not in name
        and "\\" not in name
    )


@dataclasses.dataclass(frozen=True)
class Check:
    """What the tests that a student can see say of a version.

    `waiting`: they are being run. `failed` has the names of those that were not passed, `says` a
    sentence on how it ended, if it did not go well.
    """

    waiting: bool
    passed: int
    count: int
    failed: tuple[str, ...]
    says: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Check:
        return cls(
            waiting=bool(data["waiting"]),
            passed=int(data["passed"]),
            count=int(data["count"]),
            failed=tuple(str(name) for name in data["failed"]),
            says=str(data["says"]),
        )


@dataclasses.dataclass(frozen=True)
class Submission:
    """One handed-in version. `user` is empty where the list is one's own.

    `check` is None where the visible tests are not run at once, and in lists of everybody's.
    `to_grade` is true for one of each person's: the last, or the one that the person has named.
    """

    id: str
    user: str
    received: datetime
    on_time: bool
    feedback: datetime | None
    score: float | None
    max_score: float | None
    to_grade: bool
    check: Check | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Submission:
        check = data.get("check")
        return cls(
            id=str(data["id"]),
            user=str(data.get("user", "")),
            received=moment(data["timestamp"]),
            on_time=bool(data["on_time"]),
            feedback=moment_or_none(data["feedback"]),
            score=data["score"],
            max_score=data["max_score"],
            to_grade=bool(data["to_grade"]),
            check=Check.from_json(check) if check else None,
        )

    @property
    def timestamp(self) -> str:
        """When it was received, in nbgrader's format."""
        return self.received.strftime(TIMESTAMP)


@dataclasses.dataclass(frozen=True)
class Late:
    """How late one hand-in is by the deadline that its person has now.

    `days` are started ones after deadline and grace, `penalty` is the share of the points, 0 to 1.
    """

    id: str
    user: str
    received: datetime
    due: datetime | None
    days: int
    penalty: float

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Late:
        return cls(
            id=str(data["id"]),
            user=str(data["user"]),
            received=moment(data["timestamp"]),
            due=moment_or_none(data["due"]),
            days=int(data["days"]),
            penalty=float(data["penalty"]),
        )


@dataclasses.dataclass(frozen=True)
class Assignment:
    """One assignment as the caller sees it, with the caller's own submissions, oldest first.

    `due` is the caller's own deadline.
    """

    name: str
    title: str
    due: datetime | None
    extended: bool
    late: str
    penalty_per_day: float
    grace_minutes: int
    max_bytes: int | None
    released: datetime | None
    submissions: tuple[Submission, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Assignment:
        name = str(data["name"])
        if not is_plain_name(name):
            raise ValueError(name)
        return cls(
            name=name,
            title=str(data["title"]),
            due=moment_or_none(data["due"]),
            extended=bool(data["extended"]),
            late=str(data["late"]),
            penalty_per_day=float(data["penalty_per_day"]),
            grace_minutes=int(data["grace_minutes"]),
            max_bytes=data["max_bytes"],
            released=moment_or_none(data["released"]),
            submissions=tuple(Submission.from_json(one) for one in data["submissions"]),
        )


@dataclasses.dataclass(frozen=True)
class Receipt:
    """What proves a submission; `text` is the classroom's JSON, kept as it came."""

    id: str
    received: datetime
    due: datetime | None
    on_time: bool
    content: str
    text: Mapping[str, Any]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Receipt:
        return cls(
            id=str(data["id"]),
            received=moment(data["timestamp"]),
            due=moment_or_none(data["due"]),
            on_time=bool(data["on_time"]),
            content=str(data["content"]),
            text=data,
        )

    def in_words(self) -> str:
        """`received 2026-11-21 20:17:03 UTC, before the deadline, receipt 42`."""
        if self.due is None:
            when = "no deadline"
        else:
            when = "before the deadline" if self.on_time else "after the deadline"
        return f"received {for_people(self.received)}, {when}, receipt {self.id}"

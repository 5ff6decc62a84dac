"""Courses, their assignments and their people: values, and the rule of the deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from courses.environment import Environment

MB = 1_000_000
DEFAULT_MAX_BYTES = 20 * MB


class Role(StrEnum):
    """What a person is in a course.

    An assistant grades, and does not change the course.
    """

    STUDENT = "student"
    ASSISTANT = "assistant"
    INSTRUCTOR = "instructor"

    @property
    def grades(self) -> bool:
        """Whether it is staff, which sees and grades everybody's work."""
        return self is not Role.STUDENT


class LateRule(StrEnum):
    """What happens to work that comes after the deadline."""

    ACCEPT = "accept"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Assignment:
    """A piece of work that is handed in.

    Attributes:
        name: nbgrader's name of it, a folder below ``source/``.
        title: what people read.
        due: the deadline, with a time zone; ``None`` when there is none.
        late: whether work after the deadline is taken.
        max_bytes: the most that a submission's archive may measure, and the most that its files
            may measure together when unpacked.
    """

    name: str
    title: str
    due: datetime | None = None
    late: LateRule = LateRule.ACCEPT
    max_bytes: int = DEFAULT_MAX_BYTES

    def on_time(self, at: datetime) -> bool:
        """Whether work that is complete at ``at`` is before the deadline, or exactly on it."""
        return self.due is None or at <= self.due

    def accepts(self, at: datetime) -> bool:
        """Whether work that is complete at ``at`` is taken at all."""
        return self.late is LateRule.ACCEPT or self.on_time(at)


@dataclass(frozen=True)
class ClassHours:
    """Hours in which something is kept for the course on the cluster.

    Attributes:
        starts, ends: with a time zone.
        reservation: the name of the cluster's reservation; empty for none.
        qos: the service level of sessions in these hours; empty for none.
    """

    starts: datetime
    ends: datetime
    reservation: str = ""
    qos: str = ""


@dataclass(frozen=True)
class Course:
    """A course as ``course.toml`` describes it.

    Attributes:
        slug: its name in addresses, and the name of its sessions' named server.
        title: what people read.
        summary: a sentence or two.
        offers: names of the kinds of session that its people may have; the first is the default.
        timezone: the IANA zone in which its deadlines are shown, ``"Europe/Oslo"``.
        assignments: in the order of the file.
        classes: hours with a reservation or a QOS, in the order of the file.
        environment: what its sessions run in; ``None`` for what the site has for all.
    """

    slug: str
    title: str
    summary: str
    offers: tuple[str, ...]
    timezone: str
    assignments: tuple[Assignment, ...] = ()
    classes: tuple[ClassHours, ...] = ()
    environment: Environment | None = None


@dataclass(frozen=True)
class Enrolment:
    """One person in one course."""

    course: str
    user: str
    role: Role


@dataclass(frozen=True)
class Caller:
    """Who asks, as the hub has told it.

    Attributes:
        name: the hub's name of the person.
        operator: whether the person runs the site.
    """

    name: str
    operator: bool = False

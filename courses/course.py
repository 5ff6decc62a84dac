"""Courses, their assignments and their people: values, and the rule of the deadline."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from courses.datasets import Dataset
from courses.environment import Environment
from courses.grades import Grading

MB = 1_000_000
DEFAULT_MAX_BYTES = 20 * MB
DEFAULT_MAX_FILES = 2000


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
    PENALTY = "penalty"


@dataclass(frozen=True)
class Assignment:
    """A piece of work that is handed in.

    Attributes:
        name: nbgrader's name of it, a folder below ``source/``.
        title: what people read.
        due: the deadline, with a time zone; ``None`` when there is none.
        late: whether work after the deadline is taken, and whether it loses points.
        max_bytes: the most that a submission's archive may measure, and the most that its files
            may measure together when unpacked.
        was: its name before, when it was renamed.
        penalty_per_day: the share of the maximum points that late work loses for each started day.
        grace_minutes: how long after the deadline work is taken, and graded, as if it were in time.
        extended: whether ``due`` is an extension of one person's.
        max_files: the most files that a submission may have.
        kinds: the endings that their names may have, ``(".ipynb", ".py")``; empty for any.
        grading: how it is graded.
    """

    name: str
    title: str
    due: datetime | None = None
    late: LateRule = LateRule.ACCEPT
    max_bytes: int = DEFAULT_MAX_BYTES
    was: str = field(default="", compare=False)
    penalty_per_day: float = 0.0
    grace_minutes: int = 0
    extended: bool = False
    max_files: int = DEFAULT_MAX_FILES
    kinds: tuple[str, ...] = ()
    grading: Grading = field(default_factory=Grading)

    def on_time(self, at: datetime) -> bool:
        """Whether work that is complete at ``at`` is before the deadline, or exactly on it."""
        return self.due is None or at <= self.due

    @property
    def last_moment(self) -> datetime | None:
        """Until when work costs nothing: the deadline and its grace; ``None``: there is none."""
        return self.due and self.due + timedelta(minutes=self.grace_minutes)

    def accepts(self, at: datetime) -> bool:
        """Whether work that is complete at ``at`` is taken at all."""
        last = self.last_moment
        return self.late is not LateRule.REFUSE or last is None or at <= last


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
        datasets: what its sessions, batch jobs and grading see read-only.
    """

    slug: str
    title: str
    summary: str
    offers: tuple[str, ...]
    timezone: str
    assignments: tuple[Assignment, ...] = ()
    classes: tuple[ClassHours, ...] = ()
    environment: Environment | None = None
    datasets: tuple[Dataset, ...] = ()


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

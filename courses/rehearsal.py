"""A rehearsal of a class, with synthetic students: what happened to each, and what it means.

Times are in seconds; those named ``at`` count from the moment when the first student came.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from courses.course import Course
from courses.words import deadline

MOST_STUDENTS = 500
# A class that begins within this is as good as live: sessions are started before the hour.
SOON = timedelta(hours=1)
PREFIX = "rehearsal-"
_NAME = re.compile(rf"{PREFIX}[0-9]{{3}}")


class Step(StrEnum):
    """What each student does, in this order; the value is what people read."""

    LOGIN = "log in"
    START = "start"
    CELL = "run a cell"
    SUBMIT = "submit"
    STOP = "stop"


@dataclass(frozen=True)
class Outcome:
    """One step of one student.

    Attributes:
        at: when it was begun.
        seconds: how long it took, also when it failed.
        cause: why it failed, as a sentence; empty when it did not.
    """

    step: Step
    at: float
    seconds: float
    cause: str = ""

    @property
    def ok(self) -> bool:
        return not self.cause


@dataclass(frozen=True)
class Attempt:
    """One student's way: the steps that were tried, in their order."""

    student: str
    at: float
    outcomes: tuple[Outcome, ...]

    def outcome(self, step: Step) -> Outcome | None:
        """How a step went; None when it was not tried."""
        return next((each for each in self.outcomes if each.step is step), None)

    def done(self, step: Step) -> Outcome | None:
        """A step that went well; None otherwise."""
        found = self.outcome(step)
        return found if found and found.ok else None

    @property
    def ready(self) -> float | None:
        """Seconds from coming to being in the notebook; None for who never was."""
        start = self.done(Step.START)
        return start.at + start.seconds - self.at if start else None


@dataclass(frozen=True)
class Plan:
    """What is rehearsed.

    Attributes:
        course: the course's slug.
        students: how many, 1 to `MOST_STUDENTS`.
        offer: the kind of session that they ask for.
        assignment: what they hand in; empty when nobody does.
        no_assignment: why nobody does, as a sentence.
        within: seconds over which they come, evenly.
        patience: seconds after which one who is not in the notebook counts as failed.
    """

    course: str
    students: int
    offer: str
    assignment: str = ""
    no_assignment: str = ""
    within: float = 10.0
    patience: float = 300.0

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that are tried."""
        return tuple(step for step in Step if self.assignment or step is not Step.SUBMIT)

    @property
    def names(self) -> tuple[str, ...]:
        """The students' names."""
        return synthetic(self.students)


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal that is over."""

    plan: Plan
    started: datetime
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class Percentiles:
    """Of how many, and seconds."""

    count: int
    p50: float
    p90: float
    p95: float
    most: float


@dataclass(frozen=True)
class Verdict:
    """Whether the class can come, and why, in sentences."""

    good: bool
    sentences: tuple[str, ...]


def synthetic(count: int) -> tuple[str, ...]:
    """The names of so many synthetic students: ``rehearsal-001`` …; no person may have such one."""
    return tuple(f"{PREFIX}{number:03}" for number in range(1, count + 1))


def is_synthetic(name: str) -> bool:
    """Whether this is a synthetic student's name."""
    return _NAME.fullmatch(name) is not None


def percentiles(values: Sequence[float]) -> Percentiles | None:
    """Of any number of values; None of none."""
    if not values:
        return None
    # One value has no quantiles, and twice the same has that.
    many = [*values, *values] if len(values) == 1 else values
    cut = statistics.quantiles(many, n=100, method="inclusive")
    return Percentiles(len(values), cut[49], cut[89], cut[94], max(values))


def by_step(rehearsal: Rehearsal) -> dict[Step, Percentiles]:
    """How long the steps took of those who got through them."""
    found = {}
    for step in rehearsal.plan.steps:
        took = [done.seconds for each in rehearsal.attempts if (done := each.done(step))]
        if numbers := percentiles(took):
            found[step] = numbers
    return found


def to_the_notebook(rehearsal: Rehearsal) -> Percentiles | None:
    """How long it was from coming to being in the notebook."""
    return percentiles([each.ready for each in rehearsal.attempts if each.ready is not None])


@dataclass(frozen=True)
class Cause:
    """A way to fail, in the words that the first student was told, and how many met it."""

    step: Step
    sentence: str
    count: int


def causes(attempts: Iterable[Attempt]) -> list[Cause]:
    """Why students failed, the commonest first. Words that differ in numbers only are one cause."""
    told: dict[tuple[Step, str], str] = {}
    counts: Counter[tuple[Step, str]] = Counter()
    for attempt in attempts:
        for each in attempt.outcomes:
            if each.cause:
                key = each.step, re.sub(r"\d+", "0", each.cause)
                told.setdefault(key, each.cause)
                counts[key] += 1
    return [Cause(key[0], told[key], count) for key, count in counts.most_common()]


def verdict(rehearsal: Rehearsal) -> Verdict:
    """The class can come when everybody got through every step in time."""
    plan, found = rehearsal.plan, causes(rehearsal.attempts)
    good = len(rehearsal.attempts) == plan.students and all(
        each.done(step) for each in rehearsal.attempts for step in plan.steps
    )
    sentences = [_ready(rehearsal), *_later(rehearsal)]
    if not plan.assignment:
        sentences.append(f"Nobody handed in: {plan.no_assignment}")
    if good:
        return Verdict(True, (*sentences, "The class can come."))
    if found:
        most = found[0]
        count = f"{most.count} of {plan.students}"
        sentences.append(f"Most often ({count}, {most.step}): {most.sentence}")
    sentences.append("Mend that before the class comes, and rehearse again.")
    return Verdict(False, tuple(sentences))


def _ready(rehearsal: Rehearsal) -> str:
    students, numbers = rehearsal.plan.students, to_the_notebook(rehearsal)
    if numbers is None:
        return f"None of {students} students got into a notebook."
    were = "was in the notebook" if students == 1 else "were in their notebooks"
    noun = "student" if students == 1 else "students"
    said = f"{numbers.count} of {students} {noun} {were} within {_seconds(numbers.most)}"
    if numbers.count > 1:
        said += f"; half of them after {_seconds(numbers.p50)}"
    if missing := students - numbers.count:
        verb = "was" if missing == 1 else "were"
        waited = [_gave_up(each) for each in rehearsal.attempts if each.ready is None]
        said += f". {missing} {verb} not, after up to {_seconds(max(waited))}"
    return said + "."


def _gave_up(attempt: Attempt) -> float:
    """Seconds from coming to what failed."""
    return max((each.at + each.seconds for each in attempt.outcomes), default=0.0) - attempt.at


def _later(rehearsal: Rehearsal) -> list[str]:
    words = {
        Step.CELL: "got no answer to a cell",
        Step.SUBMIT: "could not hand in",
        Step.STOP: "could not end the session",
    }
    failed: dict[Step, int] = defaultdict(int)
    for attempt in rehearsal.attempts:
        for each in attempt.outcomes:
            failed[each.step] += not each.ok
    return [f"{failed[step]} {said}." for step, said in words.items() if failed[step]]


def _seconds(value: float) -> str:
    """``0.8 s``, ``21 s``, ``5 min``, ``2 min 5 s``: rounded up, nobody is promised less."""
    if value < 9.95:
        return f"{value:.1f} s"
    whole = -int(-value // 1)
    minutes, rest = divmod(whole, 60)
    if whole < 120 and (minutes == 0 or rest):
        return f"{whole} s"
    return f"{minutes} min" + (f" {rest} s" if rest else "")


def disturbed(
    plan: Plan, sessions: Mapping[str, int], courses: Iterable[Course], now: datetime
) -> str:
    """Whom a rehearsal now would disturb, as a sentence; empty for nobody.

    Args:
        plan: what is to be rehearsed.
        sessions: people's sessions that run or wait on the hub, counted by course.
        courses: all of the site.
        now: the time.
    """
    reasons = []
    if total := sum(sessions.values()):
        here = sessions.get(plan.course, 0)
        verb = "session runs or waits" if total == 1 else "sessions run or wait"
        reasons.append(f"{total} {verb} on this hub, {here} of them in {plan.course}")
    for course in courses:
        for each in course.classes:
            if each.starts <= now < each.ends:
                until = deadline(each.ends, now, course.timezone)
                reasons.append(f"a class of {course.slug} is on, until {until}")
            elif now < each.starts <= now + SOON:
                starts = deadline(each.starts, now, course.timezone)
                reasons.append(f"a class of {course.slug} begins {starts}")
    if not reasons:
        return ""
    said = "; ".join(reasons)
    return (
        f"{said[0].upper()}{said[1:]}. {plan.students} synthetic students would get in the way. "
        "Rehearse when nobody is there, or add --yes."
    )

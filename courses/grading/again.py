"""The same files once more: which tests gave them other points than before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from courses.grades import Outcome, State
from courses.grading.place import TESTS, Place
from courses.grading.report import Graded

CLASS_SAMPLE = 20
"""Of how many people the classroom runs the work again."""


@dataclass(frozen=True)
class Again:
    """How often each submission is run, with nothing recorded.

    Attributes:
        sample: of how many submissions, from all over the class; None for all.
    """

    times: int = 2
    sample: int | None = None


def compared(graded: Graded, before: Graded | None) -> Graded:
    """The same, with the tests marked that gave these very files other points before.

    What is not believed says nothing of a test.
    """
    if before is None or not graded.digest or before.digest != graded.digest:
        return graded
    if State.SUSPECT in (graded.outcome.state, before.outcome.state):
        return graded
    known = {each.name: each for each in before.outcome.tests}
    tests = tuple(
        replace(each, differed=each.differed or old.differed or old.score != each.score)
        if (old := known.get(each.name))
        else each
        for each in graded.outcome.tests
    )
    return replace(graded, outcome=replace(graded.outcome, tests=tests))


def together(graded: Iterable[Graded], tried: Iterable[Graded]) -> list[Outcome]:
    """By student the outcomes to make figures of: those that were run again stand before others."""
    found = {each.outcome.student: each for each in graded}
    for each in tried:
        if not each.outcome.tests:
            continue
        found[each.outcome.student] = compared(each, found.get(each.outcome.student))
    return [found[student].outcome for student in sorted(found)]


def known(folder: Path, assignment: str) -> list[Outcome]:
    """What a course directory knows of an assignment's tests."""
    graded, tried = Place(folder, assignment), Place(folder, assignment, TESTS)
    return together(graded.outcomes().values(), tried.outcomes().values())


def forget_others(tried: Place, graded: Mapping[str, Graded]) -> None:
    """Forget what was run again of other files, or by other tests, than what is graded now."""
    before = tried.outcomes()
    kept = [
        each
        for student, each in before.items()
        if student not in graded or graded[student].digest == each.digest
    ]
    if len(kept) < len(before):
        tried.keep_only(kept)

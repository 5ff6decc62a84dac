"""An author's own solutions, run by their tests: before anybody else is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from courses.course import Assignment, Course
from courses.coursedir.generate import generate
from courses.grades import Outcome, State
from courses.grading.engine import Again, Settings, grade
from courses.grading.words import about_tests, sentence
from courses.language import gettext as _
from courses.workers import Workers

WHO = "solution"


def run_solutions(folder: Path, course: Course, workers: Workers, times: int) -> Iterator[str]:
    """A sentence for each test that fails on the solution, differs another time, or is slow.

    Args:
        folder: the course's, with ``source/`` in it; nothing in it changes.
        times: how often each assignment is run, each time by new processes.

    Raises `GenerateError`, `GradeError` and `WorkersError`.
    """
    with tempfile.TemporaryDirectory(prefix="lesesal-") as scratch:
        directory = Path(scratch, "course")
        generate(course, folder, directory)
        for assignment in course.assignments:
            source = directory / "source" / assignment.name
            shutil.copytree(source, directory / "submitted" / WHO / assignment.name)
            report = grade(
                *(directory, assignment.name),
                workers=workers,
                settings=_settings(course, assignment),
                again=Again(times),
            )
            found = [*_failures(report.submissions[0].outcome)]
            found += about_tests(report.tests, report.cell_seconds)
            yield from (f"{assignment.name}, {each}" for each in found)


def _failures(outcome: Outcome) -> Iterator[str]:
    if outcome.state is not State.GRADED:
        yield _("the solution: {says}", says=sentence(outcome.reason))
    for each in outcome.tests:
        if each.score < each.max_score:
            yield _(
                "{test}: the solution gets {score} of {most} points.",
                test=each.name,
                score=f"{each.score:g}",
                most=f"{each.max_score:g}",
            )


def _settings(course: Course, assignment: Assignment) -> Settings:
    wanted = assignment.grading
    limits = wanted.limits
    return Settings(
        limits={
            "seconds": limits.seconds,
            "cell_seconds": limits.cell_seconds,
            "memory_bytes": limits.memory_bytes,
        },
        preload=wanted.preload,
        datasets=tuple(
            {"source": each.source, "target": f"datasets/{course.slug}/{each.name}"}
            for each in course.datasets
        ),
        gpus=wanted.gpus,
    )

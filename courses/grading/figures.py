"""What a class's submissions tell its author of the tests: points lost, seconds, and chance."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from courses.grades import Outcome, PointsOnTest

SLOW = 0.25
"""The share of a cell's time from which a test is slow: on a busy machine it may take all of it."""


@dataclass(frozen=True)
class Figures:
    """A test over all submissions in which it ran.

    Attributes:
        name: of its cell, as `courses.grades.PointsOnTest` has it.
        count: how many submissions.
        lost: the points that were lost on it, on average.
        median, slowest: seconds.
        differed: of how many submissions the same files got other points another time.
    """

    name: str
    max_score: float
    count: int
    lost: float
    median: float
    slowest: float
    differed: int

    def is_slow(self, cell_seconds: float) -> bool:
        """Whether the slowest came near to what a cell may take."""
        return self.slowest >= SLOW * cell_seconds


def figures(outcomes: Iterable[Outcome]) -> tuple[Figures, ...]:
    """Of each test that ran, in the order of the notebooks."""
    found: dict[str, list[PointsOnTest]] = {}
    for outcome in outcomes:
        for each in outcome.tests:
            found.setdefault(each.name, []).append(each)
    return tuple(
        Figures(
            name=name,
            max_score=max(each.max_score for each in of_test),
            count=len(of_test),
            lost=statistics.fmean(max(0.0, each.max_score - each.score) for each in of_test),
            median=statistics.median(each.seconds for each in of_test),
            slowest=max(each.seconds for each in of_test),
            differed=sum(each.differed for each in of_test),
        )
        for name, of_test in found.items()
    )


def figures_json(figures: Figures) -> dict[str, Any]:
    """A test as the report has it."""
    return {
        "name": figures.name,
        "max_score": figures.max_score,
        "count": figures.count,
        "lost": round(figures.lost, 4),
        "median_seconds": round(figures.median, 4),
        "slowest_seconds": round(figures.slowest, 4),
        "differed": figures.differed,
    }

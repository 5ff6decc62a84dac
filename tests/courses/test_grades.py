"""What it takes to pass."""

from __future__ import annotations

import pytest

from courses.grades import Grading


@pytest.mark.parametrize(
    ("percent", "score", "most", "passed"),
    [
        (40.0, 4.0, 10.0, True),
        (40.0, 3.9, 10.0, False),
        (29.0, 0.29, 1.0, True),  # 100 * 0.29 is 28.999999999999996
        (100.0, 2.9999, 3.0, False),
        (50.0, 0.0, 0.0, True),
        (50.0, None, None, None),
        (None, 4.0, 10.0, None),
    ],
)
def test_a_score_passes(
    percent: float | None, score: float | None, most: float | None, passed: bool | None
) -> None:
    assert Grading(pass_percent=percent).passed(score, most) is passed

"""What it takes to pass."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from courses.grades import Grading, Limits
from lesesal_notebook.kernels import sandbox


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


def test_limits_mean_the_same_in_the_sandbox() -> None:
    """A run's folder carries them from the one to the other."""
    ours, its = asdict(Limits()), asdict(sandbox.Limits())
    assert ours.keys() - its.keys() == {"cell_seconds", "output_bytes"}  # a worker's
    assert {name: its[name] for name in ours.keys() & its.keys()} == {
        name: ours[name] for name in ours.keys() & its.keys()
    }
    small = replace(Limits(), memory_bytes=600_000_000)
    for limits in (Limits(), small, replace(small, scratch_bytes=1_000)):
        received = sandbox.Sandbox.from_dict({"limits": asdict(limits)}).limits
        assert received.disk_bytes == limits.room

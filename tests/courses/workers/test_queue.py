"""What people are told of a run that waits with Slurm."""

from __future__ import annotations

from courses.workers.queue import Queue


def said(*looks: tuple[str, bool]) -> list[str]:
    """After looks that found a job that waits for this reason, and others that run or not."""
    told: list[str] = []
    queue = Queue("", "/usr/bin", told.append)
    for reason, runs in looks:
        queue.say_why([reason], runs=runs)
    return told


WAITS = "What is left waits with Slurm: waiting for a machine to become free."


def test_why_a_run_waits_is_said_once_it_is_no_passing_thing() -> None:
    assert said(("Resources", False)) == []
    assert said(("Resources", False), ("Resources", True), ("Resources", False)) == []
    assert said(*[("Resources", False)] * 5) == [WAITS]
    another = said(*[("Resources", False)] * 2, *[("Priority", False)] * 2)
    assert another == [
        WAITS,
        "What is left waits with Slurm: others are before you in the queue.",
    ]


def test_that_it_goes_on_is_said_to_who_was_told_that_it_waits() -> None:
    waits = [("Resources", False)] * 2
    assert said(*waits, ("None", True), ("None", True)) == [WAITS, "Slurm goes on with it."]
    assert said(("None", True)) == []


def test_what_slurm_has_not_looked_at_yet_is_no_reason() -> None:
    assert said(*[("None", False)] * 3, *[("JobArrayTaskLimit", False)] * 3) == []


def test_a_reason_without_words_is_told_in_slurms() -> None:
    assert said(*[("Strange", False)] * 2) == ["What is left waits with Slurm: Strange."]

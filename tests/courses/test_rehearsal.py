"""What a rehearsal's figures mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from classroom_kit import NOW, course

from courses import rehearsal as rules
from courses.course import ClassHours
from courses.rehearsal import Attempt, Outcome, Percentiles, Plan, Rehearsal, Step, synthetic

PLAN = Plan("optics", 100, "cpu-small", "lenses", within=60)


def way(name: str, at: float, **took: float | str) -> Attempt:
    """One student's way: seconds by step, or why it failed. Nothing follows a failed start."""
    outcomes, now = [], at
    for step in Step:
        seconds = took.get(step.name.lower(), 1.0)
        cause = seconds if isinstance(seconds, str) else ""
        outcomes.append(Outcome(step, now, 300.0 if cause else float(seconds), cause))
        now += outcomes[-1].seconds
        if cause and step in (Step.LOGIN, Step.START):
            break
    return Attempt(name, at, tuple(outcomes))


def rehearsal(*attempts: Attempt, **changes: object) -> Rehearsal:
    plan = replace(PLAN, students=len(attempts), **changes)  # type: ignore[arg-type]
    return Rehearsal(plan, datetime(2026, 11, 22, tzinfo=UTC), attempts)


def many(count: int = 100) -> list[Attempt]:
    """Students whose starts take 0.5 s, 1.0 s, 1.5 s …, after one second of logging in."""
    return [way(name, 7.0, start=number / 2) for number, name in enumerate(synthetic(count), 1)]


def test_names_that_no_person_may_have() -> None:
    assert synthetic(2) == ("rehearsal-001", "rehearsal-002")
    assert all(map(rules.is_synthetic, synthetic(rules.MOST_STUDENTS)))
    for name in ("rehearsal-anna", "rehearsal-0001", "rehearsal-001x", "xrehearsal-001", "kari"):
        assert not rules.is_synthetic(name)


def test_percentiles() -> None:
    assert rules.percentiles([]) is None
    assert rules.percentiles([3.0]) == Percentiles(1, 3.0, 3.0, 3.0, 3.0)
    assert rules.percentiles([float(n) for n in range(101)]) == Percentiles(101, 50, 90, 95, 100)


def test_ready_counts_from_coming_and_steps_from_their_own_begin() -> None:
    done = rehearsal(*many())
    ready, start = rules.to_the_notebook(done), rules.by_step(done)[Step.START]
    assert ready == Percentiles(100, 26.25, 46.05, 48.525, 51.0)
    assert start == Percentiles(100, 25.25, 45.05, 47.525, 50.0)


def test_the_class_can_come() -> None:
    assert rules.verdict(rehearsal(*many())) == rules.Verdict(
        True,
        (
            "100 of 100 students were in their notebooks within 51 s; half of them after 27 s.",
            "The class can come.",
        ),
    )


def test_the_class_can_not_come() -> None:
    late = [
        way(name, 0, start=f"In the queue, number {n}.") for n, name in enumerate(synthetic(12))
    ]
    worse = way("rehearsal-099", 0, cell="The cell failed.", submit="The disk is full.")
    assert rules.verdict(rehearsal(*many(87), *late, worse)) == rules.Verdict(
        False,
        (
            "88 of 100 students were in their notebooks within 45 s; half of them after 23 s. "
            "12 were not, after up to 5 min 1 s.",
            "1 got no answer to a cell.",
            "1 could not hand in.",
            "Most often (12 of 100, start): In the queue, number 0.",
            "Mend that before the class comes, and rehearse again.",
        ),
    )


def test_one_failed_step_of_one_student_is_enough() -> None:
    for step in ("login", "start", "cell", "submit", "stop"):
        found = rules.verdict(rehearsal(*many(3), way("rehearsal-004", 0, **{step: "No."})))
        assert not found.good, step


def test_nobody_came_through() -> None:
    found = rules.verdict(rehearsal(way("rehearsal-001", 0, login="The hub does not answer.")))
    assert not found.good
    assert found.sentences[0] == "None of 1 students got into a notebook."


def test_without_an_assignment_nobody_hands_in_and_it_is_said() -> None:
    ways = [
        replace(each, outcomes=tuple(o for o in each.outcomes if o.step is not Step.SUBMIT))
        for each in many(3)
    ]
    found = rules.verdict(rehearsal(*ways, assignment="", no_assignment="There is none."))
    assert found.good
    assert found.sentences[1:] == ("Nobody handed in: There is none.", "The class can come.")


def test_words_that_differ_in_numbers_are_one_cause() -> None:
    ways = [
        way("rehearsal-001", 0, start="Job 4711 failed on gpu1."),
        way("rehearsal-002", 0, stop="It did not end."),
        way("rehearsal-003", 0, start="Job 4712 failed on gpu2."),
    ]
    assert rules.causes(ways) == [
        rules.Cause(Step.START, "Job 4711 failed on gpu1.", 2),
        rules.Cause(Step.STOP, "It did not end.", 1),
    ]


def test_whom_it_would_disturb() -> None:
    hour = timedelta(hours=1)
    on = course(classes=(ClassHours(NOW - hour, NOW + hour),))
    soon = course("waves", classes=(ClassHours(NOW + hour, NOW + 2 * hour),))
    later = course("waves", classes=(ClassHours(NOW + hour * 1.01, NOW + 2 * hour),))
    over = course("waves", classes=(ClassHours(NOW - hour, NOW),))
    assert rules.disturbed(PLAN, {}, [later, over], NOW) == ""
    end = (
        "100 synthetic students would get in the way. Rehearse when nobody is there, or add --yes."
    )
    assert rules.disturbed(PLAN, {"optics": 2, "waves": 1}, [over], NOW) == (
        f"3 sessions run or wait on this hub, 2 of them in optics. {end}"
    )
    assert rules.disturbed(PLAN, {"waves": 1}, [on, soon], NOW) == (
        "1 session runs or waits on this hub, 0 of them in optics; a class of optics is on, until "
        f"today at 14:00; a class of waves begins today at 14:00. {end}"
    )

"""Every kind of hostile submission, beside honest ones, in one run of grading.

All of it runs inside an outer pid namespace and under outer limits (`outer.py`), so that what is
not held by the sandbox meets a second wall and fails the test instead of the machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hostile import assignment, outer

from courses.course import Assignment, Course
from courses.coursedir.generate import generate

HONEST = [f"honest{number:02}" for number in range(1, 7)]
KINDS = assignment.kinds()
OPTIONS = ("--memory-mb", "600", "--workers", "2")
# A short cell, so that what never ends costs seconds; all cells together have time enough also
# on a machine with much to do.
SHORT = ("--cell-seconds", "10", "--seconds", "90")
# Where nothing lasts.
LONG = ("--cell-seconds", "60", "--seconds", "200")


# One of each sort, for every run of the tests.
FEW = {
    *("ast_transformer", "check_replaced", "exit_in_test", "forged_execute_result"),
    *("kill_everything", "link_to_a_secret", "looks_for_tests", "tag_skip_execution"),
}


class Class:
    """A course directory in which everybody has handed in, and what came of grading it once."""

    def __init__(self, root: Path, kinds: Iterable[str], limits: Iterable[str]) -> None:
        written = root / "written" / "source" / assignment.NAME
        written.mkdir(parents=True)
        nbformat.write(assignment.source(), written / f"{assignment.NAME}.ipynb")
        course = Course(
            slug="hostile",
            title="Hostile",
            summary="",
            offers=("cpu-small",),
            timezone="UTC",
            assignments=(Assignment(assignment.NAME, "Answers"),),
        )
        self.directory = root / "course"
        generate(course, root / "written", self.directory)
        release = self.directory / "release" / assignment.NAME / f"{assignment.NAME}.ipynb"
        for name in HONEST:
            assignment.hand_in(release, self._submitted(name))
        for name in kinds:
            assignment.hand_in(release, self._submitted(name), KINDS[name])
        report = root / "report.json"
        options = (*OPTIONS, *limits, "--json", report)
        done = outer.lesesal("grade", self.directory, assignment.NAME, *options)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        found = json.loads(report.read_text("utf-8"))["submissions"]
        self.outcomes: dict[str, dict[str, Any]] = {each["student"]: each for each in found}

    def judge(self, name: str) -> None:
        """What must happen to a kind did happen."""
        found, kind = self.outcomes[name], KINDS[name]
        assert found["state"] in kind["must"], found
        assert (found["score"] or 0) <= kind["at_most"], found
        if found["state"] != "graded":
            assert found["reason"]["kind"] == kind.get("reason", found["reason"]["kind"]), found
            assert found["reason"]["says"]
        for word in kind.get("never", []):
            assert word not in self._shown(name)

    def honest(self, name: str) -> None:
        """What is right has all points, whoever sits beside."""
        found = self.outcomes[name]
        assert (found["state"], found["score"]) == ("graded", assignment.MAX_SCORE)

    def _submitted(self, name: str) -> Path:
        return self.directory / "submitted" / name / assignment.NAME

    def _shown(self, name: str) -> str:
        graded = self.directory / "autograded" / name / assignment.NAME / f"{assignment.NAME}.ipynb"
        cells = json.loads(graded.read_text("utf-8"))["cells"]
        return json.dumps([each.get("outputs") for each in cells])


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> Class:
    return Class(tmp_path_factory.mktemp("hostile"), KINDS, SHORT)


def test_a_few_kinds(tmp_path: Path) -> None:
    found = Class(tmp_path, FEW, LONG)
    for name in HONEST:
        found.honest(name)
    for name in FEW:
        found.judge(name)


@pytest.mark.slow
@pytest.mark.timeout(outer.SECONDS + 60)
def test_nobody_is_missing(everybody: Class) -> None:
    assert sorted(everybody.outcomes) == sorted([*HONEST, *KINDS])
    assert len(KINDS) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("name", HONEST)
def test_honest_work_has_all_points(everybody: Class, name: str) -> None:
    everybody.honest(name)


@pytest.mark.slow
@pytest.mark.timeout(outer.SECONDS + 60)
@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_believed(everybody: Class, name: str) -> None:
    everybody.judge(name)

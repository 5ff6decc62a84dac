"""Tests that can be fooled are found by reading them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from courses import catalogue
from courses.catalogue.lint import lint
from courses.catalogue.weak import Cell, Kind, warnings
from courses.course import Assignment, Course

HERE = Path(catalogue.__file__).parents[1] / "content/ai-foundations"
ANSWER = Cell(
    "answer",
    Kind.ANSWER,
    "### BEGIN SOLUTION\ndef squares(n):\n    return [i * i for i in range(n)]\n"
    "size = 3\n### END SOLUTION",
)
USE = "Use check() of lesesal_notebook.check, with the expected value written out"


def told(source: str, points: float = 2.0, *others: Cell) -> list[str]:
    found = warnings([ANSWER, *others, Cell("tests", Kind.TESTS, source, points)])
    assert {name for name, _ in found} <= {"tests"}
    return [text for _, text in found]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            "",
            "2 points, but it tests nothing: whoever hands it in gets them. Add asserts or "
            "check().",
        ),
        ("# assert squares(3)\nx = squares(3)", "2 points, but it tests nothing"),
        ("%matplotlib inline\nprint(squares(3))", "2 points, but it only prints"),
        (
            "assert squares(3) == [0, 1, 4]",
            f"line 1: an answer can be an object that equals everything. {USE}: "
            "check(squares(3), equals=[0, 1, 4]).",
        ),
        (
            "for n in range(4):\n    assert squares(n) == wanted[n], n",
            f"line 2: an answer can be an object that equals everything. {USE}.",
        ),
        ("assert not (1 == size)", f"{USE}: check(size, equals=1)."),
        (
            "assert squares(size)[-1] == size",
            "line 1: compares answers with each other (size, squares), and a student writes both. "
            f"{USE}.",
        ),
        (
            "try:\n    assert squares(3)\nexcept Exception:\n    pass",
            "line 3: this except also catches failed asserts, so the test passes. Catch only the "
            "error that you expect, or raise again.",
        ),
        ("try:\n    check(squares(3), [])\nexcept:\n    print('no')", "line 3: this except"),
        (
            "assert squares(1)\n### BEGIN HIDDEN TESTS\nassert squares(2)",
            "line 2: BEGIN HIDDEN TESTS has no END HIDDEN TESTS. Add it after the last hidden "
            "test.",
        ),
        ("assert squares(1)\n### END HIDDEN TESTS", "line 2: END HIDDEN TESTS without a BEGIN"),
        ("assert squares(", "is no Python that can be read, so nothing is known of its tests."),
        ("%%bash\ntrue", "is no Python that can be read"),
    ],
)
def test_weak(source: str, says: str) -> None:
    (found,) = told(source)
    assert says in found


@pytest.mark.parametrize(
    "source",
    [
        "check(squares(3), equals=[0, 1, 4])",
        "np.testing.assert_allclose(squares(3), [0, 1, 4])",
        "assert len(squares(3)) == 3\nassert type(size) == int",
        "assert sum([1, 2]) == 3",
        "if squares(3) != [0, 1, 4]:\n    raise AssertionError('no')",
        "try:\n    squares(-1)\nexcept ValueError:\n    pass\nelse:\n    raise AssertionError",
        "try:\n    assert squares(3)\nexcept Exception as no:\n    raise RuntimeError from no",
        "!ls\nassert size\n### BEGIN HIDDEN TESTS\nassert squares(2)\n### END HIDDEN TESTS",
        "same_as_before()",
    ],
)
def test_strong(source: str) -> None:
    helper = Cell("given", Kind.GIVEN, "def same_as_before():\n    assert squares(3)")
    assert told(source, 2.0, helper) == []


def test_what_gives_no_points_may_test_nothing() -> None:
    assert told("print(squares(3))", 0.0) == []


def test_a_folder(tmp_path: Path) -> None:
    def cell(source: str | list[str], **about: object) -> dict[str, object]:
        return {"cell_type": "code", "source": source, "metadata": {"nbgrader": about}}

    place = tmp_path / "source/a"
    place.mkdir(parents=True)
    cells = [
        {"cell_type": "markdown", "source": "assert", "metadata": {}},
        cell(["def f():\n", "    return 1\n"], solution=True, grade=False),
        cell("assert f() == 1", solution=False, grade=True, grade_id="f-test", points=1),
        cell("", solution=False, grade=True, points=1),
    ]
    (place / "a.ipynb").write_text(json.dumps({"cells": cells, "metadata": {}}))
    (place / "broken.ipynb").write_text("{")
    other = {"kernelspec": {"language": "julia"}}
    (place / "julia.ipynb").write_text(json.dumps({"cells": cells, "metadata": other}))
    course = Course("c", "C", "C.", ("cpu",), "UTC", (Assignment("a", "A"),))
    first, second = lint(tmp_path, course)
    assert first.startswith("source/a/a.ipynb, cell f-test: line 1: an answer can be an object")
    assert second.startswith("source/a/a.ipynb, cell 4: 1 points, but it tests nothing")


def test_the_demo_course_has_none() -> None:
    assert lint(HERE, catalogue.load(HERE)) == []

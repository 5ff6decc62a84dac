"""Feedback pages, made by nbgrader of graded work."""

from __future__ import annotations

from pathlib import Path

import graded_course
import pytest
from bs4 import BeautifulSoup

from courses.coursedir.feedback import generate_feedback

ACT = '<script>act()</script><img src=x onerror="act()"><a href="/hub/logout">out</a>'
WHY = r"$$\sum_i \href{javascript:act()}{x_i^2} \text{<script>act()</script>}$$"
FAILED = [
    {
        "output_type": "error",
        "ename": "AssertionError",
        "evalue": "",
        "traceback": ["assert squares(7)[6] == 49  # the secret test"],
    }
]


@pytest.mark.slow
def test_feedback(tmp_path: Path) -> None:
    """One test, because nbgrader takes seconds."""
    directory = graded_course.make(tmp_path)
    outputs = [{"output_type": "display_data", "data": {"text/html": ACT}}]
    for student in ("student1", "student[2]"):
        graded_course.hand_in(
            directory, student, why=f"{ACT}\n\n{WHY}", outputs=outputs, failed=FAILED
        )
    broken = directory / "autograded" / "student3" / "lenses"
    broken.mkdir(parents=True)
    (broken / "notes.ipynb").write_text("{")

    students = ["student1", "student[2]", "student3", "nobody"]
    made = generate_feedback(directory, "lenses", students, hidden_tests=False)
    assert made == {
        student: directory / "feedback" / student / "lenses" for student in students[:2]
    }
    pages = [folder / "notes.html" for folder in made.values()]
    first = pages[0].read_bytes()
    page = BeautifulSoup(first, "html.parser")
    assert page.find_all(["script", "iframe", "form", "link"]) == []
    assert [each.get_text() for each in page.find_all("math")] == [
        *("x2", "∑ixi2<script>act()</script>"),
    ]
    assert {name for each in page.select("math, math *") for name in each.attrs} <= {
        *("display", "movablelimits"),
    }
    assert "math[display" in str(page.find_all("style"))
    assert {each.get("src", "") for each in page.find_all("img")} == set()
    assert {each["href"][0] for each in page.find_all("a", href=True)} == {"#"}
    assert "Score: 2.0 / 5.0" in page.get_text()
    assert "AssertionError: a test of this cell failed" in page.get_text()
    assert "secret" not in page.get_text()

    # The same grades, the same bytes: what is out already is no news.
    assert pages[1].read_bytes() == first
    assert generate_feedback(directory, "lenses", students[:1])
    assert b"secret" in pages[0].read_bytes()

"""The whole way as two people, through the pages they would use, on both kinds of cluster.

In the tests' short form, `test_hour` goes a participant's way, and `tests/courses` the staff's.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from classrooms import Classroom, running_classroom
from deployed import CHECKOUT
from people import arrive, dismiss, open_whole, type_into
from playwright.sync_api import Browser, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1200)]

ASSIGNMENT = "gradient-descent"
SOURCE = CHECKOUT / "courses/content/ai-foundations/source" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"


@pytest.fixture(params=["local", pytest.param("slurm", marks=pytest.mark.slurm)])
def classroom(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Classroom]:
    if request.param == "local":
        with running_classroom(tmp_path / "state") as running:
            yield running
    else:
        yield request.getfixturevalue("slurm_classroom")


def solution() -> list[dict[str, Any]]:
    """The source notebook's cells. One function is broken, for a score that is not just full."""
    cells: list[dict[str, Any]] = json.loads(SOURCE.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if cell["id"] == "closed-form":
            cell["source"] = ["def closed_form(X, y):\n", "    return np.zeros(X.shape[1])\n"]
    return cells


def points(*lost: str) -> tuple[float, float]:
    """Automatic points without those of the lost tests, and the most that a person can give."""
    marks = [cell["metadata"].get("nbgrader", {}) for cell in solution()]
    automatic = sum(m["points"] for m in marks if m.get("grade") and m["grade_id"] not in lost)
    [by_hand] = [m["points"] for m in marks if m.get("grade") and m.get("solution")]
    return automatic - by_hand, by_hand


def test_from_login_to_feedback(browser: Browser, classroom: Classroom) -> None:
    wanted = os.environ.get("LESESAL_SCREENSHOTS")
    screenshots = Path(wanted) if wanted else None

    # The student: log in, start, fetch, solve, validate, submit.
    student = arrive(browser, classroom, "student1", screenshots)
    student.look("home")
    student.start_session("This machine|A slice of a GPU")
    open_whole(student)
    page = student.page
    student.from_menu("Assignment List")
    page.locator("#released_assignments_list .list_item").filter(has_text=ASSIGNMENT).get_by_role(
        "button", name="Fetch"
    ).click()
    fetched = page.locator("#fetched_assignments_list")
    expect(fetched.locator(".lesesal-Due")).to_contain_text("Due Friday 29 January 2027 at ")
    fetched.locator("a.assignment-notebooks-link").click()
    fetched.locator(".nested_list_item a").click()
    cells = page.locator(".jp-NotebookPanel .jp-Cell")
    expect(cells).to_have_count(len(solution()))
    expect(page.get_by_text("| Idle")).to_be_visible()
    for number, cell in enumerate(solution()):
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            type_into(student, cells, number, cell)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    expect(page.get_by_text("AssertionError").first).to_be_visible()
    page.locator(".jp-NotebookPanel .jp-OutputArea-output img").first.scroll_into_view_if_needed()
    student.look("notebook")
    # Validating saves too; two saves at once look to JupyterLab like somebody else's change.
    with page.expect_response(
        lambda answer: "/api/contents/" in answer.url and answer.request.method == "PUT"
    ):
        page.keyboard.press("Control+S")
    expect(page.locator(".lm-TabBar-tab.jp-mod-dirty")).to_have_count(0)
    page.locator(".jp-NotebookPanel-toolbar").get_by_role("button", name="Validate").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("these four points lie on the line 2 + 3t, but closed_form")
    student.look("validate")
    dialog.get_by_role("button").last.click()
    page.get_by_role("tab", name="Assignments").click()
    fetched.get_by_role("button", name="Submit").click()
    expect(page.locator("#submitted_assignments_list .nested_list_item")).to_contain_text("UTC")
    student.course_page()
    page.get_by_role("link", name="Receipt", exact=True).click()
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    expect(page.get_by_text(f"{ASSIGNMENT}.ipynb")).to_be_visible()
    student.look("receipt")

    # The instructor: collect, autograde, mark by hand, feedback.
    instructor = arrive(browser, classroom, "instructor", screenshots)
    instructor.start_session("This machine|Two cores")
    grader = instructor.formgrader()
    row = grader.locator("#main-table tr").filter(has_text=ASSIGNMENT)
    row.locator(".collect a").click()
    dismiss(grader, "Successfully collected")
    expect(row.locator(".num-submissions")).to_have_text("1")
    instructor.look("formgrader", grader)
    row.locator(".num-submissions a").click()
    submission = grader.locator("#main-table tr").filter(has_text="student1")
    submission.locator(".autograde a").click()
    dismiss(grader, "Successfully autograded")
    automatic, by_hand = points("closed-form-test", "closed-form-hidden-test")
    expect(submission.locator(".score")).to_contain_text(f"{automatic:g} / ")
    grader.get_by_role("link", name="Manual Grading").click()
    grader.get_by_role("link", name=ASSIGNMENT).click()
    grader.get_by_role("link", name=ASSIGNMENT).last.click()
    grader.get_by_role("link", name="Submission #1").click()
    mark = grader.locator("input.score.needs_manual_grade")
    mark.scroll_into_view_if_needed()
    with grader.expect_response(
        lambda answer: "/formgrader/api/grade/" in answer.url and answer.request.method == "PUT"
    ) as saved:
        mark.fill(f"{by_hand - 1:g}")
        mark.press("Tab")
    assert saved.value.status == 200
    instructor.look("manual-grading", grader)
    grader.goto(f"{classroom.url}/user/instructor/ai-foundations/formgrader")
    row.locator(".generate-feedback a").click()
    dismiss(grader, "Successfully generated feedback")
    row.locator(".release-feedback a").click()
    dismiss(grader, "Successfully released feedback")
    instructor.course_page()
    instructor.look("instructor")

    # The student: score and feedback on the course's page, and in JupyterLab.
    student.course_page()
    score = f"{automatic + by_hand - 1:g}"
    expect(page.locator(f"#{ASSIGNMENT} .points")).to_have_text(score)
    expect(page.locator(f"#{ASSIGNMENT} .score")).to_contain_text(f"of {sum(points()):g}")
    student.look("course")
    page.get_by_role("link", name="Feedback", exact=True).click()
    feedback = page.frame_locator("iframe.feedback")
    expect(feedback.get_by_text(f"(Score: {score}.0 / ").first).to_be_visible()
    student.look("feedback")
    page.goto(f"{classroom.url}/user/student1/ai-foundations/lab")
    page.get_by_role("tab", name="Assignments").click()
    page.locator("#refresh_assignments_list").click()
    submitted = page.locator("#submitted_assignments_list")
    submitted.get_by_role("button", name="Fetch Feedback").click()
    expect(submitted.get_by_text("(view feedback)")).to_be_visible()

    # Nothing of all that came from outside.
    assert student.outside + instructor.outside == []

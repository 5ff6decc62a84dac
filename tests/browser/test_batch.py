"""A batch job from JupyterLab's file browser to its result, with a real hub."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from classrooms import Classroom, running_classroom
from notebooks import notebook
from people import COURSE, Person, arrive
from playwright.sync_api import Browser, Locator, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
DONE_MS = 120_000
RUNS = re.compile("/lesesal/batch/runs")


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Classroom]:
    with running_classroom(tmp_path_factory.mktemp("classroom") / "state") as running:
        yield running


@pytest.fixture(scope="module")
def student(browser: Browser, classroom: Classroom) -> Iterator[Person]:
    wanted = os.environ.get("LESESAL_SCREENSHOTS")
    person = arrive(browser, classroom, "student1", Path(wanted) if wanted else None)
    person.start_session("This machine")
    yield person
    person.context.close()


@pytest.fixture
def home(classroom: Classroom, student: Person) -> Path:
    return classroom.home / "sessions" / "homes" / student.name


def from_the_browser(student: Person, name: str) -> Locator:
    """The tab with the form, by a right-click on the notebook."""
    page = student.page
    page.goto(f"{student.classroom.url}/user/{student.name}/{COURSE}/lab?reset")
    page.locator(".jp-DirListing-item", has_text=name).click(button="right")
    page.get_by_role("menuitem", name="Run as a batch job").click()
    tab = page.locator(".lesesal-Batch")
    expect(tab.get_by_role("button", name="Start", exact=True)).to_be_visible()
    return tab


def test_a_sweep_from_the_form_to_its_results(student: Person, home: Path) -> None:
    settings = "rate = 0.1  # how large a step is\nsteps: int = 3\nstart = 'left'"
    work = """
from lesesal_notebook import progress
run = progress(range(steps), name="descent")
for step in run:
    run.report(height=1 / (1 + rate * step))
print(f"{start} {rate * steps:.2f}")
"""
    (home / "descent.ipynb").write_text(notebook(work, parameters=settings))
    tab = from_the_browser(student, "descent.ipynb")
    expect(tab.get_by_label("rate")).to_have_value("0.1")
    expect(tab).to_contain_text("float · how large a step is")
    expect(tab.get_by_text("This is one task.")).to_be_visible()
    expect(tab.get_by_label("Offer").locator("option")).not_to_have_count(0)
    tab.get_by_label("steps").fill("many")
    expect(tab).to_contain_text(re.compile(r"The parameter steps .* 'many' is not\."))
    tab.get_by_label("steps").fill("4")
    tab.get_by_label("start").fill("right")
    tab.get_by_label("rate").fill("0.5, 0.25")
    expect(tab.get_by_text("These are 2 tasks.")).to_be_visible()
    expect(tab).not_to_contain_text("is not.")

    # What is refused is said in the form, which stays as it was filled in.
    tab.get_by_label("Hours").fill("10000")
    tab.get_by_role("button", name="Start", exact=True).click()
    expect(tab.get_by_role("alert")).to_contain_text("hours")
    expect(tab.get_by_label("rate")).to_have_value("0.5, 0.25")
    student.look("batch-form")

    tab.get_by_label("Hours").fill("")
    tab.get_by_role("button", name="Start", exact=True).click()
    expect(tab).to_contain_text("descent is started.")
    run = tab.locator("[data-run]")
    expect(run.locator(".lesesal-Batch-state")).to_have_text("done", timeout=DONE_MS)
    expect(run).to_contain_text("2 of 2 are done")
    run.get_by_text("Tasks and results").click()
    second = run.get_by_role("row").nth(1)
    expect(second).to_contain_text("rate=0.25")
    student.look("batch-list")
    [folder] = (home / "batch").glob("descent-*")
    results = [(folder / "tasks" / each / "result.ipynb").read_text() for each in "12"]
    assert ["right 2.00" in results[0], "right 1.00" in results[1]] == [True, True]
    run.get_by_role("button", name="Open the result: rate=0.5").click()
    page = student.page
    outputs = page.locator(".jp-NotebookPanel:visible .jp-OutputArea-output")
    expect(outputs.filter(has_text="right 2.00")).to_be_visible()
    # JupyterLab does not trust what it did not run; the curve is seen all the same.
    curve = outputs.get_by_role("img", name="height 0.4, lowest 0.4 at step 4")
    expect(curve).to_be_visible()
    page.wait_for_function(
        "image => image.complete && image.naturalWidth > 0", arg=curve.element_handle()
    )
    student.look("batch-result")
    assert student.outside == []


def test_from_a_notebooks_toolbar_as_it_is_now_and_cancelled(student: Person, home: Path) -> None:
    (home / "endless.ipynb").write_text(
        notebook("import time\nfrom lesesal_notebook import progress", "1")
    )
    page = student.page
    page.goto(f"{student.classroom.url}/user/{student.name}/{COURSE}/lab/tree/endless.ipynb?reset")
    expect(page.get_by_text(re.compile(r"Python 3.*\| Idle"))).to_be_visible()
    page.locator(".jp-Notebook .cm-content").last.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("for each in progress(range(100000)): time.sleep(0.1)")
    panel = page.locator(".jp-NotebookPanel-toolbar")
    panel.get_by_role("button", name="Batch job", exact=True).click()
    tab = page.locator(".lesesal-Batch")
    expect(tab).to_contain_text("This notebook has no parameters")
    tab.get_by_role("button", name="Start", exact=True).click()
    run = tab.locator("[data-run]", has_text="endless")
    expect(run).to_contain_text("cell 2 of 2")
    # While the button is pressed, the list would change under it.
    run.get_by_role("button", name="Cancel").hover()
    page.mouse.down()
    answers = []
    while len({answer.text() for answer in answers}) < 3:
        with page.expect_response(RUNS) as answered:
            pass
        answers.append(answered.value)
    page.mouse.up()
    expect(run.locator(".lesesal-Batch-state")).to_have_text("cancelled")
    expect(run.get_by_role("button", name="Resume")).to_be_visible()
    [folder] = (home / "batch").glob("endless-*")
    assert "for each in progress" in (folder / "notebook.ipynb").read_text()
    # It is in the menu too, and the list without a form.
    page.get_by_role("menuitem", name="File", exact=True).click()
    expect(page.get_by_role("menuitem", name="Run as a batch job")).to_be_visible()
    page.get_by_role("menuitem", name="Batch jobs", exact=True).click()
    expect(tab.get_by_role("button", name="Start", exact=True)).to_have_count(0)
    expect(run).to_be_visible()

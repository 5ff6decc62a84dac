"""A participant's hour, in minutes: by a link into a session, through the workshop, and home."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from classrooms import Classroom, running_classroom
from deployed import CHECKOUT
from people import Person, open_whole, stranger
from playwright.sync_api import Browser, Locator, expect

# Minutes on a machine that does nothing else, and many times that on others.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
COURSE, ASSIGNMENT = "onboarding", "first-day"
# A notebook's cells; and those that wait for a job, and for a sweep of six, one after the other.
CELLS_MS, SWEEP_MS = 240_000, 600_000


@pytest.fixture
def classroom(tmp_path: Path) -> Iterator[Classroom]:
    with running_classroom(tmp_path / "state") as running:
        yield running


def join(browser: Browser, classroom: Classroom) -> Person:
    """Follow the link that was printed, without an account."""
    [link] = re.findall(rf"{classroom.url}/hub/join/\w+", classroom.output.read_text())
    wanted = os.environ.get("LESESAL_SCREENSHOTS")
    person = stranger(
        browser,
        classroom,
        screenshots=Path(wanted) if wanted else None,
        # High enough for a panel with its plot.
        viewport={"width": 1280, "height": 1400},
        locale="en-GB",
    )
    page = person.page
    page.goto(link)
    page.get_by_label("Your name.", exact=False).fill("Participant 1")
    page.get_by_role("button", name="Make an account and join").click()
    person.name, person.course = page.locator("#guest-name").inner_text(), COURSE
    page.get_by_role("link", name="I have written it down").click()
    expect(page.get_by_role("heading", name="First day on the GPU cluster")).to_be_visible()
    return person


def fetch(person: Person) -> None:
    """Bring the notebooks into one's files."""
    person.from_menu("Assignment List")
    released = person.page.locator("#released_assignments_list .list_item")
    released.filter(has_text=ASSIGNMENT).get_by_role("button", name="Fetch").click()
    fetched = person.page.locator("#fetched_assignments_list")
    expect(fetched.locator("a.assignment-notebooks-link")).to_be_visible()


def wait_longer(person: Person) -> None:
    """Let the cells that wait for batch jobs do so longer: who reads runs them again instead."""
    home = person.classroom.home / "sessions/homes" / person.name
    notebook = home / COURSE / ASSIGNMENT / "4-batch-job.ipynb"
    text = notebook.read_text()
    assert text.count("seconds=120") == 1
    notebook.write_text(text.replace("seconds=120", "seconds=240"))


def run_all(person: Person, name: str, milliseconds: float = CELLS_MS) -> Locator:
    """Open one of the notebooks, run all its cells and save it; its cells' outputs."""
    page, home = person.page, f"{person.classroom.url}/user/{person.name}/{COURSE}"
    page.goto(f"{home}/lab/tree/{COURSE}/{ASSIGNMENT}/{name}.ipynb?reset")
    expect(page.get_by_text(re.compile(r"Python 3.*\| Idle"))).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    notebook = page.locator(".jp-NotebookPanel:visible")
    # Cells that check an answer are folded, and have none.
    prompts = notebook.locator(".jp-CodeCell .jp-InputPrompt:not(.jp-Placeholder-prompt)")
    expect(prompts.last).to_have_text(re.compile(r"\[\d+\]"), timeout=milliseconds)
    outputs = notebook.locator(".jp-Cell-outputArea")
    failed = notebook.locator('[data-mime-type="application/vnd.jupyter.error"]')
    expect(failed).to_have_count(0)
    with page.expect_response(
        lambda answer: "/api/contents/" in answer.url and answer.request.method == "PUT"
    ):
        page.keyboard.press("Control+S")
    return outputs


def take(person: Person, name: str, part: Locator) -> None:
    """Keep a picture of a part of the page, when they are wanted."""
    if person.screenshots:
        part.scroll_into_view_if_needed()
        part.screenshot(path=person.screenshots / f"{name}.png")


def changes(part: Locator) -> None:
    """Wait until a part of the page shows something else than now."""
    before = part.inner_html()
    part.page.wait_for_function(
        "([element, before]) => element.innerHTML !== before",
        arg=[part.element_handle(), before],
    )


def archive(person: Person) -> dict[str, bytes]:
    """What *Take everything home* downloads, by path."""
    person.course_page()
    with person.page.expect_download() as download:
        person.page.get_by_role("link", name="All that you handed in").click()
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as whole:
        return {name: whole.read(name) for name in whole.namelist() if not name.endswith("/")}


def test_from_the_link_to_the_archive(browser: Browser, classroom: Classroom) -> None:
    person = join(browser, classroom)
    person.page.get_by_role("link", name="Start session").click()
    person.page.get_by_label(re.compile("This machine")).check()
    person.page.get_by_role("button", name="Start").click()
    person.page.wait_for_url(f"**/user/{person.name}/{COURSE}/lab**")
    open_whole(person)
    fetch(person)

    # The session one is in.
    outputs = run_all(person, "1-the-session")
    desk = outputs.locator(".lesesal-desk")
    expect(desk.get_by_role("heading", name="First day on the GPU cluster")).to_be_visible()
    expect(desk).to_contain_text(re.compile(r"7 h 5\d min left"))
    expect(desk).to_contain_text("No deadline")
    expect(person.page.locator(".lesesal-End")).to_have_text(re.compile(r"7 h 5\d min left"))
    take(person, "desk", desk)

    # A GPU, or none.
    outputs = run_all(person, "2-a-gpu")
    measured = outputs.filter(has_text="Memory at most")
    expect(measured).to_contain_text("CPU time")
    gauge = outputs.filter(has_text="This session has no GPU")
    expect(gauge).to_contain_text("Memory")
    changes(gauge)
    take(person, "measure", measured.locator(".jp-OutputArea-output"))
    take(person, "gauge", gauge.locator(".jp-OutputArea-output"))

    run_all(person, "3-data")

    # Batch jobs: one with parameters, and a sweep.
    wait_longer(person)
    outputs = run_all(person, "4-batch-job", SWEEP_MS)
    progress = outputs.locator(".lesesal-Progress")
    expect(progress).to_contain_text("Done: 60 steps")
    take(person, "progress", progress)
    panels = outputs.locator(".lesesal-batch")
    expect(panels).to_have_count(2)
    expect(outputs.filter(has_text="It is done.")).to_have_count(2)
    first, sweep = panels.nth(0), panels.nth(1)
    expect(first.locator('[data-state="done"]').first).to_be_visible()
    expect(sweep).to_contain_text("6 of 6 are done.")
    expect(sweep.get_by_role("img")).to_be_visible()
    expect(sweep.get_by_role("row")).to_have_count(1 + 6)
    take(person, "batch", first)
    [folder] = (classroom.home / "sessions/homes" / person.name / "batch").glob("*/tasks/6")
    assert json.loads((folder / "parameters.json").read_text()) == {"rate": 0.3, "seed": 1}
    assert 0 < json.loads((folder / "results.json").read_text())["error"] < 2
    result = json.loads((folder / "result.ipynb").read_text())
    assert any("image/png" in str(cell.get("outputs")) for cell in result["cells"])

    # Handing in, at the desk, and home.
    outputs = run_all(person, "5-help-and-your-project")
    desk = outputs.locator(".lesesal-desk")
    desk.get_by_role("button", name="Submit").click()
    expect(desk.get_by_role("status")).to_contain_text("Fingerprint (SHA-256)")
    said = desk.inner_text()
    home = archive(person)
    notebooks = {
        name.rsplit("/", 1)[1]: text for name, text in home.items() if "/submitted/" in name
    }
    given = CHECKOUT / "courses/content" / COURSE / "source" / ASSIGNMENT
    assert notebooks.keys() == {path.name for path in given.iterdir()}
    assert b"was written 1 times" in notebooks["1-the-session.ipynb"]
    assert b"Done: 60 steps" in notebooks["4-batch-job.ipynb"]
    # A submission's folder is called by its time and its receipt's number.
    [receipt] = [name.split("/")[-2] for name in home if name.endswith("/receipt.json")]
    assert receipt.rsplit("_", 1)[1] in said
    assert person.outside == []
    person.context.close()

"""The desk as a student sees it in JupyterLab."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from classrooms import running_classroom
from extensions.session.stand_in import VISITOR, Session, running_session
from extensions.widgets import desk_kit
from extensions.widgets.desk_kit import World
from notebooks import notebook
from people import COURSE, arrive
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser
ASSIGNMENT = "gradient-descent"


DESK = notebook("from lesesal_notebook import desk\ndesk()", "import time\ntime.sleep(600)")


def open_desk(page: Page, url: str) -> Locator:
    """Open the notebook with the desk and run its first cell."""
    page.goto(url)
    expect(page.get_by_text("| Idle")).to_be_visible()
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")
    desk = page.locator(".lesesal-desk")
    expect(desk).to_be_visible()
    return desk


def pressed(desk: Locator, name: str) -> None:
    desk.get_by_role("button", name=name, exact=True).click()


# With a hub that says what the test wants it to say


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with desk_kit.world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture
def session(world: World, tmp_path: Path) -> Iterator[Session]:
    ends = time.time() + 3_600
    world.hub.told = {"ends": ends, "more": {"hours": 1, "how": "extend"}, "news": ""}
    settings = {"LESESAL_CLASSROOM_URL": world.classroom.url, "LESESAL_COURSE": "optics"}
    with running_session(tmp_path, world.hub, TZ="Europe/Oslo", **settings) as session:
        (session.home / "work.ipynb").write_text(DESK)
        yield session


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(timezone_id="America/New_York", locale="en-GB")
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


@pytest.mark.slow
def test_what_is_open_is_saved_before_it_is_handed_in(
    page: Page, session: Session, world: World
) -> None:
    desk = open_desk(page, f"{session.url}lab/tree/work.ipynb?token={VISITOR}")
    # On the reader's own clock, not the machine's.
    expect(desk).to_contain_text(re.compile(r"Due \w{3}, .* (GMT-[45]|E[SD]T), in 2 days"))
    # It answers while a cell runs.
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("[*]:")).to_be_visible()
    pressed(desk, "Fetch")
    expect(desk).to_contain_text("Fetched, not handed in")
    pressed(desk, "Validate")
    expect(desk).to_contain_text("Cells that do not pass: 1.")

    desk.get_by_role("link", name="nb.ipynb").first.click()
    work = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(work.get_by_text("assert focus == 2")).to_be_visible()
    work.locator(".cm-content").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("focus = 2")
    path = session.home / "optics" / "lenses" / "nb.ipynb"
    assert "focus = 2" not in path.read_text()
    page.get_by_role("tab", name="work.ipynb").click()
    pressed(desk, "Submit")
    said = desk.get_by_role("status")
    expect(said).to_contain_text("before the deadline")
    [receipt] = (path.parent / ".lesesal" / "receipts").iterdir()
    expect(said).to_contain_text(json.loads(receipt.read_text())["content"])
    assert "focus = 2" in path.read_text()
    # Only what is the assignment's: the page with the desk is left alone.
    assert '"execution_count": 1' not in (session.home / "work.ipynb").read_text()
    pressed(desk, "Validate")
    expect(said).to_contain_text("All tests that you can see are passed.")

    ends = time.time() + 7_200
    world.hub.more = 200, {"ends": ends, "more": None, "news": "Your session now ends later."}
    pressed(desk, "Give me another hour")
    expect(desk).to_contain_text("Your session now ends later.")
    expect(desk).to_contain_text("1 h 59 min left")
    expect(page.get_by_text("[*]:")).to_be_visible()


# With a real hub


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_fetching_to_a_receipt(browser: Browser, tmp_path: Path) -> None:
    wanted = os.environ.get("LESESAL_SCREENSHOTS")
    with running_classroom(tmp_path / "state") as classroom:
        student = arrive(browser, classroom, "student1", Path(wanted) if wanted else None)
        home = classroom.home / "sessions" / "homes" / "student1"
        home.mkdir(mode=0o700, parents=True)
        (home / "work.ipynb").write_text(DESK)
        student.start_session("This machine|A slice of a GPU")
        lab = f"{classroom.url}/user/student1/{COURSE}/lab/tree/work.ipynb"
        desk = open_desk(student.page, lab)
        row = desk.locator(".lesesal-desk-row").filter(has_text=ASSIGNMENT)
        expect(row).to_contain_text(re.compile("Due .*29 Jan 2027"))
        pressed(row, "Fetch")
        expect(row).to_contain_text("Fetched, not handed in")
        pressed(row, "Validate")
        expect(row).to_contain_text("Cells that do not pass", timeout=120_000)
        pressed(row, "Submit")
        expect(row.get_by_role("status")).to_contain_text("Fingerprint (SHA-256)")
        student.look("desk")
        [receipt] = home.glob(f"{COURSE}/{ASSIGNMENT}/.lesesal/receipts/*.json")
        given: dict[str, Any] = json.loads(receipt.read_text())
        expect(row.get_by_role("status")).to_contain_text(given["content"])
        student.course_page()
        student.page.get_by_role("link", name="Receipt", exact=True).click()
        expect(student.page.get_by_text(given["content"])).to_be_visible()
        assert student.outside == []
        student.context.close()

"""An assignment's page follows a run of grading, and comes anew when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from classroom_kit import NOW
from classrooms import browser_missing, chromium
from lit_classroom import LitClassroom, lit_classroom
from playwright.sync_api import Page, expect, sync_playwright

from courses.classroom.grading import _Work
from courses.grades import Progress, State
from courses.store import grading
from courses.store.grading import Kind, Run, Stage

PRISMS = "courses/optics/assignments/prisms"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LitClassroom]:
    with lit_classroom(tmp_path_factory.mktemp("grading")) as room:
        yield room


@pytest.fixture
def page(room: LitClassroom) -> Iterator[Page]:
    """ada's browser."""
    if missing := browser_missing():
        pytest.skip("No browser here: " + " ".join(missing))
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
        context = browser.new_context(extra_http_headers={"Authorization": "token ada"})
        yield context.new_page()
        browser.close()


def far(room: LitClassroom, run: Run, progress: Progress | None) -> None:
    """As if the engine had said so; None when it has ended."""
    runs = room.grading
    assert runs is not None
    assert room.loop is not None

    async def tell() -> None:
        if progress is None:
            del runs._work[run.id]
        else:
            runs._work.setdefault(run.id, _Work(run)).progress = progress
        await runs._tell()

    asyncio.run_coroutine_threadsafe(tell(), room.loop).result(60)


@pytest.mark.browser
def test_a_browser_follows_a_run(room: LitClassroom, page: Page) -> None:
    with room.store.writing() as session:
        run = grading.ask(session, "optics", "prisms", Kind.GRADE, actor="eva", at=NOW)
    page.goto(room.url + PRISMS)
    part = page.locator("#grading")
    expect(part).to_contain_text("It waits for its turn.")
    page.evaluate("window.same = true")
    with room.store.writing() as session:
        grading.begin(session, run.id, at=NOW)
    far(room, run, Progress(40, 2, {State.GRADED: 10}, 20.0))
    expect(part).to_contain_text("10 of 40 done, 2 running, 0.5 per second, about 1 minute left")
    expect(part.locator("progress")).to_have_attribute("value", "10")
    expect(part.get_by_role("button", name="Stop")).to_be_visible()
    expect(part.get_by_role("button", name="Grade")).to_have_count(0)
    expect(part).not_to_contain_text("A node")
    far(room, run, Progress(40, 2, {State.GRADED: 10}, 20.0, "A node <was> lost."))
    expect(part).to_contain_text("A node <was> lost.")
    far(room, run, Progress(40, 1, {State.GRADED: 30, State.FAILED: 9}, 30.0))
    expect(part.locator("progress")).to_have_attribute("value", "39")
    assert page.evaluate("window.same")
    with room.store.writing() as session:
        grading.end(session, run.id, Stage.FAILED, done=39, total=40, says="No.", at=NOW)
    far(room, run, None)
    expect(part.locator(".problem")).to_have_text("No.")
    expect(part.get_by_role("button", name="Grade", exact=True)).to_be_visible()
    assert page.evaluate("window.same === undefined")

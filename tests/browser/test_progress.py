"""A long loop in JupyterLab: seen while it runs, and when its page is closed and opened again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from extensions.session.stand_in import VISITOR, Session, StandInHub, running_session
from notebooks import notebook
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
IDLE = re.compile(r"Python 3.*\| Idle")
# Two seconds or more: who looks now and then may miss each single one.
SO_FAR = re.compile(r"\b(0:(0[2-9]|[1-5]\d)|[1-9]\d*:\d\d) so far")
# Until the file is there, so that the test says when it ends.
LOOP = """
import time
from pathlib import Path
from lesesal_notebook import progress
run = progress(total=1000000, name="training")
with run:
    while not Path("enough").exists():
        run.step(loss=1 / (1 + run._track.done), accuracy=0.5)
        time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Session]:
    with running_session(tmp_path_factory.mktemp("session"), StandInHub()) as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    context.set_default_timeout(60_000)
    yield context
    context.close()


def opened(context: BrowserContext, session: Session, name: str) -> Page:
    page = context.new_page()
    page.goto(f"{session.url}lesesal/session?token={VISITOR}")
    page.goto(f"{session.url}lab/tree/{name}?reset")
    return page


def run_first(page: Page) -> None:
    expect(page.get_by_text(IDLE)).to_be_visible()
    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.press("Shift+Enter")


def saved(page: Page, session: Session, name: str, text: str) -> None:
    """Save until the file has the text."""
    for _each in range(300):
        page.keyboard.press("Control+s")
        if text in (session.home / name).read_text():
            return
        page.wait_for_timeout(200)
    raise AssertionError((session.home / name).read_text())


def steps(shown: Locator) -> int:
    found = re.search(r"step ([\d\s]+) of", shown.inner_text())
    assert found, shown.inner_text()
    return int(re.sub(r"\s", "", found[1]))


def test_a_page_that_was_closed_sees_it_go_on_and_end(
    context: BrowserContext, session: Session
) -> None:
    (session.home / "long.ipynb").write_text(notebook(LOOP))
    page = opened(context, session, "long.ipynb")
    run_first(page)
    shown = page.locator(".lesesal-Progress")
    expect(shown.get_by_role("progressbar")).to_be_visible()
    expect(shown.get_by_role("img")).to_have_count(2)
    # Long enough for its files to be there.
    expect(shown).to_contain_text(SO_FAR)
    saved(page, session, "long.ipynb", "lesesal-Progress")
    before = steps(shown)
    page.close()

    page = opened(context, session, "long.ipynb")
    shown = page.locator(".lesesal-Progress")
    expect(shown).to_be_visible()
    deadline = time.monotonic() + 60
    while (now := steps(shown)) <= before + 100 and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    assert now > before + 100
    # All the while the kernel is busy.
    expect(shown).to_have_attribute("data-state", "running")
    (session.home / "enough").touch()
    expect(shown).to_contain_text("Stopped at step")
    expect(shown.get_by_role("progressbar")).to_have_count(0)
    expect(shown.get_by_role("img")).to_have_count(2)
    saved(page, session, "long.ipynb", "Stopped at step")


def test_it_is_shown_when_its_output_was_never_saved(
    context: BrowserContext, session: Session
) -> None:
    (session.home / "enough").unlink(missing_ok=True)
    (session.home / "lost.ipynb").write_text(notebook(LOOP.replace("training", "lost")))
    (session.home / "other.ipynb").write_text(
        notebook("from lesesal_notebook import progress\nprogress.show('lost')")
    )
    page = opened(context, session, "lost.ipynb")
    run_first(page)
    expect(page.locator(".lesesal-Progress")).to_contain_text(SO_FAR)
    page.close()

    page = opened(context, session, "other.ipynb")
    run_first(page)
    shown = page.locator(".lesesal-Progress")
    expect(shown).to_contain_text("lost · step")
    first = steps(shown)
    expect(shown).not_to_contain_text(f"step {first} of")
    (session.home / "enough").touch()
    expect(shown).to_contain_text("Stopped at step")

"""What staff announces, as somebody in JupyterLab sees it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from deployed import CHECKOUT
from extensions.session.stand_in import VISITOR, StandInHub, running_session
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
SOURCE = CHECKOUT / "extensions/share/jupyter/labextensions/lesesal/static/announcements.js"
MOVES = {"id": 7, "title": "The lecture moves", "text": "To room 2.", "author": "instructor"}
LENS = {"id": 8, "title": "Bring a lens", "text": "", "author": "assistant"}


def test_each_is_new_once_to_a_browser(browser: Browser) -> None:
    page = browser.new_page()
    found = page.evaluate(
        """async ([source, moves, lens]) => {
            const { Seen, inWords } = await import(
                "data:text/javascript," + encodeURIComponent(source)
            );
            const kept = {};
            const storage = {
                getItem: (key) => kept[key] ?? null,
                setItem: (key, value) => { kept[key] = value; },
            };
            const ask = (list) => new Seen(storage, "k").unseen(list).map(inWords);
            const answers = [ask([moves]), ask([lens, moves]), ask([lens, moves])];
            kept.k = "nonsense";
            return [...answers, ask([lens, moves])];
        }""",
        [SOURCE.read_text(), MOVES, LENS],
    )
    moves, lens = "The lecture moves: To room 2. (instructor)", "Bring a lens (assistant)"
    assert found == [[moves], [lens], [], [moves, lens]]
    page.close()


def let_time_pass_until_it_asks(page: Page) -> None:
    """It does so some time after all is restored, which cannot be seen."""
    asked: list[str] = []
    page.on("response", lambda answer: asked.append(answer.url))
    deadline = time.monotonic() + 60
    while not any("lesesal/announcements" in each for each in asked):
        assert time.monotonic() < deadline, "it does not ask"
        page.clock.fast_forward(90_000)
        page.wait_for_timeout(200)


@pytest.mark.slow
def test_it_comes_up_in_jupyterlab_and_not_again(browser: Browser, tmp_path: Path) -> None:
    hub = StandInHub()
    hub.announced = 200, [MOVES]
    with running_session(tmp_path, hub) as session:
        context = browser.new_context(viewport={"width": 1280, "height": 860})
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(f"{session.url}lesesal/session?token={VISITOR}")
        toasts = page.locator(".Toastify__toast", has_text="The lecture moves: To room 2.")
        for count in (1, 0):
            page.clock.install()
            page.goto(f"{session.url}lab?reset")
            expect(page.locator("#jp-main-dock-panel")).to_be_visible()
            let_time_pass_until_it_asks(page)
            expect(toasts).to_have_count(count)
        context.close()

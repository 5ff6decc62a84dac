"""A batch run's panel in JupyterLab, with real jobs and a hub that lets them wait."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from extensions.batch.stand_in import Desk
from extensions.session.stand_in import VISITOR, Session, StandInHub, running_session
from hubs import until
from notebooks import notebook
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TRAIN = """
import time
from pathlib import Path
from lesesal_notebook import batch
print("rate", rate, flush=True)
while rate > 1 and not Path("enough").exists():
    time.sleep(0.1)
batch.record(loss=rate * 2 + seed / 100)
"""


@dataclass
class BatchHub(StandInHub):
    """A stand-in that also answers about batch jobs."""

    desk: Desk = field(default_factory=lambda: Desk(Path()))

    def answer(self, method: str, path: str, token: str, body: Any) -> tuple[int, Any]:
        """Status and JSON for one request."""
        if path.startswith("/hub/api/batch/kim/ai"):
            return self.desk.answer(method, path, body)
        return super().answer(method, path, token, body)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("session"), holds=True)


@pytest.fixture(scope="module")
def session(desk: Desk, browser: Browser) -> Iterator[Session]:
    with running_session(desk.folder, BatchHub(desk=desk)) as running:
        desk.notebook(TRAIN, parameters="rate = 0.5\nseed = 1")
        yield running
        for job in desk.jobs.values():
            job.terminate()
            job.wait(30)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def panel(page: Page, session: Session, name: str, code: str) -> Locator:
    """What a notebook's cell with this code shows."""
    (session.home / "work" / f"{name}.ipynb").write_text(notebook(code))
    page.goto(f"{session.url}lesesal/session?token={VISITOR}")
    page.goto(f"{session.url}lab/tree/work/{name}.ipynb?reset")
    expect(page.get_by_text(re.compile(r"Python 3.*\| Idle"))).to_be_visible()
    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    return page.locator(".lesesal-batch")


def photographed(page: Page, name: str) -> None:
    """A picture for docs/images, where somebody wants one."""
    wanted = os.environ.get("LESESAL_SCREENSHOTS")
    if wanted:
        page.wait_for_timeout(500)
        page.locator(".jp-MainAreaWidget:visible").screenshot(path=Path(wanted) / f"{name}.png")


def test_from_the_queue_to_the_table_of_results(page: Page, session: Session, desk: Desk) -> None:
    grid = "{'rate': [0.1, 0.2], 'seed': [1, 2]}"
    code = f"from lesesal_notebook import batch\nbatch.submit('train.ipynb', grid={grid})"
    shown = panel(page, session, "sweep", code)
    expect(shown.get_by_role("status").first).to_have_text("waiting")
    run = desk.asked[-1]["run"]
    desk.says[run] = {"state": "waiting", "place": 2, "queue_length": 5, "reason": "It is full."}
    expect(shown).to_contain_text("place 2 of 5")
    expect(shown).to_contain_text("It is full.")
    expect(shown.get_by_role("button", name="Cancel")).to_be_visible()
    del desk.says[run]
    desk.start(run, 4)
    expect(shown).to_contain_text("4 of 4 are done.")
    expect(shown.get_by_role("row")).to_have_text(
        [
            "taskstaterateseedloss",
            "1done0.110.21",
            "2done0.120.22",
            "3done0.210.41",
            "4done0.220.42",
        ]
    )
    expect(shown.locator("img")).to_be_visible()
    expect(shown.get_by_role("button", name="Cancel")).to_be_hidden()
    photographed(page, "batch-run")
    # What is left in the notebook needs no kernel and no widget.
    expect(page.locator(".jupyter-widgets")).to_have_count(0)
    page.keyboard.press("Control+s")
    file = session.home / "work" / "sweep.ipynb"
    until(lambda: "4 of 4 are done." in file.read_text(), "the notebook is saved")
    page.goto(f"{session.url}lab/tree/work/sweep.ipynb?reset")
    expect(shown).to_contain_text("4 of 4 are done.")
    shown.get_by_role("link", name="Open the notebook").first.click()
    expect(page.get_by_role("tab", name="result.ipynb")).to_be_visible()
    expect(page.locator(".jp-Notebook:visible")).to_contain_text("rate 0.1")


def test_it_is_cancelled_and_resumed_from_its_panel(
    page: Page, session: Session, desk: Desk
) -> None:
    code = (
        "from lesesal_notebook import batch\nbatch.submit('train.ipynb', {'rate': 2}, name='Long')"
    )
    shown = panel(page, session, "long", code)
    expect(shown.get_by_role("status").first).to_have_text("waiting")
    run = desk.asked[-1]["run"]
    del desk.says[run]
    desk.start(run)
    expect(shown).to_contain_text("cell 3 of 3")
    expect(shown.locator("pre")).to_contain_text("rate 2.0")
    shown.get_by_role("button", name="Cancel").click()
    expect(shown.get_by_role("status").first).to_have_text("cancelled")
    expect(shown).to_contain_text("It was ended; what it had done is kept.")
    (session.home / "work" / "enough").touch()
    shown.get_by_role("button", name="Resume").click()
    expect(shown).to_contain_text("It goes on as")
    again = desk.asked[-1]["run"]
    assert again != run
    expect(shown).to_contain_text(f'batch.get("{again}") shows it.')

"""Warm kernels as a person in JupyterLab has them: the page makes them ready, a button restarts."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest
from extensions.session.kernel_kit import servers, state, until
from extensions.session.stand_in import Session, StandInHub, running_session
from notebooks import notebook
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser
SOURCES = (
    "import os, sys\n(os.getppid(), 'numpy' in sys.modules, 'x' in globals())",
    "x = 1\nprint('begun', flush=True)\nwhile True:\n    pass",
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("kernels")
    with running_session(folder, StandInHub(), LESESAL_PRELOAD="numpy") as running:
        yield running


def output(page: Page, number: int, count: int | str) -> Locator:
    """Run a cell; what it shows, when it is numbered so."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(cell.locator(".jp-InputPrompt")).to_have_text(f"[{count}]:")
    return cell.locator(".jp-OutputArea-output").first


@pytest.mark.slow
def test_the_page_makes_kernels_ready_and_its_buttons_restart_and_stop_them(
    page: Page, session: Session
) -> None:
    (session.home / "a.ipynb").write_text(notebook(*SOURCES))
    assert servers(session) == []
    page.goto(f"{session.url}lab?reset")
    [server] = until(lambda: servers(session), "the page started no fork server")
    with session.client() as client:
        until(lambda: state(client) == "ready", "the fork server is not ready")
    page.goto(f"{session.url}lab/tree/a.ipynb?reset")
    expect(page.get_by_text("| Idle")).to_be_visible()
    forked = f"({server.pid}, True, False)"
    expect(output(page, 0, 1)).to_have_text(forked)
    [first] = [child.pid for child in server.children() if child.num_threads() > 1]

    # The button that interrupts, and the one that restarts.
    expect(output(page, 1, "*")).to_contain_text("begun")
    page.get_by_role("button", name="Interrupt the kernel").click()
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(1)
    expect(cell.locator(".jp-OutputArea")).to_contain_text("KeyboardInterrupt")
    page.get_by_role("button", name="Restart the kernel", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(output(page, 0, 1)).to_have_text(forked)
    until(lambda: not psutil.pid_exists(first), "the first kernel does not end")

    # JupyterLab's debugger attaches to it.
    bug = page.get_by_role("button", name="Enable Debugger")
    expect(bug).to_be_enabled()
    bug.click()
    expect(page.get_by_role("button", name="Disable Debugger")).to_be_visible()
    expect(output(page, 0, 2)).to_have_text(forked)

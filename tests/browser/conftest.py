"""The browser that the tests of a module share."""

from collections.abc import Iterator

import pytest
from classrooms import browser_missing, chromium
from extensions.session.stand_in import VISITOR, Session
from playwright.sync_api import Browser, Page, expect, sync_playwright

# Root needs the first; the rest keep Chromium from looking for its makers.
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


# By module: while it is there, its event loop runs, and asyncio's tests elsewhere can have none.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if missing := browser_missing():
        pytest.skip("No browser here: " + " ".join(missing))
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=FLAGS, timeout=120_000
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, session: Session) -> Iterator[Page]:
    """A tab of who may see the module's session."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-GB")
    context.set_default_timeout(60_000)
    page = context.new_page()
    # Logs in; what comes then has a cookie.
    page.goto(f"{session.url}lesesal/session?token={VISITOR}")
    yield page
    context.close()

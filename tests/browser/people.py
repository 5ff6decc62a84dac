"""What people do in a classroom, as steps in a real browser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classrooms import Classroom
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

COURSE = "ai-foundations"
# Autograding runs a whole notebook.
GRADING_MS = 120_000


@dataclass
class Person:
    """Somebody in front of a browser of their own.

    Attributes:
        name: the account.
        page: the tab that the classroom and JupyterLab are in.
        outside: addresses that a page asked for and that are not the classroom's.
        course: whose pages and sessions are meant.
    """

    name: str
    classroom: Classroom
    context: BrowserContext
    page: Page
    outside: list[str]
    screenshots: Path | None
    course: str = COURSE

    def look(self, name: str, page: Page | None = None) -> None:
        """Keep a screenshot, when they are wanted."""
        if self.screenshots:
            (page or self.page).screenshot(path=self.screenshots / f"{name}.png")

    def course_page(self) -> None:
        """Open the course's page."""
        self.page.goto(f"{self.classroom.url}/services/classroom/courses/{self.course}")

    def start_session(self, offer: str) -> None:
        """From the home page over the form to JupyterLab."""
        self.page.goto(self.classroom.url)
        card = self.page.locator(".card").filter(
            has=self.page.locator(f'a[href$="/courses/{self.course}"]')
        )
        card.get_by_role("link", name="Start session").click()
        # The hub's page is ours, wherever the configuration lies.
        expect(self.page.get_by_role("heading")).to_have_text(["Start a session"])
        self.page.get_by_label(re.compile(offer)).check()
        self.page.get_by_role("button", name="Start").click()
        self.page.wait_for_url(f"**/user/{self.name}/{self.course}/lab**")
        expect(self.page.get_by_role("menuitem", name="Nbgrader")).to_be_visible()

    def from_menu(self, item: str) -> None:
        """An item of JupyterLab's menu *Nbgrader*."""
        self.page.get_by_role("menuitem", name="Nbgrader").click()
        self.page.get_by_role("menuitem", name=item, exact=True).click()

    def formgrader(self) -> Page:
        """The Formgrader's own tab, opened as JupyterLab offers it."""
        self.from_menu("Formgrader")
        frame = self.page.frame_locator("#formgrader-iframe iframe")
        with self.context.expect_page() as opened:
            frame.get_by_role("button", name="Open the Formgrader").click()
        opened.value.set_default_timeout(GRADING_MS)
        return opened.value


def stranger(
    browser: Browser,
    classroom: Classroom,
    name: str = "",
    screenshots: Path | None = None,
    **context: Any,
) -> Person:
    """Somebody with an empty tab, before the login."""
    wide = {"viewport": {"width": 1280, "height": 860}}
    opened = browser.new_context(**wide | context)
    # A session's start is among what is waited for.
    opened.set_default_timeout(120_000)
    outside: list[str] = []
    ours = (classroom.url, classroom.url.replace("http", "ws"), "data:", "blob:")
    opened.on(
        "request",
        lambda request: None if request.url.startswith(ours) else outside.append(request.url),
    )
    return Person(name, classroom, opened, opened.new_page(), outside, screenshots)


def arrive(
    browser: Browser, classroom: Classroom, name: str, screenshots: Path | None = None
) -> Person:
    """Open the classroom and log in."""
    person = stranger(browser, classroom, name, screenshots)
    page = person.page
    page.goto(classroom.url)
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=False).first.fill(classroom.passwords[name])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="My courses")).to_be_visible()
    return person


def open_whole(person: Person) -> None:
    """Let JupyterLab draw all cells of a notebook, also those out of sight, as the test types in
    them by number. A person would scroll."""
    answer = person.page.evaluate(
        """async (base) => {
            const token = document.cookie.match(/_xsrf=([^;]*)/)[1];
            const path = "lab/api/settings/@jupyterlab/notebook-extension:tracker";
            const answer = await fetch(base + path, {
                method: "PUT",
                headers: {"X-XSRFToken": token, "Content-Type": "application/json"},
                body: JSON.stringify({raw: '{"windowingMode": "none"}'}),
            });
            return answer.status;
        }""",
        f"/user/{person.name}/{person.course}/",
    )
    assert answer == 204
    person.page.reload()


def type_into(person: Person, cells: Locator, number: int, cell: dict[str, Any]) -> None:
    """Replace a cell's text by another's."""
    target = cells.nth(number)
    target.scroll_into_view_if_needed()
    if cell["cell_type"] == "markdown":
        target.locator(".jp-MarkdownOutput").dblclick()
    target.locator(".cm-content").click()
    person.page.keyboard.press("Control+A")
    person.page.keyboard.insert_text("".join(cell["source"]))
    person.page.keyboard.press("Escape")


def dismiss(page: Page, wanted: str) -> str:
    """Wait for the Formgrader's dialog, check that it says this, and close it."""
    dialog = page.locator(".modal-dialog")
    expect(dialog).to_contain_text(wanted, timeout=GRADING_MS)
    text = dialog.inner_text()
    dialog.locator(".modal-footer button").click()
    expect(dialog).to_be_hidden()
    return text

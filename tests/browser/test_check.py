"""What the visible tests say, below what was handed in, in nbgrader's Assignment List."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lab_scripts import page_with_scripts
from playwright.sync_api import Browser, Page, expect

from lesesal_notebook.language import script_words

pytestmark = pytest.mark.browser
WAITING = {"waiting": True, "passed": 0, "count": 0, "failed": [], "says": ""}
SAID = {"waiting": False, "passed": 7, "count": 9, "failed": ["sum", "mean"], "says": ""}
# As nbgrader 0.9.6 makes it: an assignment that is fetched, and was handed in twice.
ROW = """<div class="list_item row"><div class="col-md-12"><span class="item_name"><span>ps1</span>
</span><span class="item_course">optics</span></div></div>"""
LISTS = f"""<div id="fetched_assignments_list">{ROW}</div>
<div id="submitted_assignments_list">{ROW}</div>"""
DUE = """async ([language, words]) => {
    (await import("/words.js")).use({ language, words });
    const { plugin } = await import("/due.js");
    const lab = {
        URLExt: { join: (...parts) => parts.join("/") },
        ServerConnection: { makeRequest: async () => ({ json: () => window.answer() }) }
    };
    const app = { restored: Promise.resolve(), serviceManager: { serverSettings: {} }, shell: {} };
    plugin(lab).activate(app);
}"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with nbgrader's lists; ``listed`` is what its session answers, and counts."""
    page = page_with_scripts(browser, "en-GB", "UTC")
    page.clock.install()
    page.set_content(LISTS)
    yield page
    page.close()


def listed(page: Page, *checks: dict[str, Any] | None) -> None:
    entry = {"course_id": "optics", "assignment_id": "ps1"}
    versions = [{"check": check} for check in checks]
    answer = [{**entry, "deadline": None}, {**entry, "submissions": versions}]
    page.evaluate(
        """(value) => {
            window.asked ??= 0;
            window.answer = () => { window.asked += 1; return { success: true, value }; };
        }""",
        answer,
    )


def shown(page: Page, language: str = "en") -> None:
    page.evaluate(DUE, [language, script_words(language)])
    page.clock.run_for(200)


def test_it_is_waited_for_and_then_there(page: Page) -> None:
    listed(page, SAID, WAITING)
    shown(page)
    line = page.locator("#submitted_assignments_list .lesesal-Check")
    expect(line).to_have_text("Tests you can see: being run …")
    expect(line).to_have_role("status")
    expect(page.locator("#fetched_assignments_list .lesesal-Check")).to_have_count(0)
    listed(page, SAID, SAID)
    page.clock.run_for(2_500)
    expect(line).to_have_text("Tests you can see: 7 of 9 passed. Not passed: sum, mean.")
    asked = page.evaluate("window.asked")
    page.clock.run_for(120_000)
    assert page.evaluate("window.asked") == asked


def test_a_class_that_waits_asks_less_and_less_often(page: Page) -> None:
    listed(page, WAITING)
    shown(page)
    for _ in range(100):  # each answer comes before the next wait begins
        page.clock.run_for(3_000)
    assert 10 <= page.evaluate("window.asked") <= 20
    # The list as it is after another version was handed in: what comes next is soon.
    listed(page, WAITING, WAITING)
    before = page.evaluate("window.asked")
    page.evaluate(
        """() => {
            const list = document.getElementById("submitted_assignments_list");
            list.append(list.firstElementChild.cloneNode(true));
        }"""
    )
    for _ in range(5):
        page.clock.run_for(1_000)
    assert page.evaluate("window.asked") - before >= 2


def test_nothing_is_said_where_nobody_asked_the_tests(page: Page) -> None:
    listed(page, None)
    shown(page)
    page.clock.run_for(60_000)
    expect(page.locator(".lesesal-Check")).to_have_count(0)
    assert page.evaluate("window.asked") == 1


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nb", "Tester du kan se: 7 av 9 bestått. Ikke bestått: sum, mean. It ended."),
        ("nn", "Testar du kan sjå: 7 av 9 bestått. Ikkje bestått: sum, mean. It ended."),
    ],
)
def test_in_the_persons_language(page: Page, language: str, text: str) -> None:
    listed(page, SAID | {"says": "It ended."})
    shown(page, language)
    expect(page.locator(".lesesal-Check")).to_have_text(text)


def test_names_are_text_and_not_too_many(page: Page) -> None:
    names = ["<img src=x onerror=alert(1)>", *"abcde"]
    listed(page, SAID | {"failed": names})
    shown(page)
    line = page.locator(".lesesal-Check")
    expect(line).to_contain_text(f"Not passed: {', '.join(names[:5])} ….")
    expect(line.locator("img")).to_have_count(0)

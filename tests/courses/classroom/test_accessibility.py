"""Every page, as each role, in a real browser: axe-core finds nothing against WCAG 2.1 A and AA."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from classrooms import browser_missing, chromium
from lit_classroom import PREFIX, LitClassroom, lit_classroom
from lit_pages import NO_PAGES, PAGES, pages
from playwright.sync_api import Browser, expect, sync_playwright

from courses.classroom.pages import routes

pytestmark = pytest.mark.browser

STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
# What the colours and the width of the window can change.
LOOKS = {"type": "rule", "values": ["color-contrast", "scrollable-region-focusable"]}
FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-sync".split()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LitClassroom]:
    with lit_classroom(tmp_path_factory.mktemp("lit")) as room:
        yield room


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if missing := browser_missing():
        pytest.skip("No browser here: " + " ".join(missing))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


def test_every_page_is_looked_at() -> None:
    gets = {path for path, handler in routes().items() if "get" in vars(handler)}
    assert gets - NO_PAGES <= set(PAGES), "add the new page to lit_pages.py"


@pytest.fixture(scope="module")
def look(browser: Browser, room: LitClassroom) -> Callable[..., list[str]]:
    """What axe finds on every page, and where a page is wider than its window."""

    def look(rules: object, **context_options: Any) -> list[str]:
        found, axe = [], Axe()
        # Reading a page needs no script; axe is one.
        with browser.new_context(bypass_csp=True, **context_options) as context:
            page = context.new_page()
            # Nothing is put in anew while axe reads.
            page.route("**/sessions", lambda route: route.abort())
            for who, path in pages(room):
                page.set_extra_http_headers({"Authorization": f"token {who}"})
                page.goto(room.url + path)
                # nbgrader's page has no origin (pages.feedback) and cannot be looked into.
                options = {"runOnly": rules, "resultTypes": ["violations"], "iframes": False}
                result: dict[str, Any] = axe.run(page, options=options).response
                for violation in result["violations"]:
                    for node in violation["nodes"]:
                        found.append(f"{who} /{path}: {violation['id']} {node['html'][:200]}")
                if (wide := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
                    found.append(f"{who} /{path}: {wide} pixels wider than the window")
        return found

    return look


@pytest.mark.timeout(900)  # all pages, in a browser: a minute on a busy machine
def test_axe_finds_nothing(look: Callable[..., list[str]]) -> None:
    found = look(STANDARD, locale="nn", viewport={"width": 1280, "height": 900})
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nor_on_a_phone_in_the_dark(look: Callable[..., list[str]]) -> None:
    found = look(LOOKS, locale="nb", viewport={"width": 320, "height": 640}, color_scheme="dark")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", ["", "courses/optics", "courses/optics/people"])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    browser: Browser, room: LitClassroom, path: str
) -> None:
    with browser.new_context(extra_http_headers={"Authorization": "token ada"}) as context:
        page = context.new_page()
        # What comes in anew on the way has no number.
        page.route("**/sessions", lambda route: route.abort())
        page.goto(room.url + path)
        page.keyboard.press("Tab")
        skip = page.locator(".skip")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        wanted = page.locator(
            "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"
        ).evaluate_all(
            "all => { all.forEach((each, at) => each.dataset.at = at);"
            " return all.filter(each => each.checkVisibility()).map(each => each.dataset.at) }"
        )
        seen = []
        while (at := page.evaluate("document.activeElement.dataset.at")) is not None:
            style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert style != "none", page.evaluate("document.activeElement.outerHTML")
            if at not in seen:  # a date has several stops
                seen.append(at)
            page.keyboard.press("Tab")
        assert seen == wanted
        page.keyboard.press("Tab")


def test_the_language_is_chosen_without_a_script(browser: Browser, room: LitClassroom) -> None:
    with browser.new_context(
        locale="en-GB",
        java_script_enabled=False,
        extra_http_headers={"Authorization": "token ben"},
    ) as context:
        page = context.new_page()
        address = f"{room.url}courses/optics/submissions/{room.names['graded']}/feedback"
        page.goto(f"{address}?notebook=more%2F2.html")
        for name, code, heading in (
            ("Nynorsk", "nn", "Tilbakemelding på Lenses"),
            ("Bokmål", "nb", "Tilbakemelding på Lenses"),
            ("English", "en", "Feedback on Lenses"),
        ):
            page.get_by_role("link", name=name).click()
            expect(page.locator("html")).to_have_attribute("lang", code)
            expect(page.get_by_role("heading", level=1)).to_have_text(heading)
            assert page.url == f"{address}?notebook=more%2F2.html"
        (cookie,) = [each for each in context.cookies() if each["name"] == "lesesal-language"]
        assert (cookie["value"], cookie["sameSite"], cookie["httpOnly"]) == ("en", "Lax", True)


@pytest.mark.parametrize(
    ("back", "location"),
    [
        ("courses/optics?x=1%2F2", "courses/optics?x=1%2F2"),
        ("//evil.example/", "evil.example/"),
        ("/\\evil.example", "evil.example"),
        ("a\r\nSet-Cookie: b=c", "a%0D%0ASet-Cookie:%20b=c"),
    ],
)
def test_who_changes_the_language_stays_in_the_classroom(
    room: LitClassroom, back: str, location: str
) -> None:
    with room.client("ben") as browser:
        answer = browser.get("language/nb", params={"back": back})
        assert (answer.status_code, answer.headers["Location"]) == (303, PREFIX + location)
        assert browser.get("").text.startswith('<!DOCTYPE html>\n<html lang="nb">')
        assert browser.get("language/xx").status_code == 404

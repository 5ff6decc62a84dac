"""Every page as each role in each language: what a browser says of it, and its picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from classroom_kit import course, enrol, put, zipped
from classrooms import browser_missing, chromium
from lit_classroom import FEEDBACK, OPERATOR, ROLES, LitClassroom, lit_classroom, submit
from lit_pages import pages
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from courses.course import Assignment
from courses.language import LANGUAGES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-sync".split()
# The pictures of docs/pages.md: name, who, address, language, colours, width.
SHOWN = "courses/learning-machines"
PICTURES = [
    ("course-nn", "student1", SHOWN, "nn", "light", 1100),
    ("course-phone", "student1", SHOWN, "nb", "dark", 390),
    ("receipt-nb", "student1", f"{SHOWN}/submissions/{{receipt}}", "nb", "light", 1100),
    ("staff-en", "instructor", SHOWN, "en", "light", 1100),
    ("staff-dark", "instructor", SHOWN, "nb", "dark", 1100),
    ("assignment-en", "instructor", f"{SHOWN}/assignments/regression", "en", "light", 1100),
    ("deadlines-nn", "instructor", f"{SHOWN}/deadlines", "nn", "light", 1100),
    ("people-nb", "instructor", f"{SHOWN}/people", "nb", "light", 1100),
]


def furnish(room: LitClassroom) -> None:
    """A course as it may look in the middle of the term; pictures are taken of it."""
    today = datetime.now(UTC).replace(hour=22, minute=59, second=0, microsecond=0)
    value = course(
        "learning-machines",
        title="Learning machines",
        summary="From a straight line to a small language model, in twelve weeks.",
        assignments=(
            Assignment("regression", "Linear regression", today + timedelta(hours=2)),
            Assignment("networks", "Neural networks", today + timedelta(days=6)),
            Assignment("attention", "Attention", today + timedelta(days=20)),
        ),
    )
    put(room.store, value)
    students = [f"student{number}" for number in range(1, 13)]
    people = dict.fromkeys(students, "student")
    enrol(room.store, value.slug, instructor="instructor", assistant="assistant", **people)
    base, archive = f"{room.url}api/{SHOWN}", zipped({"regression.ipynb": b'{"cells": []}'})

    def ask(who: str, method: str, path: str, content: bytes | None = None) -> httpx.Response:
        headers = {"Authorization": f"token {who}"}
        answer = httpx.request(
            method, f"{base}/{path}", content=content, headers=headers, timeout=60
        )
        return answer.raise_for_status()

    for name in ("regression", "networks"):
        ask("instructor", "PUT", f"assignments/{name}/release", archive)
    for number, who in enumerate(students[:10]):
        ask(who, "GET", "assignments/regression/release")
        work = zipped({"regression.ipynb": f'{{"cells": [], "by": {number}}}'.encode()})
        receipt = ask(who, "POST", "assignments/regression/submissions", work).json()["id"]
        score = (8, 10, 6.5, 9, 7, 10, 4, 9.5, 8.5)[number % 9]
        if number < 9:
            feedback = zipped({"regression.html": FEEDBACK.encode()})
            ask(
                *("instructor", "PUT"),
                f"submissions/{receipt}/feedback?score={score}&max_score=10",
                feedback,
            )
        room.names.setdefault("receipt", receipt)
    place = f"{SHOWN}/announcements"
    submit(
        *(room, "instructor", place, place),
        title="The GPU nodes rest on Thursday",
        text="From 12:00 to 16:00. Save your work before; sessions on CPU nodes go on.",
    )


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LitClassroom]:
    with lit_classroom(tmp_path_factory.mktemp("walk")) as room:
        furnish(room)
        yield room


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if missing := browser_missing():
        pytest.skip("No browser here: " + " ".join(missing))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


def test_each_role_has_pages_to_walk_through(room: LitClassroom) -> None:
    walked = {who for who, _ in pages(room)}
    assert {ROLES.get(who, who) for who in walked} == {*ROLES.values(), OPERATOR, "finn"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_is_whole(browser: Browser, room: LitClassroom, language: str) -> None:
    """In its language, with no error of a script and nothing from elsewhere."""
    titles, problems = set(), []

    def heard(message: ConsoleMessage) -> None:
        refused = "403" in message.text or "404" in message.text  # of the page itself
        if message.type == "error" and not refused:
            problems.append(f"{message.page and message.page.url}: {message.text}")

    with browser.new_context(locale=language) as context:
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for who, path in pages(room):
            page.set_extra_http_headers({"Authorization": f"token {who}"})
            answer = page.goto(room.url + path)
            assert answer is not None
            assert answer.status in (200, 403, 404)
            expect(page.locator("html")).to_have_attribute("lang", language)
            expect(page.get_by_role("heading", level=1)).to_have_count(1)
            assert "Traceback" not in page.content()
            titles.add(page.title())
        ours = urlsplit(room.url).netloc
        assert {urlsplit(each).netloc for each in asked if not each.startswith("data:")} == {ours}
    assert not problems
    assert len(titles) > 10


def picture(page: Page, name: str) -> None:
    folder = os.environ.get("LESESAL_SCREENSHOTS", "")
    if folder:
        target = Path(folder, "pages")
        target.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=target / f"{name}.png", full_page=True)


@pytest.mark.parametrize("shot", PICTURES, ids=[name for name, *_ in PICTURES])
def test_the_pictures_of_the_pages(
    browser: Browser, room: LitClassroom, shot: tuple[str, str, str, str, str, int]
) -> None:
    name, who, path, language, colours, width = shot
    with browser.new_context(
        locale=language,
        color_scheme="dark" if colours == "dark" else "light",
        viewport={"width": width, "height": 800},
        extra_http_headers={"Authorization": f"token {who}"},
    ) as context:
        page = context.new_page()
        page.goto(room.url + path.format(**room.names))
        expect(page.locator("html")).to_have_attribute("lang", language)
        loaded = "all => all.every(each => each.complete && each.naturalWidth > 0)"
        page.wait_for_function(f"({loaded})([...document.images])")
        picture(page, name)

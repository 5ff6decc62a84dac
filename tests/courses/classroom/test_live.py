"""The numbers as they come in: who asks whom, who is told what, and what a browser shows of it."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from classroom_kit import course, enrol, put, zipped
from classrooms import browser_missing, chromium
from playwright.sync_api import Page, expect, sync_playwright

from courses.classroom.live import Live, Mark
from courses.errors import Busy
from courses.overview import Cell, Overview, Version

if TYPE_CHECKING:
    from conftest import Classroom

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LONG = 60.0
FOLLOWING = "These numbers change by themselves as things come in."


@dataclass
class Courses:
    """What a store would answer; `marks` fails as often as is said."""

    known: dict[str, Overview] = field(default_factory=dict)
    number: dict[str, int] = field(default_factory=dict)
    fails: int = 0
    asked: list[tuple[str, ...]] = field(default_factory=list)
    read_of: list[str] = field(default_factory=list)

    def marks(self, slugs: Collection[str]) -> dict[str, Mark]:
        self.asked.append(tuple(slugs))
        if self.fails:
            self.fails -= 1
            raise Busy
        return {slug: (self.number.get(slug, 0), 0) for slug in slugs}

    def read(self, slug: str) -> Overview:
        self.read_of.append(slug)
        return self.known.get(slug, Overview())

    def hand_in(self, slug: str, *users: str) -> None:
        cells = {("lenses", user): Cell(versions=(Version(user, AT, True),)) for user in users}
        known = self.known.get(slug, Overview(("ben", "cleo")))
        self.known[slug] = Overview(known.students, cells={**known.cells, **cells})
        self.number[slug] = self.number.get(slug, 0) + 1


@asynccontextmanager
async def following(courses: Courses) -> AsyncIterator[Live]:
    with ThreadPoolExecutor(1) as pool:
        yield Live(courses, pool, logging.getLogger("test"), every=0.01)


async def waiting(live: Live, slug: str, seen: str, many: int = 1) -> list[asyncio.Task]:  # type: ignore[type-arg]
    """That many who wait, when all of them do."""
    tasks = [asyncio.create_task(live.news(slug, seen, LONG)) for _ in range(many)]
    async with asyncio.timeout(LONG):
        while live._rooms[slug].waiting < many:
            await asyncio.sleep(0.005)
    return tasks


async def test_all_who_look_share_one_reading() -> None:
    courses = Courses()
    courses.hand_in("optics", "ben")
    async with following(courses) as live:
        seen = await live.seen("optics")
        tasks = await waiting(live, "optics", seen, 50)
        before = len(courses.read_of)
        courses.hand_in("optics", "cleo")
        found = await asyncio.gather(*tasks)
        assert {each.cells for each in found} == {(("lenses", "cleo"),)}
        assert {each.anew for each in found} == {False}
        assert len(courses.read_of) == before + 1
        assert await live.news("optics", found[0].seen, 0.05) is None


async def test_one_question_for_all_courses() -> None:
    courses = Courses()
    async with following(courses) as live:
        tasks = [
            *await waiting(live, "optics", await live.seen("optics")),
            *await waiting(live, "waves", await live.seen("waves")),
        ]
        courses.hand_in("optics", "ben")
        courses.hand_in("waves", "ben")
        await asyncio.gather(*tasks)
    assert ("optics", "waves") in courses.asked


async def test_who_was_away_is_told_all_that_came_meanwhile_and_once() -> None:
    courses = Courses()
    async with following(courses) as live:
        first = await live.seen("optics")
        courses.hand_in("optics", "ben")
        second = await live.news("optics", first, LONG)
        courses.hand_in("optics", "cleo")
        third = await live.news("optics", second.seen, LONG)
        assert third.cells == (("lenses", "cleo"),)
        both = await live.news("optics", first, LONG)
        assert set(both.cells) == {("lenses", "ben"), ("lenses", "cleo")}
        assert both.seen == third.seen


@pytest.mark.parametrize("seen", ["", "x", "0-0-0", "a-b-c-d", "-9-", "9" * 40 + "-" + "9" * 40])
async def test_who_comes_from_another_time_is_told_everything(seen: str) -> None:
    courses = Courses()
    courses.hand_in("optics", "ben", "cleo")
    async with following(courses) as live:
        news = await live.news("optics", seen, LONG)
        assert set(news.cells) == {("lenses", "ben"), ("lenses", "cleo")}
        assert news.anew


async def test_other_people_need_the_page_anew() -> None:
    courses = Courses()
    courses.hand_in("optics", "ben")
    async with following(courses) as live:
        seen = await live.seen("optics")
        courses.known["optics"] = Overview(("ben", "cleo", "dan"), (), {}, {})
        courses.number["optics"] += 1
        news = await live.news("optics", seen, LONG)
        assert (news.anew, news.cells) == (True, (("lenses", "ben"),))


async def test_a_database_that_is_away_ends_nothing() -> None:
    courses = Courses()
    async with following(courses) as live:
        (task,) = await waiting(live, "optics", await live.seen("optics"))
        courses.fails = 3
        courses.hand_in("optics", "ben")
        assert (await task).cells == (("lenses", "ben"),)


async def test_nobody_is_asked_when_nobody_looks() -> None:
    courses = Courses()
    async with following(courses) as live:
        assert await live.news("optics", await live.seen("optics"), 0.05) is None
        assert live._task is not None
        await asyncio.wait_for(live._task, LONG)
        asked = len(courses.asked)
        await asyncio.sleep(0.05)
        assert len(courses.asked) == asked
        # Who has left is forgotten after a while.
        live._kept = 0
        await live.seen("waves")
        assert set(live._rooms) == {"waves"}


_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def page(classroom: Classroom) -> Iterator[Page]:
    """ada's browser."""
    if missing := browser_missing():
        pytest.skip("No browser here: " + " ".join(missing))
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=flags)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(classroom.url)
        page.locator("input[name=username]").fill("ada")
        page.locator("input[name=password]").fill("pw-ada")
        page.locator("input[type=submit]").click()
        page.wait_for_url(classroom.url)
        yield page
        browser.close()


@pytest.mark.browser
def test_a_browser_follows_and_finds_back(classroom: Classroom, page: Page) -> None:
    slug = f"live-{next(_numbers)}"
    put(classroom.store, course(slug))
    enrol(classroom.store, slug, ada="instructor", ben="student", cleo="student", dan="instructor")
    lenses = f"api/courses/{slug}/assignments/lenses"
    archive = zipped({"lenses.ipynb": b"{}"})
    with (
        classroom.client("dan") as dan,
        classroom.client("ben") as ben,
        classroom.client("cleo") as cleo,
    ):
        dan.put(f"{lenses}/release", content=archive).raise_for_status()
        page.goto(f"{classroom.url}courses/{slug}")
        page.evaluate("window.same = true")
        row = page.locator("table.overview tr[data-assignment=lenses]")
        line = page.locator("[data-live]")
        seen = page.locator("script[data-seen]").get_attribute("data-seen") or "?"
        expect(line).to_have_text(FOLLOWING)
        expect(row.locator("[data-count=handed_in]")).to_have_text("0")

        # Until the question after the news is asked.
        with page.expect_request(lambda asked: "/live?" in asked.url and seen not in asked.url):
            receipt = ben.post(f"{lenses}/submissions", content=archive).json()
        cell = page.locator("tr[data-user=ben] [data-assignment=lenses]")
        expect(cell.locator("a")).to_have_attribute(
            "href", f"/services/classroom/courses/{slug}/submissions/{receipt['id']}"
        )
        expect(row.locator("[data-count=handed_in]")).to_have_text("1")

        # It waits and is still answered, and the next one fails.
        page.route("**/live?*", lambda route: route.abort())
        cleo.get(f"{lenses}/release").raise_for_status()
        expect(row.locator("[data-count=fetched]")).to_have_text("1")
        expect(line).to_contain_text("cannot be followed just now")
        cleo.post(f"{lenses}/submissions", content=archive).raise_for_status()
        page.unroute("**/live?*")
        expect(row.locator("[data-count=handed_in]")).to_have_text("2", timeout=120_000)
        expect(line).to_have_text(FOLLOWING)

    enrol(classroom.store, slug, cleo="assistant")
    expect(line).to_have_text("People or releases have changed. Load the page again.")
    enrol(classroom.store, slug, ada="student")
    expect(line).to_contain_text("not followed any more")
    assert page.evaluate("window.same")

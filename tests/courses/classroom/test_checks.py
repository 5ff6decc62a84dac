"""What the visible tests say of a hand-in: soon, to its owner, and nothing of the hidden ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from classroom_kit import NOW, course, enrol, put, unzipped, zipped
from grading_kit import answered, author, cell

from courses.classroom.checks import Checks
from courses.classroom.desks.courses import Courses
from courses.classroom.desks.grading import GradingDesk
from courses.classroom.desks.handins import HandIns
from courses.classroom.grading_settings import Grading
from courses.course import Caller
from courses.coursedir.sync import sync
from courses.errors import NotAllowed
from courses.grades import Grading as Wanted
from courses.grades import Reason, State
from courses.store import Store, audit, checks, releases, submissions
from courses.store.checks import Batch, Check

if TYPE_CHECKING:
    from conftest import Classroom


def open_course(store: Store, slug: str = "optics") -> None:
    """``lenses`` and ``prisms`` are released; the visible tests are run for ``lenses``."""
    given = course(slug)
    lenses = replace(given.assignments[0], grading=Wanted(grade_on_submit=True))
    put(store, course(slug, assignments=(lenses, *given.assignments[1:])))
    enrol(store, slug, ada="instructor", ben="student", cleo="student")
    with store.writing() as session:
        for name in ("lenses", "prisms"):
            releases.release(session, slug, name, "0" * 64, actor="ada", at=NOW)


def hand_in(store: Store, user: str, name: str, text: str) -> str:
    upload = HandIns(store, 10**6).submit(Caller(user), "optics", name)
    with store.blobs.incoming(10**6) as incoming:
        incoming.write(zipped({"nb.ipynb": text.encode()}))
        return str(json.loads(upload.finish(incoming).receipt)["id"])  # type: ignore[attr-defined]


def next_of(store: Store, most: int = 10) -> Batch | None:
    with store.reading() as session:
        return checks.waiting(session, most)


def test_of_each_person_the_last_waits_once(store: Store) -> None:
    open_course(store)
    hand_in(store, "ben", "prisms", "not asked for")
    assert next_of(store) is None
    first = hand_in(store, "ben", "lenses", "1")
    cleo = hand_in(store, "cleo", "lenses", "1")
    last = hand_in(store, "ben", "lenses", "2")
    assert next_of(store) == Batch("optics", "lenses", (("cleo", cleo), ("ben", last)))
    assert next_of(store, 1) == Batch("optics", "lenses", (("cleo", cleo),))
    found = Check(State.GRADED, Reason(), (("focus", True), ("blur", False)))
    with store.writing() as session:
        checks.put(session, [(last, found), (cleo, found), ("gone", found)], at=NOW)
        assert checks.of_submission(session, last) == (True, found)
        assert checks.of_submission(session, first) == (False, None)
        (told, _) = [each for each in audit.changes(session, "optics") if each.action == "check"]
    assert (told.subject, told.detail["passed"], told.detail["tests"]) == ("ben", 1, 2)
    # To their owner, in the list of assignments.
    desks = Courses(store, 1)

    def said() -> list[dict[str, Check | None]]:
        listed = desks.standings(Caller("ben"), "optics")
        return [dict(each.checks) for each in listed if each.assignment.name == "lenses"]

    assert said() == [{last: found}]
    again = hand_in(store, "ben", "lenses", "3")
    assert said() == [{last: found, again: None}]
    with store.writing() as session:
        checks.put(session, [(again, found)], at=NOW)
    assert said() == [{last: found, again: found}]
    assert next_of(store) is None
    desk = GradingDesk(store, 1)
    assert desk.check(Caller("ben"), "optics", last) == (True, found)
    assert desk.check(Caller("ada"), "optics", last) == (True, found)
    with pytest.raises(NotAllowed):
        desk.check(Caller("cleo"), "optics", last)


class Broken(Checks):
    """What it starts ends at once, without a word."""

    def _argv(self, _batch: Batch) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit(1)"]


async def test_nobody_waits_for_ever(store: Store) -> None:
    open_course(store)
    one = hand_in(store, "ben", "lenses", "1")

    def told(key: str) -> Check | None:
        with store.reading() as session:
            return checks.of_submission(session, key)[1]

    with ThreadPoolExecutor(2) as pool:
        broken = Broken(store, "", Grading(), pool, logging.getLogger("test"))
        task = asyncio.create_task(broken.run())
        async with asyncio.timeout(120):
            while told(one) is None:
                await asyncio.sleep(0.01)
            two = hand_in(store, "ben", "lenses", "2")
            broken.wake()
            while told(two) is None:
                await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert told(one) == Check(State.RETRY, Reason("lost"), ())


@pytest.mark.slow
def test_a_student_sees_what_the_visible_tests_say(classroom: Classroom, tmp_path: Path) -> None:
    author(tmp_path, "checks", "assert focus == 2")
    place = tmp_path / "source" / "lenses" / "nb.ipynb"
    notebook = nbformat.read(place, as_version=4)
    secret = "### BEGIN HIDDEN TESTS\nassert focus * 2 == 5, 'secret'\n### END HIDDEN TESTS"
    notebook.cells.append(cell("code", secret, "hidden-test", 3))
    nbformat.write(notebook, place)
    (tmp_path / "course.toml").write_text(
        (tmp_path / "course.toml").read_text() + "[grading]\ngrade_on_submit = true\n"
    )
    sync(classroom.store, tmp_path, actor="ada", release=True)
    enrol(classroom.store, "checks", ada="instructor", ben="student", cleo="student")
    lenses = "api/courses/checks/assignments/lenses"
    pages = {}
    with classroom.client("ben") as ben, classroom.client("cleo") as cleo:
        for program, user, answer in ((ben, "ben", "focus = 2"), (cleo, "cleo", "focus = 3")):
            work = answered(program.get(f"{lenses}/release").content, answer)
            receipt = program.post(
                f"{lenses}/submissions", content=zipped({"nb.ipynb": work.encode()})
            )
            pages[user] = f"courses/checks/submissions/{receipt.json()['id']}"
    for user, says, tag in (
        ("ben", "1 of 1 test is passed.", ">passed<"),
        ("cleo", "0 of 1 test is passed.", ">not passed<"),
    ):
        with classroom.browser(user) as browser:
            for _ in range(600):
                page = browser.get(pages[user]).raise_for_status().text
                if "They are being run" not in page:
                    break
                time.sleep(0.2)
            assert says in page
            assert tag in page
            assert "focus-test" in page
            about = unzipped(browser.get("me/data.zip").content)["about.json"].decode()
            for word in ("hidden-test", "secret"):
                assert word not in page + about
    with classroom.store.reading() as session:
        assert all(each.feedback is None for each in submissions.of_course(session, "checks"))

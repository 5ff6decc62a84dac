"""Staff collects, grades and publishes, on pages and by the API; the engine is the real one."""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from classroom_kit import NOW, course, enrol, put, unzipped, zipped
from grading_kit import answered, author
from nbgrader.api import Gradebook

from courses.coursedir.folder import folder_of
from courses.coursedir.sync import sync
from courses.grades import Outcome, Reason, State
from courses.store import audit, grading, submissions
from courses.store.audit import now
from courses.store.grading import Kind, Stage
from courses.submissions import Feedback

if TYPE_CHECKING:
    from conftest import Classroom

ARCHIVE = zipped({"lenses.ipynb": b'{"cells": []}'})
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _alembic(monkeypatch: pytest.MonkeyPatch) -> None:
    """nbgrader calls it by its name."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)


@pytest.fixture
def slug(classroom: Classroom) -> str:
    slug = f"grading-{next(_numbers)}"
    put(classroom.store, course(slug))
    enrol(classroom.store, slug, ada="instructor", ben="student", cleo="student")
    return slug


@pytest.fixture(scope="module")
def ada(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.browser("ada") as browser:
        browser.follow_redirects = True
        yield browser


def hand_in(classroom: Classroom, slug: str, user: str, **files: str) -> str:
    content = zipped({f"{name}.ipynb": text.encode() for name, text in files.items()})
    with classroom.client("ada") as ada, classroom.client(user) as client:
        lenses = f"api/courses/{slug}/assignments/lenses"
        ada.put(f"{lenses}/release", content=ARCHIVE).raise_for_status()
        answer = client.post(f"{lenses}/submissions", content=content).raise_for_status()
        return str(answer.json()["id"])


def record(classroom: Classroom, slug: str, scores: dict[str, tuple[str, float, bool]]) -> None:
    """As the engine does: of each student's submission the points of its one task, and whether it
    waits for somebody.
    """
    folder = folder_of(classroom.store, slug)
    folder.mkdir(parents=True, exist_ok=True)
    with classroom.store.reading() as session:
        times = {
            each.receipt.id: each.receipt.timestamp for each in submissions.of_course(session, slug)
        }
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as book:
        book.update_or_create_assignment("lenses")
        book.update_or_create_notebook("lenses", "lenses")
        book.update_or_create_grade_cell(
            "focus", "lenses", "lenses", max_score=10, cell_type="code"
        )
        for user, (number, score, waits) in scores.items():
            book.update_or_create_student(user)
            at = times[number].isoformat()
            book.update_or_create_submission("lenses", user, timestamp=at)
            grade = book.find_grade("focus", "lenses", "lenses", user)
            grade.auto_score, grade.needs_manual_grade = score, waits
        book.db.commit()


def keep(classroom: Classroom, slug: str, *found: tuple[str, Outcome]) -> None:
    with classroom.store.writing() as session:
        run = grading.ask(session, slug, "lenses", Kind.GRADE, actor="ada", at=NOW)
        grading.put_outcomes(session, run.id, found, at=NOW)
        grading.end(session, run.id, Stage.DONE, done=len(found), total=len(found), at=NOW)


def text_of(page: httpx.Response) -> str:
    """What is read on a page."""
    main = page.raise_for_status().text.partition("<main")[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())


def test_nothing_to_grade_yet(ada: httpx.Client, slug: str) -> None:
    lenses = f"courses/{slug}/assignments/lenses"
    page = ada.get(lenses)
    assert "When somebody has handed in, it is collected and graded here." in text_of(page)
    assert f"{lenses}/grade" not in page.text
    assert "Nobody has handed in yet." in text_of(ada.get(f"{lenses}/outcomes"))
    assert "Nothing is graded yet. Go back, and grade it first." in text_of(
        ada.get(f"{lenses}/publish")
    )
    with_token = ada.post(f"{lenses}/grade", data={"_xsrf": _xsrf(page)})
    assert with_token.status_code == 409
    assert "there is nothing to grade" in with_token.text


def test_outcomes_in_words(classroom: Classroom, ada: httpx.Client, slug: str) -> None:
    ben = hand_in(classroom, slug, "ben", lenses="1")
    cleo = hand_in(classroom, slug, "cleo", lenses="2")
    lenses = f"courses/{slug}/assignments/lenses"
    assert "2 not graded yet" in _numbers_of(text_of(ada.get(lenses)))
    assert "Not graded yet (2)" in text_of(ada.get(f"{lenses}/outcomes"))

    record(classroom, slug, {"ben": (ben, 7.5, False), "cleo": (cleo, 10.0, True)})
    canary = Reason("canary", {"notebook": "lenses", "cell": "<b>focus</b>"})
    keep(
        classroom,
        slug,
        (
            ben,
            Outcome("ben", State.FAILED, Reason("timeout", {"notebook": "lenses", "seconds": 9})),
        ),
        (cleo, Outcome("cleo", State.SUSPECT, canary, evidence=(canary,))),
    )
    text = _numbers_of(text_of(ada.get(lenses)))
    for each in ("1 ended early", "1 suspect", "1 to grade by hand"):
        assert each in text
    everybody = ada.get(f"{lenses}/outcomes")
    text = text_of(everybody)
    assert "ended early lenses took longer than 9 s." in text
    assert "7.5 of 10" in text
    assert "1 task waits" in text
    assert "&lt;b&gt;focus" in everybody.text
    assert "<b>focus" not in everybody.text
    by_hand = ada.get(f"{lenses}/outcomes?show=manual")
    assert "history/cleo" in by_hand.text
    assert "history/ben" not in by_hand.text
    assert "There are none of these." in text_of(ada.get(f"{lenses}/outcomes?show=none"))

    # Another version than the one that was graded.
    hand_in(classroom, slug, "ben", lenses="3")
    assert "1 person wants another version graded" in text_of(ada.get(lenses))
    assert "Another version is to be graded since." in text_of(ada.get(f"{lenses}/outcomes"))

    with classroom.client("ada") as program:
        found = program.get(f"api/{lenses}/grading").raise_for_status().json()
    assert [(each["user"], each["state"], each["score"]) for each in found["outcomes"]] == [
        *(("ben", "failed", 7.5), ("cleo", "suspect", 10.0)),
    ]
    assert found["outcomes"][1]["evidence"][0]["says"].startswith("A check that must fail")
    assert (found["run"]["state"], found["run"]["done"]) == ("done", 2)


def test_a_student_sees_nothing_of_it(
    classroom: Classroom, ada: httpx.Client, slug: str, tmp_path: Path
) -> None:
    ben = hand_in(classroom, slug, "ben", lenses="1")
    record(classroom, slug, {"ben": (ben, 77.5, False)})
    keep(classroom, slug, (ben, Outcome("ben", State.SUSPECT, Reason("forged"), 77.5, 100.0)))
    with classroom.browser("ben") as browser:
        pages = [f"courses/{slug}", f"courses/{slug}/submissions/{ben}"]
        about = unzipped(browser.get("me/data.zip").content)["about.json"].decode()
        seen = about + "".join(browser.get(page).raise_for_status().text for page in pages)
    # No time has a "77.5" in it.
    for word in ("77.5", "suspect", "forged", "graded"):
        # Other tests' courses are called graded-1 and so on.
        assert word not in re.sub(r"graded_version|is graded|graded-\d+", "", seen)
    (held,) = [each for each in json.loads(about)["gradings"] if each["course"] == slug]
    assert (held["submission"], held["published"], "score" in held) == (ben, None, False)
    (tmp_path / "feedback.zip").write_bytes(ARCHIVE)
    kept = classroom.store.blobs.keep_file(tmp_path / "feedback.zip")
    with classroom.store.writing() as session:
        given = Feedback(now(), kept.sha256, 77.5, 100.0)
        submissions.put_feedback(session, slug, ben, given, actor="ada")
    with classroom.browser("ben") as browser:
        about = unzipped(browser.get("me/data.zip").content)["about.json"].decode()
    (held,) = [each for each in json.loads(about)["gradings"] if each["course"] == slug]
    assert (held["state"], held["score"]) == ("suspect", 77.5)


def test_publishing_says_first_what_it_would_do(
    classroom: Classroom, ada: httpx.Client, slug: str
) -> None:
    ids = {user: hand_in(classroom, slug, user, lenses=user) for user in ("ben", "cleo")}
    record(classroom, slug, {"ben": (ids["ben"], 7.5, False), "cleo": (ids["cleo"], 3.0, True)})
    with classroom.client("ada") as program:
        program.put(
            f"api/courses/{slug}/submissions/{ids['ben']}/feedback?score=5&max_score=10",
            content=zipped({"lenses.html": b"5"}),
        ).raise_for_status()
    page = ada.get(f"courses/{slug}/assignments/lenses/publish")
    text = text_of(page)
    assert "The work of 2 people is graded. 1 gets points for the first time." in text
    assert "1 still has tasks to be graded by hand." in text
    assert "Publish for 1 person" in text
    assert "1 gets more points than are published." in text
    assert "ben 5 of 10 7.5 of 10 +2.5" in text
    assert "cleo nothing yet 3 of 10 waits for a hand" in text


def wait(program: httpx.Client, address: str) -> dict[str, Any]:
    """Until the run is over."""
    for _ in range(1200):
        found = program.get(address).raise_for_status().json()
        if found["run"]["state"] not in ("waiting", "running"):
            return dict(found)
        time.sleep(0.2)
    raise AssertionError(found)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_hand_in_to_feedback(classroom: Classroom, tmp_path: Path) -> None:
    slug = f"grading-{next(_numbers)}"
    author(tmp_path, slug, "assert focus == 2")
    sync(classroom.store, tmp_path, actor="ada", release=True)
    enrol(classroom.store, slug, ada="instructor", ben="student", cleo="student")
    lenses = f"api/courses/{slug}/assignments/lenses"
    with (
        classroom.client("ada") as ada,
        classroom.client("ben") as ben,
        classroom.client("cleo") as cleo,
    ):
        for program, answer in ((ben, "focus = 2"), (cleo, "focus = 3")):
            work = answered(program.get(f"{lenses}/release").content, answer)
            program.post(
                f"{lenses}/submissions", content=zipped({"nb.ipynb": work.encode()})
            ).raise_for_status()
        begun = ada.post(f"{lenses}/grading")
        assert (begun.status_code, begun.json()["kind"]) == (202, "grade")
        assert ada.post(f"{lenses}/grading").status_code == 409
        found = wait(ada, f"{lenses}/grading")
        assert (found["run"]["state"], found["run"]["says"]) == ("done", "")
        assert {each["user"]: (each["state"], each["score"]) for each in found["outcomes"]} == {
            "ben": ("graded", 2.0),
            "cleo": ("graded", 0.0),
        }
        assert ben.get(f"{lenses}/submissions").status_code == 403
        assert ada.post(f"{lenses}/publish").status_code == 202
        assert wait(ada, f"{lenses}/grading")["run"]["says"] == ""

        def own(program: httpx.Client) -> dict[str, Any]:
            (mine,) = program.get(f"api/courses/{slug}/assignments").json()[0]["submissions"]
            return dict(mine)

        assert (own(ben)["score"], own(ben)["max_score"]) == (2.0, 2.0)
        assert own(ben)["tasks"] == [{"name": "focus-test", "score": 2.0, "max_score": 2.0}]
        address = f"api/courses/{slug}/submissions/{own(cleo)['id']}/feedback"
        feedback = unzipped(cleo.get(address).raise_for_status().content)
        assert set(feedback) == {"nb.html", ".tasks.json"}
        assert json.loads(feedback[".tasks.json"])[0]["score"] == 0.0
        assert b"AssertionError" in feedback["nb.html"]

        # Once more: nothing is new to anybody.
        before = own(ben)["feedback"]
        ada.post(f"{lenses}/publish").raise_for_status()
        wait(ada, f"{lenses}/grading")
        assert own(ben)["feedback"] == before
    with classroom.store.reading() as session:
        told = [each.action for each in audit.changes(session, slug)]
    assert told.count("feedback") == 2

    # The tests are run again, and no grade changes.
    page = f"courses/{slug}/assignments/lenses"
    with classroom.client("ada") as program, classroom.browser("ada") as browser:
        graded = program.get(f"{lenses}/grading").json()["outcomes"]
        browser.post(f"{page}/tests", data={"_xsrf": _xsrf(browser.get(page))})
        found = wait(program, f"{lenses}/grading")
        run = found["run"]
        assert (run["kind"], run["state"], run["done"], run["total"]) == ("tests", "done", 4, 4)
        assert found["outcomes"] == graded
        text = text_of(browser.get(page))
        assert "Tests run again by ada" in text
        assert re.search(r"focus-test 1 of 2 [\d.]+ [\d.]+ 2 Points lost are an average", text)

    # The test was wrong: another is tried out in a copy, taken over, and published.
    author(tmp_path, slug, "assert focus == 3")
    sync(classroom.store, tmp_path, actor="ada")
    with classroom.client("ada") as program, classroom.browser("ada") as browser:

        def points() -> dict[str, float]:
            found = wait(program, f"{lenses}/grading")
            assert found["run"]["says"] == ""
            return {each["user"]: each["score"] for each in found["outcomes"]}

        def press(button: str, **fields: str) -> None:
            xsrf = _xsrf(browser.get(f"{page}/preview"))
            browser.post(f"{page}/{button}", data={"_xsrf": xsrf, **fields})

        assert "The course came in anew" in text_of(browser.get(page))
        press("preview")
        assert points() == {"ben": 2.0, "cleo": 0.0}
        text = text_of(browser.get(f"{page}/preview"))
        assert "The points of 2 people would change." in text
        assert "ben 2 of 2 0 of 2 \N{MINUS SIGN}2 cleo 0 of 2 2 of 2 +2" in text
        press("grade", everybody="yes")
        assert points() == {"ben": 0.0, "cleo": 2.0}
        assert "1 gets more points than are published. 1 gets fewer." in text_of(
            browser.get(f"{page}/publish")
        )
        press("publish")
        points()
    with classroom.client("cleo") as cleo:
        (mine,) = cleo.get(f"api/courses/{slug}/assignments").json()[0]["submissions"]
    assert mine["score"] == 2.0


def _xsrf(page: httpx.Response) -> str:
    found = re.search('name="_xsrf" value="([^"]+)"', page.text)
    return found[1] if found else ""


def _numbers_of(text: str) -> str:
    """The numbers on an assignment's page stand after their words."""
    return re.sub(r"([a-z][a-z ]*?) (\d+)(?= |$)", r"\2 \1", text)

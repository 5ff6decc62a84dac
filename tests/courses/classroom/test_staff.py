"""Staff's pages: where everybody stands, one person's history, grades as files, plots, releases."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import httpx
import pytest
from classroom_kit import NOW, course, enrol, put, zipped

from courses.course import Assignment, Enrolment, Role
from courses.grades import Grading
from courses.store import audit, people
from courses.store.courses import put_course

if TYPE_CHECKING:
    from conftest import Classroom

ARCHIVE = zipped({"lenses.ipynb": b'{"cells": []}'})
TASKS = [
    {"name": "focus", "score": 2.0, "max_score": 4.0},
    {"name": "<b>$blur$</b>", "score": 5.0, "max_score": 6.0},
]
FEEDBACK = {"lenses.html": b"feedback"}
_numbers = itertools.count(1)


@pytest.fixture
def slug(classroom: Classroom) -> str:
    slug = f"staff-{next(_numbers)}"
    put(classroom.store, course(slug))
    enrol(classroom.store, slug, ada="instructor", ben="student", cleo="student")
    return slug


@pytest.fixture(scope="module")
def ada(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.browser("ada") as browser:
        yield browser


@pytest.fixture(scope="module")
def ben(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.browser("ben") as browser:
        yield browser


def hand_in(classroom: Classroom, slug: str, times: int = 1) -> list[str]:
    """ben's hand-ins of what ada releases: their ids."""
    with classroom.client("ada") as ada, classroom.client("ben") as ben:
        lenses = f"api/courses/{slug}/assignments/lenses"
        ada.put(f"{lenses}/release", content=ARCHIVE).raise_for_status()
        ben.get(f"{lenses}/release").raise_for_status()
        return [
            ben.post(
                f"{lenses}/submissions", content=zipped({"lenses.ipynb": b"%d" % each})
            ).json()["id"]
            for each in range(times)
        ]


def grade(
    classroom: Classroom, slug: str, submission: str, tasks: object = TASKS
) -> httpx.Response:
    content = {**FEEDBACK, ".tasks.json": json.dumps(tasks).encode()}
    with classroom.client("ada") as ada:
        return ada.put(
            f"api/courses/{slug}/submissions/{submission}/feedback?score=7&max_score=10",
            content=zipped(content),
        )


def xsrf_of(page: httpx.Response) -> str:
    return page.text.partition('name="_xsrf" value="')[2].partition('"')[0]


def test_grades_as_files(classroom: Classroom, ada: httpx.Client, slug: str) -> None:
    with classroom.store.writing() as session:
        people.enrol(session, Enrolment(slug, "=evil()", Role.STUDENT), actor="test", at=NOW)
    first, _ = hand_in(classroom, slug, 2)
    grade(classroom, slug, first).raise_for_status()
    answer = ada.get(f"courses/{slug}/grades.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=UTF-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="grades-{slug}.csv"'
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert len(rows) == 3 * 4
    (ben,) = [each for each in rows if each["user"] == "ben" and each["assignment"] == "lenses"]
    assert re.fullmatch(r"20\d\d-.*\+00:00", ben.pop("submitted"))
    assert ben == {
        "user": "ben",
        "assignment": "lenses",
        "score": "7.0",
        "max_score": "10.0",
        "on_time": "yes",
        "graded_version": "1",
        "version_to_grade": "2",
        "versions": "2",
        "submission": first,
        "passed": "yes",
    }
    (evil,) = [each for each in rows if "evil" in each["user"] and each["assignment"] == "lenses"]
    assert (evil["user"], evil["score"], evil["versions"]) == ("'=evil()", "", "0")

    as_json = ada.get(f"courses/{slug}/grades.json").json()
    with classroom.client("ada") as program:
        assert program.get(f"api/courses/{slug}/grades").json() == as_json
    (ben_json,) = [each for each in as_json if (each["user"], each["versions"]) == ("ben", 2)]
    assert (ben_json["score"], ben_json["on_time"], ben_json["submission"]) == (7.0, True, first)


def test_who_has_passed(
    slug: str, ada: httpx.Client, ben: httpx.Client, classroom: Classroom
) -> None:
    """7 of 10 points, of an assignment that takes 60 %; then one that takes more."""
    first, _ = hand_in(classroom, slug, 2)
    grade(classroom, slug, first).raise_for_status()
    count = re.compile(r'data-count="passed">(\d+)<')
    page = ada.get(f"courses/{slug}").text
    assert count.findall(page) == ["1"]
    assert '<span class="tag good">passed</span>' in page
    for address in (f"courses/{slug}", f"courses/{slug}/submissions/{first}/feedback"):
        assert '<span class="tag good">passed</span>' in ben.get(address).text
    lenses, *others = course(slug).assignments
    harder = replace(lenses, grading=Grading(pass_percent=71.0))
    put(classroom.store, course(slug, assignments=(harder, *others)))
    assert count.findall(ada.get(f"courses/{slug}").text) == ["0"]
    for client in (ada, ben):
        assert '<span class="tag late">not passed</span>' in client.get(f"courses/{slug}").text
    put(classroom.store, course(slug, assignments=(replace(lenses, grading=Grading()), *others)))
    for client in (ada, ben):
        page = client.get(f"courses/{slug}").text
        assert "passed" not in page.partition("</main>")[0]


def test_an_assignment_before_anything_came(ada: httpx.Client, slug: str) -> None:
    page = ada.get(f"courses/{slug}/assignments/lenses")
    assert page.status_code == 200
    assert "Nobody can hand in before the assignment is released." in page.text
    assert '<img src="/services/classroom/courses' not in page.text
    for kind in ("hand-ins", "scores", "tasks"):
        nothing = ada.get(f"courses/{slug}/assignments/lenses/plots/{kind}.svg")
        assert nothing.status_code == 404
        assert "There is nothing to draw yet." in nothing.text
    assert ada.get(f"courses/{slug}/assignments/nope").status_code == 404


def test_an_assignment_with_scores(classroom: Classroom, ada: httpx.Client, slug: str) -> None:
    (submission,) = hand_in(classroom, slug)
    grade(classroom, slug, submission).raise_for_status()
    page = ada.get(f"courses/{slug}/assignments/lenses").text
    assert "On average 7 of 10 points." in page
    assert "&lt;b&gt;$blur$&lt;/b&gt;" in page
    texts = {}
    for kind in ("hand-ins", "scores", "tasks"):
        plot = ada.get(f"courses/{slug}/assignments/lenses/plots/{kind}.svg")
        assert plot.headers["Content-Type"] == "image/svg+xml; charset=UTF-8"
        assert "sandbox" in plot.headers["Content-Security-Policy"]
        root = ElementTree.fromstring(plot.text)
        texts[kind] = {
            "".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")
        }
        assert "prefers-color-scheme: dark" in plot.text
    assert {"How many had handed in, and when", "students"} <= texts["hand-ins"]
    assert "points, of 10" in texts["scores"]
    assert {"focus", "<b>$blur$</b>", "\N{MINUS SIGN}2", "\N{MINUS SIGN}1"} <= texts["tasks"]


def test_plots_speak_the_readers_language(
    classroom: Classroom, ada: httpx.Client, slug: str
) -> None:
    """Also when another has just had the same drawn in another language."""
    (submission,) = hand_in(classroom, slug)
    half = [{"name": "focus", "score": 0.5, "max_score": 1.0}]
    grade(classroom, slug, submission, half).raise_for_status()
    address = f"courses/{slug}/assignments/lenses/plots/tasks.svg"
    minus = "\N{MINUS SIGN}"
    assert f">{minus}0.5<" in ada.get(address, headers={"Accept-Language": "en"}).text
    assert f">{minus}0,5<" in ada.get(address, headers={"Accept-Language": "nb"}).text


@pytest.mark.parametrize(
    "tasks",
    [
        {},
        [{"name": "a"}],
        [{"name": "", "score": 1, "max_score": 1}],
        [{"name": "a", "score": 1, "max_score": -1}],
        [{"name": "a", "score": float("nan"), "max_score": 1}],
        [{"name": "a" * 300, "score": 1, "max_score": 1}] * 4000,
    ],
    ids=["object", "fields", "name", "negative", "nan", "many"],
)
def test_points_of_tasks_that_nobody_can_read(
    classroom: Classroom, slug: str, tasks: object
) -> None:
    (submission,) = hand_in(classroom, slug)
    answer = grade(classroom, slug, submission, tasks)
    assert answer.status_code == 400
    assert ".tasks.json is not a list of tasks" in answer.json()["message"]
    with classroom.client("ben") as ben:
        assert ben.get(f"api/courses/{slug}/submissions/{submission}/feedback").status_code == 404


def test_points_of_tasks_in_the_api(classroom: Classroom, slug: str) -> None:
    (submission,) = hand_in(classroom, slug)
    with classroom.client("ada") as ada:
        address = f"api/courses/{slug}/submissions/{submission}/feedback"
        ada.put(address, content=zipped(FEEDBACK)).raise_for_status()
        listed = f"api/courses/{slug}/assignments/lenses/submissions"
        assert [each["tasks"] for each in ada.get(listed).json()] == [[]]
        grade(classroom, slug, submission).raise_for_status()
        assert [each["tasks"] for each in ada.get(listed).json()] == [TASKS]


def test_release_and_take_back(classroom: Classroom, ada: httpx.Client, slug: str) -> None:
    version = {"lenses.ipynb": b"student version", "data/light.csv": b"1"}
    directory = {f"release/lenses/{name}": content for name, content in version.items()}
    directory["source/lenses/lenses.ipynb"] = b"the solution"
    with classroom.store.blobs.incoming(1 << 20) as incoming:
        incoming.write(zipped(directory))
        blob = incoming.keep()
    with classroom.store.writing() as session:
        put_course(session, course(slug), content="d", directory=blob.sha256, actor="test", at=NOW)
    address = f"courses/{slug}/assignments/lenses"
    page = ada.get(address)
    assert "Take back" not in page.text
    done = ada.post(f"{address}/release", data={"_xsrf": xsrf_of(page)})
    assert str(done.url) == f"{classroom.url}{address}"
    assert "Take back" in done.text
    with classroom.client("ben") as ben:
        found = ben.get(f"api/{address}/release")
        assert ben.get(f"api/{address}/release").status_code == 200
    with zipfile.ZipFile(io.BytesIO(found.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == version
    ada.post(f"{address}/take-back", data={"_xsrf": xsrf_of(page)}).raise_for_status()
    with classroom.client("ben") as ben:
        assert ben.get(f"api/{address}/release").status_code == 404
    # This one has no student version in the course.
    nothing = ada.post(f"courses/{slug}/assignments/mirrors/release", data={"_xsrf": xsrf_of(page)})
    assert nothing.status_code == 404
    assert "Bring in the course again." in nothing.text


def test_who_may_release(classroom: Classroom, ben: httpx.Client, slug: str) -> None:
    enrol(classroom.store, slug, ben="assistant")
    page = ben.get(f"courses/{slug}/assignments/lenses")
    assert page.status_code == 200
    assert "/release" not in page.text
    form = {"_xsrf": xsrf_of(ben.get(f"courses/{slug}"))}
    for what in ("release", "take-back"):
        assert ben.post(f"courses/{slug}/assignments/lenses/{what}", data=form).status_code == 403
        # A page of another site that posts with the cookies gets nothing done.
        assert ben.post(f"courses/{slug}/assignments/lenses/{what}").status_code == 403


def test_a_persons_history(classroom: Classroom, ada: httpx.Client, slug: str) -> None:
    first, second = hand_in(classroom, slug, 2)
    grade(classroom, slug, first).raise_for_status()
    page = ada.get(f"courses/{slug}/history/ben").text
    for submission in (first, second):
        assert f'href="/services/classroom/courses/{slug}/submissions/{submission}">' in page
    assert "version 2" in page
    assert "7 of 10" in page
    steps = re.findall(r'<span class="time soft">', page)
    assert len(steps) >= 5  # enrolled, fetched, handed in twice, graded
    assert "cleo" not in page
    assert ada.get(f"courses/{slug}/history/dan").status_code == 404


def test_an_operators_look_at_a_history_is_in_the_audit(classroom: Classroom, slug: str) -> None:
    hand_in(classroom, slug)
    with classroom.browser("operator") as operator:
        assert operator.get(f"courses/{slug}/history/ben").status_code == 200
        assert operator.get(f"courses/{slug}/grades.csv").status_code == 200
        assert operator.get(f"courses/{slug}/live?seen=x").status_code == 403
    with classroom.store.reading() as session:
        looks = [each for each in audit.changes(session, slug) if each.action == "look"]
    assert [(each.actor, each.subject, each.detail["page"]) for each in looks] == [
        ("operator", "ben", "history"),
        ("operator", None, "grades"),
    ]


@pytest.mark.parametrize(
    "what",
    [
        "live?seen=x",
        "grades.csv",
        "grades.json",
        "history/cleo",
        "history/ben",
        "assignments/lenses",
        "assignments/lenses/plots/scores.svg",
    ],
)
def test_not_for_students(ben: httpx.Client, slug: str, what: str) -> None:
    answer = ben.get(f"courses/{slug}/{what}")
    assert answer.status_code == 403
    assert "Traceback" not in answer.text


def test_what_is_new(classroom: Classroom, ada: httpx.Client, slug: str) -> None:
    page = ada.get(f"courses/{slug}")
    seen = page.text.partition('data-seen="')[2].partition('"')[0]
    assert 'data-count="handed_in">0</td>' in page.text
    (submission,) = hand_in(classroom, slug)
    news = ada.get(f"courses/{slug}/live", params={"seen": seen}).json()
    assert news["counts"]["lenses"] == {
        "fetched": 1,
        "handed_in": 1,
        "late": 0,
        "graded": 0,
        "passed": 0,
    }
    ((assignment, user, html),) = news["cells"]
    assert (assignment, user, news["anew"]) == ("lenses", "ben", True)  # it is released now
    assert html.startswith(
        f'<a class="time" href="/services/classroom/courses/{slug}/submissions/{submission}">'
    )
    # The page that is loaded now has the same in it.
    again = ada.get(f"courses/{slug}").text
    assert html in again
    assert f'data-seen="{news["seen"]}"' in again


def test_what_is_due_over_all_courses(classroom: Classroom, ben: httpx.Client, slug: str) -> None:
    other = f"{slug}-other"
    first = Assignment("waves", "Waves of {0} <b>", NOW.replace(year=2098))
    put(classroom.store, course(other, title="Water", assignments=(first,)))
    enrol(classroom.store, other, ada="instructor", ben="student")
    with classroom.client("ada") as ada:
        ada.put(f"api/courses/{other}/assignments/waves/release", content=ARCHIVE)
    hand_in(classroom, slug)
    page = ben.get("").text
    rows = page.partition('id="due"')[2].partition("</ol>")[0].split("<li>")[1:]
    (waves,) = [each for each in rows if f"/{other}#waves" in each]
    assert "Waves of {0} &lt;b&gt;" in waves
    assert "not handed in" in waves
    assert all("lenses" not in each for each in rows[: rows.index(waves)])
    with classroom.browser("ada") as teacher:
        assert 'id="due"' not in teacher.get("").text


def test_nothing_went_wrong_unsaid(classroom: Classroom) -> None:
    """The last test here: no handler raised what it should not have."""
    assert "Traceback" not in classroom.hub.log.read_text()

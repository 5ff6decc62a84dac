"""The Formgrader behind the classroom: what is on record, what students say, what is refused."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import graded_course
import httpx
import psutil
import pytest
from classroom_kit import zipped
from nbgrader.api import Gradebook

from courses.store import audit, complaints
from courses.store.audit import Wanted

if TYPE_CHECKING:
    from conftest import Classroom

TASKS = b'[{"name": "why", "score": 0, "max_score": 3}]'


@pytest.fixture(scope="module")
def browsers(classroom: Classroom) -> Iterator[dict[str, httpx.Client]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(classroom.browser(name))
            for name in ("ada", "ben", "operator")
        }


@pytest.fixture(scope="module")
def course(open_course: Callable[[], tuple[str, Path]]) -> tuple[str, Path]:
    """A course in which ben's work is graded, and its course directory."""
    slug, directory = open_course()
    graded_course.hand_in(directory, "ben")
    return slug, directory


def page_of(ada: httpx.Client, slug: str) -> httpx.Response:
    """The page of ben's notebook."""
    query = {"assignment": "lenses", "student": "ben", "task": "why"}
    return ada.get(f"courses/{slug}/formgrader/find", params=query)


def grade_of(ada: httpx.Client, slug: str, name: str) -> tuple[str, dict[str, str]]:
    """The address of a grade of ben's, and the header that changes carry."""
    page = page_of(ada, slug)
    found = re.search('data-xsrf="([^"]+)"', page.text)
    assert found
    number = page.url.path.rstrip("/").rpartition("/")[2]
    grades = ada.get(
        f"courses/{slug}/formgrader/api/grades", params={"submission_id": number}
    ).json()
    (grade,) = (each["id"] for each in grades if each["name"] == name)
    return f"courses/{slug}/formgrader/api/grade/{grade}", {"X-XSRFToken": found[1]}


def test_a_mark_is_kept_and_on_record(
    classroom: Classroom, browsers: dict[str, httpx.Client], course: tuple[str, Path]
) -> None:
    ada, (slug, directory) = browsers["ada"], course
    address, header = grade_of(ada, slug, "why")
    answer = ada.put(address, json={"manual_score": "2.5", "extra_credit": None}, headers=header)
    assert (answer.status_code, answer.json()["manual_score"]) == (200, 2.5)
    with Gradebook(f"sqlite:///{directory / 'gradebook.db'}") as book:
        grade = book.find_grade("why", "notes", "lenses", "ben")
        assert (grade.manual_score, grade.needs_manual_grade) == (2.5, False)
    with classroom.store.reading() as session:
        (change,) = audit.search(session, slug, Wanted(action="mark"), 10)
    assert (change.actor, change.subject, change.before, change.after, change.detail) == (
        *("ada", "ben"),
        {"manual_score": None, "extra_credit": None},
        {"manual_score": 2.5, "extra_credit": None},
        {"assignment": "lenses", "notebook": "notes", "task": "why"},
    )
    page = ada.get(f"courses/{slug}/audit").text
    assert "ada changed marks or a comment of ben in lenses." in page

    # Its manual score taken back, what has no other waits again.
    ada.put(address, json={"manual_score": None}, headers=header).raise_for_status()
    with Gradebook(f"sqlite:///{directory / 'gradebook.db'}") as book:
        assert book.find_grade("why", "notes", "lenses", "ben").needs_manual_grade


def test_the_pages_have_a_policy(
    browsers: dict[str, httpx.Client], course: tuple[str, Path]
) -> None:
    page = page_of(browsers["ada"], course[0])
    nonces = set(re.findall('nonce="([^"]+)"', page.text))
    assert len(nonces) == 1
    assert page.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'nonce-{0}'; style-src 'self' 'nonce-{0}'; "
        "img-src data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ).format(*nonces)
    assert not re.search(r"<script(?![^>]*nonce=)|<style(?![^>]*nonce=)|\son\w+=", page.text)


def test_what_is_no_mark_changes_nothing(
    browsers: dict[str, httpx.Client], course: tuple[str, Path]
) -> None:
    ada, (slug, _directory) = browsers["ada"], course
    address, header = grade_of(ada, slug, "squares-test")
    for body in ("{", "[]", '{"manual_score": NaN}', '{"manual_score": -1}', ""):
        answer = ada.put(address, content=body, headers=header)
        assert answer.status_code == 400
        assert answer.json()["message"].startswith("The request cannot be understood.")
    assert ada.get(address).json()["manual_score"] is None


def test_another_sites_page_cannot_give_marks(
    browsers: dict[str, httpx.Client], course: tuple[str, Path]
) -> None:
    ada, (slug, _directory) = browsers["ada"], course
    address, _header = grade_of(ada, slug, "squares-test")
    assert ada.put(address, json={"manual_score": 3}).status_code == 403
    assert ada.get(address).json()["manual_score"] is None


def test_an_operator_looks_and_no_more(
    classroom: Classroom, browsers: dict[str, httpx.Client], course: tuple[str, Path]
) -> None:
    slug, _directory = course
    address, _header = grade_of(browsers["ada"], slug, "why")
    _address, header = grade_of(browsers["operator"], slug, "why")
    answer = browsers["operator"].put(address, json={"manual_score": 3}, headers=header)
    assert answer.status_code == 403
    assert "message" in answer.json()
    with classroom.store.reading() as session:
        looks = audit.search(session, slug, Wanted(action="look"), 10)
    assert {each.actor for each in looks} == {"operator"}
    assert looks[-1].detail["page"] == "Formgrader: /find"


def test_what_nbgrader_would_run_is_done_in_the_classroom(
    browsers: dict[str, httpx.Client], course: tuple[str, Path]
) -> None:
    ada, (slug, directory) = browsers["ada"], course
    _address, header = grade_of(ada, slug, "why")
    before = sorted(directory.rglob("*"))
    for what in (
        "submission/lenses/ben/autograde",
        "assignment/lenses/assign",
        "assignment/lenses/release",
        "assignment/lenses/collect",
        "assignment/lenses/generate_feedback",
    ):
        answer = ada.post(f"courses/{slug}/formgrader/api/{what}", headers=header)
        assert answer.status_code == 409
        assert answer.json()["message"].startswith("This is done in the classroom")
    assert sorted(directory.rglob("*")) == before
    for old, new in (
        ("manage_assignments", ""),
        ("manage_submissions/lenses", "/assignments/lenses"),
    ):
        answer = ada.get(f"courses/{slug}/formgrader/{old}", follow_redirects=False)
        assert answer.headers["Location"].endswith(f"/courses/{slug}{new}")


@pytest.mark.parametrize(
    "address",
    [
        *("gradebook/none", "gradebook/lenses/none", "submissions/none/", "submissions/none/next"),
        *("manage_students/none", "find?assignment=lenses&student=none", "nowhere"),
        *("gradebook/%3Cscript%3E", "submissions/..%2f..%2fgradebook.db", "static/x", "../../x"),
        *("autograded/ben/lenses/notes.ipynb", "lab", "api/contents", "terminals/1"),
    ],
)
def test_there_is_nothing_else(
    browsers: dict[str, httpx.Client], course: tuple[str, Path], address: str
) -> None:
    answer = browsers["ada"].get(f"courses/{course[0]}/formgrader/{address}")
    assert answer.status_code == 404
    assert "<script>" not in answer.text
    assert "Traceback" not in answer.text


def test_a_student_asks_for_a_task_to_be_looked_at_again(
    classroom: Classroom, browsers: dict[str, httpx.Client], course: tuple[str, Path]
) -> None:
    (ada, ben), (slug, _directory) = (browsers["ada"], browsers["ben"]), course
    assert "looked at again" not in page_of(ada, slug).text
    archive = zipped({"notes.ipynb": b'{"cells": []}'})
    base = f"api/courses/{slug}"
    with classroom.client("ada") as staff, classroom.client("ben") as student:
        staff.put(f"{base}/assignments/lenses/release", content=archive).raise_for_status()
        receipt = student.post(f"{base}/assignments/lenses/submissions", content=archive).json()
        staff.put(
            f"{base}/submissions/{receipt['id']}/feedback?score=2&max_score=5",
            content=zipped({"notes.html": b"2 of 5", ".tasks.json": TASKS}),
        ).raise_for_status()
    submission = f"courses/{slug}/submissions/{receipt['id']}"
    assert f"{submission}/complaint?task=why" in ben.get(f"{submission}/feedback").text
    assert f"{submission}/complaint?task=why" not in ada.get(f"{submission}/feedback").text

    asking = ben.get(f"{submission}/complaint?task=why").text
    assert re.search('<option value="why" selected>', asking)
    found = re.search('name="_xsrf" value="([^"]+)"', asking)
    assert found
    form = {"task": "why", "text": "<b>It is right.</b>", "_xsrf": found[1]}
    assert ben.post(f"{submission}/complaint", data=form).status_code == 200
    assert ben.post(f"{submission}/complaint", data=form).status_code == 409
    assert ben.post(f"{submission}/complaint", data={**form, "task": "none"}).status_code == 404
    assert ben.post(f"{submission}/complaint", data={**form, "task": ""}).status_code == 200
    with classroom.store.reading() as session:
        assert [each.task for each in complaints.of_course(session, slug)] == ["", "why"]

    # Staff comes from the list to the task, sees there what was said, and answers.
    listed = ada.get(f"courses/{slug}/complaints").text
    found = re.search(r'href="([^"]+/formgrader/find\?[^"]+)"', listed)
    assert found
    page = ada.get(httpx.URL(classroom.url).join(unescape(found[1])))
    assert page.history[-1].headers["Location"].endswith("/#why")
    assert "&lt;b&gt;It is right.&lt;/b&gt;" in page.text
    link = f'href="/services/classroom/{submission}/complaint"'
    assert link in page.text
    with classroom.store.reading() as session:
        numbers = [each.id for each in complaints.of_course(session, slug)]
    found = re.search('name="_xsrf" value="([^"]+)"', ada.get(f"{submission}/complaint").text)
    assert found
    for number in numbers:
        answer = {"text": "Three points now.", "_xsrf": found[1]}
        ada.post(f"courses/{slug}/complaints/{number}/answer", data=answer).raise_for_status()
    assert "Three points now." in ben.get(f"{submission}/complaint").text
    assert link not in page_of(ada, slug).text


def programs(directory: Path) -> list[psutil.Process]:
    """The Formgraders of a course directory."""
    found = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if "courses.formgrader" in line and str(directory) in line:
            found.append(process)
    return found


def test_one_that_ended_or_hangs_does_not_stay(
    browsers: dict[str, httpx.Client], course: tuple[str, Path]
) -> None:
    ada, (slug, directory) = browsers["ada"], course
    assert page_of(ada, slug).status_code == 200
    (first,) = programs(directory)
    # The hub's secrets are not in its environment, and its socket is its owner's.
    assert not [name for name in first.environ() if name.startswith(("JUPYTERHUB", "LESESAL"))]
    sockets = directory.parents[1] / "formgraders"
    assert sockets.stat().st_mode & 0o077 == 0
    os.kill(first.pid, signal.SIGKILL)
    first.wait(60)
    assert page_of(ada, slug).status_code == 200
    (second,) = programs(directory)
    assert second.pid != first.pid

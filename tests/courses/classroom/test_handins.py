"""Handing in: what is kept, what is given for it, and what counts."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from classroom_kit import EARLIER, course, enrol, put, unzipped, zipped

from courses import receipts
from courses.course import LateRule
from courses.store.audit import changes

if TYPE_CHECKING:
    from conftest import Classroom

FILES = {"lenses.ipynb": b'{"cells": []}', "data/æ b.csv": b"1,2\n", "same.csv": b"1,2\n"}
_numbers = itertools.count(1)


@pytest.fixture
def slug(classroom: Classroom) -> str:
    """A course of its own for each test, its first assignment released."""
    slug = f"waves-{next(_numbers)}"
    put(classroom.store, course(slug))
    enrol(classroom.store, slug, ada="instructor", ben="student", cleo="student")
    with classroom.client("ada") as ada:
        address = f"api/courses/{slug}/assignments/lenses/release"
        ada.put(address, content=zipped(FILES)).raise_for_status()
    return slug


@pytest.fixture
def ben(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.client("ben") as client:
        yield client


@pytest.fixture
def ada(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.client("ada") as client:
        yield client


def post(client: httpx.Client, slug: str, files: dict[str, bytes]) -> httpx.Response:
    address = f"api/courses/{slug}/assignments/lenses/submissions"
    return client.post(address, content=zipped(files))


def hand_in(client: httpx.Client, slug: str, files: dict[str, bytes] = FILES) -> dict[str, Any]:
    return dict(post(client, slug, files).raise_for_status().json())


def of_lenses(client: httpx.Client, slug: str) -> list[dict[str, Any]]:
    (lenses,) = client.get(f"api/courses/{slug}/assignments").json()
    return list(lenses["submissions"])


def to_grade(client: httpx.Client, slug: str) -> list[str]:
    return [each["id"] for each in of_lenses(client, slug) if each["to_grade"]]


def change(classroom: Classroom, slug: str, **values: Any) -> None:
    lenses = replace(course().assignments[0], **values)
    put(classroom.store, course(slug, assignments=(lenses,)))


def blobs(classroom: Classroom) -> set[str]:
    return {sha256 for sha256, _ in classroom.store.blobs.all()}


def test_each_file_is_kept_once(classroom: Classroom, slug: str, ben: httpx.Client) -> None:
    before = blobs(classroom)
    first = {"a.ipynb": b"kept once", "b.ipynb": b"kept once", "c.ipynb": b"one of two"}
    hand_in(ben, slug, first)
    second = first | {"c.ipynb": b"the other"}
    hand_in(ben, slug, second)
    with classroom.client("cleo") as cleo:
        hand_in(cleo, slug, second)
    contents = (b"kept once", b"one of two", b"the other")
    assert blobs(classroom) - before == {hashlib.sha256(each).hexdigest() for each in contents}


def test_what_was_handed_in_comes_back_and_is_always_the_same(
    slug: str, ben: httpx.Client, ada: httpx.Client
) -> None:
    reordered = dict(reversed(FILES.items()))
    addresses = [
        f"api/courses/{slug}/submissions/{hand_in(ben, slug, files)['id']}"
        for files in (FILES, {"lenses.ipynb": b"x"}, reordered)
    ]
    downloads = [ada.get(each).content for each in addresses]
    assert unzipped(downloads[0]) == FILES
    assert downloads[0] == downloads[2]
    assert list(unzipped(downloads[0])) == sorted(FILES)


def test_a_receipt_is_signed_and_stays_as_it_was_given(
    classroom: Classroom, slug: str, ben: httpx.Client
) -> None:
    text = post(ben, slug, FILES).text
    published = httpx.get(f"{classroom.direct}api/receipt-keys").text
    assert receipts.read(text).genuine(receipts.read_keys(published))
    assert (classroom.home / "receipt-keys.json").read_text() == published
    address = f"api/courses/{slug}/submissions/{receipts.read(text).receipt.id}"
    change(classroom, slug, due=EARLIER, late=LateRule.REFUSE)
    assert ben.get(f"{address}/receipt").text == text
    assert post(ben, slug, FILES).text == text
    with classroom.browser("ben") as browser:
        assert browser.get(f"{address.removeprefix('api/')}/receipt.json").text == text


def test_the_content_is_what_sha256sum_says(tmp_path: Path, slug: str, ben: httpx.Client) -> None:
    """As docs/students.md has it."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    command = (
        "find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum"
    )
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert hand_in(ben, slug)["content"] == done.stdout.split()[0]


def test_the_same_again_is_the_same_submission(
    classroom: Classroom, slug: str, ben: httpx.Client
) -> None:
    first = post(ben, slug, FILES)
    again = post(ben, slug, dict(reversed(FILES.items())))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.text == first.text
    other = post(ben, slug, {"lenses.ipynb": b"other"})
    back = post(ben, slug, FILES)
    assert (other.status_code, back.status_code) == (201, 201)
    assert len({first.text, other.text, back.text}) == len(of_lenses(ben, slug)) == 3
    with classroom.client("cleo") as cleo:
        assert post(cleo, slug, FILES).status_code == 201


def test_the_same_again_after_the_deadline(
    classroom: Classroom, slug: str, ben: httpx.Client
) -> None:
    first = hand_in(ben, slug)
    change(classroom, slug, due=EARLIER, late=LateRule.REFUSE)
    assert hand_in(ben, slug) == first
    refused = post(ben, slug, {"lenses.ipynb": b"too late"})
    assert refused.status_code == 409
    assert hashlib.sha256(b"too late").hexdigest() not in blobs(classroom)
    with classroom.client("cleo") as cleo:
        assert post(cleo, slug, FILES).status_code == 409


def test_the_same_from_several_at_once(classroom: Classroom, slug: str, ben: httpx.Client) -> None:
    """A client that waited too long asks again while the first is still being answered."""
    answers: list[httpx.Response] = []
    ready = threading.Barrier(6)

    def submit() -> None:
        with classroom.client("ben") as client:
            client.get("api/courses")
            ready.wait()
            answers.append(post(client, slug, FILES))

    threads = [threading.Thread(target=submit) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(each.status_code for each in answers) == [200] * 5 + [201]
    assert len({each.text for each in answers}) == 1
    assert len(of_lenses(ben, slug)) == 1


def test_one_version_is_graded(
    classroom: Classroom, slug: str, ben: httpx.Client, ada: httpx.Client
) -> None:
    first, second = (hand_in(ben, slug, {"lenses.ipynb": text})["id"] for text in (b"1", b"2"))
    address = f"api/courses/{slug}/submissions"
    assert to_grade(ben, slug) == [second]
    for _ in range(2):
        assert ben.put(f"{address}/{first}/choice").status_code == 204
    assert to_grade(ben, slug) == [first]
    third = hand_in(ben, slug, {"lenses.ipynb": b"3"})["id"]
    assert to_grade(ben, slug) == [first]
    found = ada.get(f"api/courses/{slug}/assignments/lenses/submissions").json()
    assert [each["to_grade"] for each in found] == [True, False, False]
    assert ben.delete(f"{address}/{second}/choice").status_code == 204  # which is not chosen
    assert to_grade(ben, slug) == [first]
    assert ben.delete(f"{address}/{first}/choice").status_code == 204
    assert to_grade(ben, slug) == [third]
    with classroom.store.reading() as session:
        told = [
            (each.actor, each.subject, each.before, each.after)
            for each in changes(session, slug)
            if each.action == "choose"
        ]
    choice = {"to_grade": first}
    assert told == [("ben", "ben", None, choice), ("ben", "ben", choice, None)]


def test_only_the_person_chooses_and_only_until_there_is_feedback(
    classroom: Classroom, slug: str, ben: httpx.Client, ada: httpx.Client
) -> None:
    first, second = (hand_in(ben, slug, {"lenses.ipynb": text})["id"] for text in (b"1", b"2"))
    address = f"api/courses/{slug}/submissions"
    with classroom.client("cleo") as cleo:
        others = [cleo.put(f"{address}/{first}/choice"), ada.put(f"{address}/{first}/choice")]
    assert [each.status_code for each in others] == [403, 403]
    assert others[1].json()["message"] == "Only the person whose work it is can do this."
    ada.put(f"{address}/{second}/feedback", content=zipped(FILES)).raise_for_status()
    for answer in (ben.put(f"{address}/{first}/choice"), ben.delete(f"{address}/{second}/choice")):
        assert (answer.status_code, answer.json()["message"]) == (
            409,
            "Feedback on this work is out, so another version cannot be chosen any more. "
            "Ask the people who teach the course.",
        )
    assert to_grade(ben, slug) == [second]


def test_choosing_on_the_page(classroom: Classroom, slug: str, ben: httpx.Client) -> None:
    first, second = (hand_in(ben, slug, {"lenses.ipynb": text})["id"] for text in (b"1", b"2"))
    with classroom.browser("ben") as browser:
        page = browser.get(f"courses/{slug}")
        assert f"/submissions/{first}/choice" in page.text
        assert f"/submissions/{second}/choice" not in page.text
        form = {"_xsrf": browser.cookies.get("_xsrf", path="/services/classroom/")}
        done = browser.post(f"courses/{slug}/submissions/{first}/choice", data=form)
        assert str(done.url).endswith(f"/courses/{slug}")
        assert to_grade(ben, slug) == [first]
        browser.post(f"courses/{slug}/submissions/{first}/choice", data=form | {"grade": "last"})
        assert to_grade(ben, slug) == [second]


@pytest.mark.parametrize(
    ("limits", "status", "message"),
    [
        (
            {"kinds": (".ipynb", ".py")},
            400,
            "The archive has a file named 'data/æ b.csv'; only .ipynb, .py are taken here. "
            "Take it out.",
        ),
        (
            {"max_files": 2},
            413,
            "The archive has 3 files; 2 are allowed. Take out what is not needed.",
        ),
        (
            {"max_bytes": 300},
            413,
            "The archive is larger than 300 bytes. Take out what is not needed.",
        ),
    ],
)
def test_limits(
    classroom: Classroom,
    slug: str,
    ben: httpx.Client,
    limits: dict[str, Any],
    status: int,
    message: str,
) -> None:
    change(classroom, slug, **limits)
    files = {name: content + slug.encode() for name, content in FILES.items()}
    before = blobs(classroom)
    answer = post(ben, slug, files)
    assert (answer.status_code, answer.json()["message"]) == (status, message)
    assert blobs(classroom) == before
    assert of_lenses(ben, slug) == []


def test_kinds_that_are_taken(classroom: Classroom, slug: str, ben: httpx.Client) -> None:
    change(classroom, slug, kinds=(".ipynb", ".tar.gz"))
    assert post(ben, slug, {"A.IPYNB": b"", "data.tar.gz": b""}).status_code == 201

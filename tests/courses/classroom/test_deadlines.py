"""Extensions over the API and on the staff's page, and what follows from them for a student."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from classroom_kit import EARLIER, course, enrol, put, zipped

from courses.course import LateRule

if TYPE_CHECKING:
    from conftest import Classroom

ARCHIVE = zipped({"mirrors.ipynb": b'{"cells": []}'})
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
LATE = "2020-01-05T12:00:00.000000+00:00"
_numbers = itertools.count(1)


@pytest.fixture
def slug(classroom: Classroom) -> str:
    """ada assists, ben and cleo take it; mirrors was due long ago and takes no late work."""
    slug = f"due-{next(_numbers)}"
    put(classroom.store, course(slug))
    roles = {"instructor1": "instructor", "ada": "assistant", "ben": "student", "cleo": "student"}
    enrol(classroom.store, slug, **roles)
    return slug


@pytest.fixture
def ada(classroom: Classroom, slug: str) -> Iterator[httpx.Client]:
    with classroom.client("ada") as client:
        yield client


@pytest.fixture
def ben(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.client("ben") as client:
        yield client


def release(classroom: Classroom, slug: str, name: str = "mirrors") -> None:
    enrol(classroom.store, slug, ada="instructor")
    with classroom.client("ada") as ada:
        address = f"api/courses/{slug}/assignments/{name}/release"
        ada.put(address, content=ARCHIVE).raise_for_status()
    enrol(classroom.store, slug, ada="assistant")


def submit(client: httpx.Client, slug: str, name: str = "mirrors") -> httpx.Response:
    """Hand in something new: the same files once more would be the same hand-in."""
    new = zipped({f"{name}.ipynb": json.dumps({"cells": [], "new": next(_numbers)}).encode()})
    return client.post(f"api/courses/{slug}/assignments/{name}/submissions", content=new)


def give(
    client: httpx.Client, slug: str, whom: str, due: str, name: str = "mirrors"
) -> httpx.Response:
    address = f"api/courses/{slug}/assignments/{name}/extensions/{whom}"
    return client.put(address, json={"due": due, "reason": "ill"})


def standing(client: httpx.Client, slug: str, name: str) -> dict[str, Any]:
    found = client.get(f"api/courses/{slug}/assignments").json()
    return next(each for each in found if each["name"] == name)


def test_more_time_opens_what_was_closed_and_the_receipt_says_in_time(
    classroom: Classroom, slug: str, ada: httpx.Client, ben: httpx.Client
) -> None:
    release(classroom, slug)
    closed = submit(ben, slug)
    assert closed.status_code == 409
    assert "was due on Wednesday 1 January 2020, 01:00" in closed.json()["message"]

    given = give(ada, slug, "people/ben", SOON.isoformat())
    due = SOON.isoformat(timespec="microseconds")
    assert given.status_code == 200
    assert given.json() == {
        "assignment": "mirrors",
        "user": "ben",
        "group": None,
        "due": due,
        "reason": "ill",
        "given_by": "ada",
        "given": given.json()["given"],
    }
    assert ada.get(f"api/courses/{slug}/extensions").json() == [given.json()]
    mine = standing(ben, slug, "mirrors")
    assert (mine["due"], mine["extended"]) == (due, True)
    receipt = submit(ben, slug)
    assert receipt.status_code == 201
    assert (receipt.json()["due"], receipt.json()["on_time"]) == (due, True)
    with classroom.client("cleo") as cleo:
        others = standing(cleo, slug, "mirrors")
        assert (others["due"], others["extended"]) == (
            EARLIER.isoformat(timespec="microseconds"),
            False,
        )
        assert submit(cleo, slug).status_code == 409

    address = f"api/courses/{slug}/assignments/mirrors/extensions/people/ben"
    assert ada.delete(address).status_code == 204
    assert ada.delete(address).status_code == 404
    assert submit(ben, slug).status_code == 409


def test_groups(classroom: Classroom, slug: str, ada: httpx.Client, ben: httpx.Client) -> None:
    release(classroom, slug)
    address = f"api/courses/{slug}/groups/Monday%2010"
    made = ada.put(address, json={"members": ["cleo", "ben"]})
    assert made.json() == {"name": "Monday 10", "members": ["ben", "cleo"]}
    assert ada.get(f"api/courses/{slug}/groups").json() == [made.json()]
    assert give(ada, slug, "groups/Monday%2010", SOON.isoformat()).status_code == 200
    assert submit(ben, slug).status_code == 201
    refused = ada.delete(address)
    assert refused.status_code == 409
    assert "Withdraw them" in refused.json()["message"]
    ada.delete(
        f"api/courses/{slug}/assignments/mirrors/extensions/groups/Monday%2010"
    ).raise_for_status()
    assert ada.delete(address).status_code == 204
    assert ada.get(f"api/courses/{slug}/groups").json() == []


def test_lateness_follows_the_deadline_that_the_person_has_now(
    classroom: Classroom, slug: str, ada: httpx.Client, ben: httpx.Client
) -> None:
    due = datetime.now(UTC) - timedelta(hours=30)
    prisms = replace(
        course().assignments[2],
        due=due,
        late=LateRule.PENALTY,
        penalty_per_day=0.1,
        grace_minutes=15,
    )
    put(classroom.store, course(slug, assignments=(prisms,)), content="penalty")
    release(classroom, slug, "prisms")
    mine = standing(ben, slug, "prisms")
    rule = {"late": "penalty", "penalty_per_day": 0.1, "grace_minutes": 15, "extended": False}
    assert {name: mine[name] for name in rule} == rule
    receipt = submit(ben, slug, "prisms").json()
    assert receipt["on_time"] is False

    def lateness() -> list[dict[str, Any]]:
        found = ada.get(f"api/courses/{slug}/assignments/prisms/lateness")
        return list(found.raise_for_status().json())

    late = {
        "id": receipt["id"],
        "user": "ben",
        "timestamp": receipt["timestamp"],
        "due": due.isoformat(timespec="microseconds"),
        "extended": False,
        "days": 2,
        "penalty": 0.2,
    }
    assert lateness() == [late]
    later = due + timedelta(hours=29, minutes=50)  # within the grace of the extension
    give(ada, slug, "people/ben", later.isoformat(), "prisms").raise_for_status()
    now = late | {"due": later.isoformat(), "extended": True, "days": 0, "penalty": 0.0}
    assert lateness() == [now]
    kept = ben.get(f"api/courses/{slug}/submissions/{receipt['id']}/receipt").json()
    assert (kept["due"], kept["on_time"]) == (receipt["due"], False)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "The body must be a JSON object with due, reason."),
        ({"due": LATE, "reason": ""}, "Give the reason of the extension."),
        (
            {"due": "tomorrow", "reason": "ill"},
            "'tomorrow' is no day and time. Give it like 2026-11-27T23:59.",
        ),
        (
            {"due": "2019-12-31T00:00:00+00:00", "reason": "ill"},
            "This is not after the deadline of Mirrors. Give a later time.",
        ),
    ],
)
def test_what_is_no_extension(
    slug: str, ada: httpx.Client, body: dict[str, str], message: str
) -> None:
    address = f"api/courses/{slug}/assignments/mirrors/extensions/people/ben"
    answer = ada.put(address, json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, message)


def test_students_and_strangers_give_nothing(
    classroom: Classroom, slug: str, ben: httpx.Client
) -> None:
    base = f"api/courses/{slug}"
    with classroom.client("dan") as dan:
        for client in (ben, dan):
            answers = [
                client.get(f"{base}/extensions"),
                client.get(f"{base}/groups"),
                client.get(f"{base}/assignments/mirrors/lateness"),
                give(client, slug, "people/ben", SOON.isoformat()),
                give(client, slug, "people/ben", "not even a time"),
                client.delete(f"{base}/assignments/mirrors/extensions/people/ben"),
                client.put(f"{base}/groups/mine", json={"members": []}),
                client.put(f"{base}/groups/mine", content=b"no JSON"),
                client.delete(f"{base}/groups/mine"),
            ]
            assert [answer.status_code for answer in answers] == [403] * len(answers)


@pytest.fixture(scope="module")
def browser(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.browser("ada") as found:
        yield found


def post(browser: httpx.Client, slug: str, action: str, **form: str) -> httpx.Response:
    page = browser.get(f"courses/{slug}/deadlines").text
    (xsrf,) = set(re.findall('name="_xsrf" value="([^"]+)"', page))
    return browser.post(f"courses/{slug}/deadlines/{action}", data=form | {"_xsrf": xsrf})


def test_the_page_gives_changes_and_withdraws(
    classroom: Classroom, slug: str, browser: httpx.Client, ben: httpx.Client
) -> None:
    release(classroom, slug)
    page = post(browser, slug, "group", name="lab 1", members="ben, cleo").text
    assert '<option value="group:lab 1"' in page
    form = {"whom": "group:lab 1", "assignment": "mirrors", "reason": "The <sun> was away"}
    page = post(browser, slug, "extend", **form, due="2030-07-01T12:00").text
    assert "The &lt;sun&gt; was away" in page
    assert (
        '<time datetime="2030-07-01T10:00:00.000000+00:00" data-zone="Europe/Oslo">'
        "1 Jul 2030, 12:00</time>"
    ) in page
    assert standing(ben, slug, "mirrors")["due"] == "2030-07-01T10:00:00.000000+00:00"

    change = browser.get(
        f"courses/{slug}/deadlines", params={"assignment": "mirrors", "whom": "group:lab 1"}
    ).text
    assert 'name="due" value="2030-07-01T12:00"' in change
    post(browser, slug, "extend", **form, due="2030-12-01T12:00")
    assert standing(ben, slug, "mirrors")["due"] == "2030-12-01T11:00:00.000000+00:00"

    refused = post(browser, slug, "remove-group", name="lab 1")
    assert refused.status_code == 409
    assert "Withdraw them before you remove it." in refused.text
    page = post(browser, slug, "withdraw", whom="group:lab 1", assignment="mirrors").text
    assert "Nobody has an extension." in page
    page = post(browser, slug, "remove-group", name="lab 1").text
    assert "There are no groups." in page


def test_what_was_typed_stays_when_it_is_wrong(slug: str, browser: httpx.Client) -> None:
    form = {"whom": "person:ben", "assignment": "mirrors", "reason": "ill for a week"}
    page = post(browser, slug, "extend", **form, due="2019-01-01T12:00")
    assert page.status_code == 400
    assert "This is not after the deadline of Mirrors. Give a later time." in page.text
    assert 'value="ill for a week"' in page.text
    assert 'value="2019-01-01T12:00"' in page.text
    assert re.search('<option value="person:ben" selected>', page.text)


def test_the_page_is_the_staffs(classroom: Classroom, slug: str) -> None:
    with classroom.browser("ben") as ben:
        assert ben.get(f"courses/{slug}/deadlines").status_code == 403
        home = ben.get("")
        assert home.status_code == 200, home.text
        (xsrf,) = set(re.findall('data-xsrf="([^"]+)"', home.text))
        for action in ("extend", "withdraw", "group", "remove-group"):
            form = {"_xsrf": xsrf, "whom": "person:ben", "assignment": "mirrors", "name": "x"}
            answer = ben.post(f"courses/{slug}/deadlines/{action}", data=form)
            assert answer.status_code == 403
            assert "Only the people who teach" in answer.text

"""The people's page, as instructors, assistants and students get it through a real hub's login."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING

import httpx
import pytest
from classroom_kit import NOW, course, enrol, put, zipped

from courses.classroom.pages.people import drawing
from courses.store import access, groups, people

if TYPE_CHECKING:
    from conftest import Classroom

_numbers = itertools.count(1)


@pytest.fixture
def slug(classroom: Classroom) -> str:
    slug = f"people-{next(_numbers)}"
    put(classroom.store, course(slug, title=f"Optics {slug}"))
    enrol(classroom.store, slug, ada="instructor", ben="student", cleo="assistant")
    return slug


@pytest.fixture(scope="module")
def ada(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.browser("ada") as browser:
        yield browser


@pytest.fixture(scope="module")
def ben(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.browser("ben") as browser:
        yield browser


@pytest.fixture(scope="module")
def cleo(classroom: Classroom) -> Iterator[httpx.Client]:
    with classroom.browser("cleo") as browser:
        yield browser


def roles(classroom: Classroom, slug: str) -> dict[str, str]:
    with classroom.store.reading() as session:
        return {each.user: each.role.value for each in people.people(session, slug)}


def fields(page: httpx.Response, action: str) -> dict[str, str]:
    """The hidden fields of the form that goes to an address ending so."""
    form = re.search(rf'<form[^>]*action="[^"]*{action}".*?</form>', page.text, re.S)
    assert form, page.text
    hidden = re.findall(r'type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', form[0])
    texts = re.findall(r'<textarea name="(\w+)" hidden>\n(.*?)</textarea>', form[0], re.S)
    found = dict([*hidden, *texts])
    return {name: unescape(value) for name, value in found.items()}


def post(browser: httpx.Client, slug: str, what: str, **form: str) -> httpx.Response:
    xsrf = fields(browser.get(f"courses/{slug}/people"), "/enrol")["_xsrf"]
    return browser.post(f"courses/{slug}/people/{what}", data={"_xsrf": xsrf, **form})


def test_by_hand(classroom: Classroom, ada: httpx.Client, slug: str) -> None:
    page = post(ada, slug, "enrol", user="dan", role="student")
    assert (page.status_code, page.url.path) == (200, f"/services/classroom/courses/{slug}/people")
    assert "dan" in page.text
    post(ada, slug, "enrol", user="dan", role="assistant")
    assert roles(classroom, slug)["dan"] == "assistant"
    post(ada, slug, "remove", user="dan")
    assert "dan" not in roles(classroom, slug)
    for what, form, words in (
        ("remove", {"user": "ada"}, "ada is the last instructor"),
        ("enrol", {"user": "ada", "role": "student"}, "ada is the last instructor"),
        ("enrol", {"user": "dan", "role": "boss"}, "no such role"),
        ("enrol", {"user": "a b", "role": "student"}, "cannot be a user"),
        ("remove", {"user": "nobody"}, "nobody is not in this course"),
    ):
        answer = post(ada, slug, what, **form)
        assert answer.status_code in (400, 404, 409)
        assert words in answer.text
        assert "Traceback" not in answer.text


def test_what_was_handed_in_stays(classroom: Classroom, ada: httpx.Client, slug: str) -> None:
    archive, base = zipped({"lenses.ipynb": b"{}"}), f"api/courses/{slug}"
    with classroom.client("ada") as teacher, classroom.client("ben") as student:
        teacher.put(f"{base}/assignments/lenses/release", content=archive).raise_for_status()
        sent = student.post(f"{base}/assignments/lenses/submissions", content=archive).json()
        post(ada, slug, "remove", user="ben")
        address = f"courses/{slug}/submissions/{sent['id']}"
        assert student.get(f"{base}/assignments").status_code == 403
        assert ada.get(address).status_code == 200
        post(ada, slug, "enrol", user="ben", role="student")
        listed = student.get(f"{base}/assignments").json()
    assert [each["id"] for one in listed for each in one["submissions"]] == [sent["id"]]


def test_assistants_look_and_students_do_not(
    classroom: Classroom, ben: httpx.Client, cleo: httpx.Client, slug: str
) -> None:
    page = cleo.get(f"courses/{slug}/people")
    assert page.status_code == 200
    assert "ben" in page.text
    assert "<form" not in page.text.partition("<main")[2].partition("</main>")[0]
    assert ben.get(f"courses/{slug}/people").status_code == 403
    before = roles(classroom, slug)
    for browser in (ben, cleo):
        xsrf = browser.get("").text.partition('data-xsrf="')[2].partition('"')[0]
        for what in ("enrol", "remove", "roster/apply", "codes", "codes/1/rotate", "codes/1/close"):
            form = {"_xsrf": xsrf, "user": "ben", "role": "assistant", "seats": "3"}
            form |= {"until": "2100-01-01T10:00"}
            answer = browser.post(f"courses/{slug}/people/{what}", data=form)
            assert answer.status_code == 403, (what, answer.text)
        assert browser.get(f"courses/{slug}/people/codes/1").status_code == 403
    assert roles(classroom, slug) == before


def test_another_sites_form_does_nothing(ada: httpx.Client, slug: str) -> None:
    form = {"user": "dan", "role": "instructor"}
    assert ada.post(f"courses/{slug}/people/enrol", data=form).status_code == 403


def upload(ada: httpx.Client, slug: str, data: bytes, **form: str) -> httpx.Response:
    address = f"courses/{slug}/people"
    xsrf = fields(ada.get(address), "/enrol")["_xsrf"]
    return ada.post(
        f"{address}/roster", data={"_xsrf": xsrf, **form}, files={"roster": ("r.csv", data)}
    )


def apply(ada: httpx.Client, slug: str, page: httpx.Response) -> httpx.Response:
    return ada.post(f"courses/{slug}/people/roster/apply", data=fields(page, "/roster/apply"))


def test_a_roster(classroom: Classroom, ada: httpx.Client, slug: str) -> None:
    before = roles(classroom, slug)
    page = upload(
        ada, slug, "\ufeffuser;role\r\nada;instructor\r\ndan;\r\nben;assistant\r\n".encode()
    )
    assert page.status_code == 200
    assert roles(classroom, slug) == before
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))
    assert "New in the course 1 dan Student" in text
    assert "Another role 1 ben Student → " in text
    assert "1 person is not in the file and stays in the course: cleo" in text
    enrol(classroom.store, slug, eve="student")
    stale = apply(ada, slug, page)
    assert stale.status_code == 409
    assert "have changed since you looked" in stale.text
    assert "dan" not in roles(classroom, slug)
    page = upload(ada, slug, b"user,role\nada,instructor\ndan,\n", remove="yes")
    assert apply(ada, slug, page).status_code == 200
    assert roles(classroom, slug) == {"ada": "instructor", "dan": "student"}


def test_a_roster_with_groups(classroom: Classroom, ada: httpx.Client, slug: str) -> None:
    page = upload(ada, slug, b"user,role,groups\nada,instructor,\nben,,lab 1;lab 2\ndan,,lab 1\n")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))
    assert "Groups 2 lab 1 new in: ben, dan lab 2 new in: ben" in text
    assert apply(ada, slug, page).status_code == 200
    assert groups_of(classroom, slug) == {"lab 1": ("ben", "dan"), "lab 2": ("ben",)}
    page = upload(ada, slug, b"user,groups\nben,lab 2\n")
    assert "out: ben" in page.text
    with classroom.store.writing() as session:
        groups.put_group(session, slug, "lab 1", ["ben"], actor="ada", at=NOW)
    assert apply(ada, slug, page).status_code == 409
    page = upload(ada, slug, b"user,groups\nben,lab 2\n")
    assert apply(ada, slug, page).status_code == 200
    assert groups_of(classroom, slug) == {"lab 1": (), "lab 2": ("ben",)}


def groups_of(classroom: Classroom, slug: str) -> dict[str, tuple[str, ...]]:
    with classroom.store.reading() as session:
        return {each.name: each.members for each in groups.groups(session, slug)}


def test_a_roster_that_was_altered_on_its_way(
    classroom: Classroom, ada: httpx.Client, slug: str
) -> None:
    page = upload(ada, slug, b"user\ndan\n")
    form = fields(page, "/roster/apply") | {"text": "user,role\nmallory,instructor\n"}
    assert ada.post(f"courses/{slug}/people/roster/apply", data=form).status_code == 409
    assert "mallory" not in roles(classroom, slug)


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 400, "empty"),
        (b"\x00\xff\xfe", 400, "UTF-8"),
        (b"user\n<script>alert(1)</script>\n", 200, "Line 2: "),
        (b"user\n" + b"<b>" * 200_000, 413, "too large"),
        (b"user,role\nada,student\n", 200, "without an instructor"),
    ],
)
def test_hostile_files(ada: httpx.Client, slug: str, data: bytes, status: int, words: str) -> None:
    page = upload(ada, slug, data)
    assert (page.status_code, words in unescape(page.text)) == (status, True), page.text
    assert "<script>alert" not in page.text
    assert "<b><b>" not in page.text
    if status == 200:
        assert "Do exactly this" not in page.text
        assert apply(ada, slug, page).status_code in (400, 409)


def test_codes(classroom: Classroom, ada: httpx.Client, slug: str) -> None:
    form = {"role": "student", "seats": "2", "until": "2100-01-01T10:00"}
    page = post(ada, slug, "codes", **form, guests_until="2100-01-02T10:00")
    assert page.status_code == 200
    (link,) = set(re.findall(r'href="(http://[^"]+/hub/join/[a-z0-9]{12})"', page.text))
    assert link.startswith(classroom.hub.url)
    assert "0 of 2 seats taken" in page.text
    assert "until 1 Jan 2100, 10:00" in page.text
    (address,) = re.findall(
        rf'href="/services/classroom/(courses/{slug}/people/codes/\d+)"', page.text
    )
    wall = ada.get(address)
    assert wall.status_code == 200
    assert drawing(link) in wall.text
    assert link.partition("//")[2] in wall.text
    assert "style=" not in wall.text  # its policy would not let it
    number = address.rpartition("/")[2]
    page = post(ada, slug, f"codes/{number}/rotate")
    assert link not in page.text
    assert drawing(link) not in ada.get(address).text
    page = post(ada, slug, f"codes/{number}/close")
    assert ">closed<" in re.sub(r"\s", "", page.text)
    assert "takes in nobody now" in ada.get(address).text
    other = f"people-{next(_numbers)}"
    put(classroom.store, course(other))
    enrol(classroom.store, other, ada="instructor")
    assert ada.get(f"courses/{other}/people/codes/{number}").status_code == 404
    for wrong in ("x", "-1", "9" * 30):
        assert ada.get(f"courses/{slug}/people/codes/{wrong}").status_code == 404
    for change in ({"seats": "x"}, {"until": "soon"}, {"role": "instructor"}, {"seats": "0"},
                   {"until": "2020-01-01T10:00"}, {"until": "9999-12-31T23:59"}):  # fmt: skip
        answer = post(ada, slug, "codes", **(form | change))
        assert answer.status_code in (400, 409), change


def test_one_person_several_courses(
    classroom: Classroom, ada: httpx.Client, ben: httpx.Client, slug: str
) -> None:
    """Instructor in two, student in a third; each course knows only its own role."""
    second, third = f"{slug}-b", f"{slug}-c"
    for each, of_ada, of_ben in (
        (second, "instructor", "assistant"),
        (third, "student", "instructor"),
    ):
        put(classroom.store, course(each, title=f"Optics {each}"))
        enrol(classroom.store, each, ada=of_ada, ben=of_ben)
    home = ada.get("").text
    for each in (slug, second, third):
        assert f"courses/{each}" in home
    assert post(ada, second, "enrol", user="dan", role="student").status_code == 200
    assert ada.get(f"courses/{third}/people").status_code == 403
    assert post(ben, third, "enrol", user="dan", role="student").status_code == 200
    page = ben.get(f"courses/{second}/people")
    assert (page.status_code, 'name="user"' in page.text) == (200, False)
    assert ben.get(f"courses/{slug}/people").status_code == 403
    with classroom.store.reading() as session:
        found = [access.role_of(session, each, "dan") for each in (slug, second, third)]
    assert [role and role.value for role in found] == [None, "student", "student"]


def test_nothing_went_wrong_unsaid(classroom: Classroom) -> None:
    assert "Traceback" not in classroom.hub.log.read_text()

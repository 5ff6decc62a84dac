"""The audit, announcements and complaints, over HTTP."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

from classroom_kit import zipped
from classroom_world import SAID, TEXT, Person, World

from courses.announcements import Text
from courses.store import announcements
from courses.store.audit import note

if TYPE_CHECKING:
    from conftest import Classroom

Clients = dict[str, Person]


def changes(clients: Clients, world: World, query: str = "") -> list[dict[str, Any]]:
    answer = clients["instructor"].get(world.address("api/courses/{course}/audit") + query)
    answer.raise_for_status()
    return list(answer.json()["changes"])


def test_a_change_says_who_what_about_whom_before_and_after(clients: Clients, world: World) -> None:
    feedback = world.address("api/courses/{course}/submissions/{submission}/feedback")
    archive = zipped({"lenses.html": b"better"})
    clients["assistant"].put(f"{feedback}?score=8&max_score=10", content=archive)
    found = changes(clients, world)[0]
    assert {name: found[name] for name in ("actor", "action", "subject")} == {
        "actor": "assistant",
        "action": "feedback",
        "subject": "student",
    }
    assert found["detail"]["assignment"] == "lenses"
    assert (found["before"]["score"], found["after"]["score"]) == (7.0, 8.0)


def test_the_page_tells_it_in_a_sentence_of_ones_language(clients: Clients, world: World) -> None:
    page = world.address("courses/{course}/audit")
    shown = clients["assistant"].get(page).text
    assert "instructor gave student feedback on lenses." in shown
    assert "student handed in lenses." in shown
    assert "points: 7" in shown
    assert world.address("/submissions/{submission}") in shown


def test_changes_are_found_by_person_kind_and_assignment(clients: Clients, world: World) -> None:
    def kinds(query: str) -> set[tuple[str, str]]:
        return {(each["actor"], each["action"]) for each in changes(clients, world, query)}

    assert kinds("?person=student") == {
        ("test", "enrol"),
        ("student", "submit"),
        ("instructor", "feedback"),
    }
    assert kinds("?action=release") == {("instructor", "release")}
    assert kinds("?assignment=lenses&person=instructor") == {
        ("instructor", "release"),
        ("instructor", "feedback"),
    }
    assert kinds("?assignment=prisms") == set()
    page = clients["instructor"].get(world.address("courses/{course}/audit?action=release")).text
    assert "instructor released lenses." in page
    assert "handed in" not in page.partition("<tbody>")[2]


def test_older_changes_are_a_link_away(
    classroom: Classroom, clients: Clients, world: World
) -> None:
    at = datetime.now(UTC)
    with classroom.store.writing() as session:
        for count in range(120):
            note(session, "test", "sync", world.names["course"], at, changes=[f"step {count}"])
    address, seen = world.address("api/courses/{course}/audit?action=sync"), []
    older: int | None = -1
    while older is not None:
        part = clients["instructor"].get(address + (f"&older={older}" if seen else "")).json()
        seen += [each["id"] for each in part["changes"]]
        older = part["older"]
    assert (len(seen), seen) == (121, sorted(seen, reverse=True))
    page = clients["instructor"].get(world.address("courses/{course}/audit?action=sync")).text
    link = page.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    address = unescape(link).removeprefix("/services/classroom/")
    more = clients["instructor"].get(address).text
    assert "step 60" in more
    assert "step 119" not in more


def test_an_operators_look_is_in_it(clients: Clients, world: World) -> None:
    clients["operator"].get(world.address("courses/{course}/audit")).raise_for_status()
    found = changes(clients, world)[0]
    assert (found["actor"], found["action"], found["detail"]["page"]) == (
        "operator",
        "look",
        "audit",
    )
    page = clients["instructor"].get(world.address("courses/{course}/audit")).text
    assert "operator, who runs the site, looked at this: audit." in page


def test_nonsense_for_a_number_is_a_sentence(clients: Clients, world: World) -> None:
    for older in ("x", "-1", "9" * 40, "%C2%B2"):
        answer = clients["instructor"].get(
            world.address("api/courses/{course}/audit") + f"?older={older}"
        )
        assert answer.status_code == 400
        assert "is not the number of anything." in answer.json()["message"]


def test_an_announcement_reaches_everybody_in_the_course_and_nobody_else(
    clients: Clients, world: World
) -> None:
    said = {"title": "The <b>lecture</b> moves", "text": "To room 2.\n\nBring a lens."}
    board = world.address("courses/{course}/announcements")
    clients["assistant"].post(board, data=said)
    for address in ("", world.address("courses/{course}")):
        for role in ("student", "instructor"):
            page = clients[role].get(address).text
            assert "The &lt;b&gt;lecture&lt;/b&gt; moves" in page
            assert "<p>Bring a lens.</p>" in page
    assert "lecture" not in clients["elsewhere"].get("").text
    (found,) = clients["student"].get("api/" + board).json()
    assert (found["title"], found["author"], found["until"]) == (said["title"], "assistant", None)
    clients["instructor"].post(f"{board}/{found['id']}/take-down")
    assert clients["student"].get("api/" + board).json() == []
    down, up = changes(clients, world)[:2]
    assert (down["action"], down["before"]["title"]) == ("take-down", said["title"])
    assert (up["action"], up["after"]["title"]) == ("announce", said["title"])


def test_an_announcement_ends_by_itself(
    classroom: Classroom, clients: Clients, world: World
) -> None:
    now, slug = datetime.now(UTC), world.names["course"]
    text = Text("Over", "", now - timedelta(seconds=1))
    with classroom.store.writing() as session:
        announcements.announce(session, slug, text, actor="test", at=now)
    assert clients["student"].get(f"api/courses/{slug}/announcements").json() == []


def test_an_announcement_that_cannot_be_is_typed_again(clients: Clients, world: World) -> None:
    board = world.address("courses/{course}/announcements")
    answer = clients["instructor"].post(board, data={**SAID, "until": "2020-01-01T12:00"})
    assert answer.status_code == 400
    assert "The announcement would be over already." in answer.text
    assert f'value="{SAID["title"]}"' in answer.text


def test_a_complaint_from_its_opening_to_its_answer(clients: Clients, world: World) -> None:
    page = world.address("courses/{course}/submissions/{submission}/complaint")
    assert "It got 7 of 10 points." in clients["student"].get(page).text
    clients["student"].post(page, data=TEXT)
    again = clients["student"].post(page, data=TEXT)
    assert (again.status_code, "open already" in again.text) == (409, True)
    listed = clients["assistant"].get(world.address("courses/{course}/complaints")).text
    assert page in listed
    assert "open" in listed
    shown = clients["assistant"].get(page).text
    action = shown.partition("/complaints/")[2].partition("/")[0]
    answer = world.address("courses/{course}/complaints/") + f"{action}/answer"
    clients["assistant"].post(answer, data={"text": "It is 8 now."})
    assert "It is 8 now." in clients["student"].get(page).text
    assert clients["assistant"].post(answer, data={"text": "9"}).status_code == 409
    answered, opened = changes(clients, world)[:2]
    assert (opened["action"], opened["after"]) == ("complain", TEXT)
    assert (answered["action"], answered["subject"]) == ("answer", "student")


def test_there_is_nothing_to_complain_of_without_feedback(clients: Clients, world: World) -> None:
    address = world.address("courses/{course}/assignments/{assignment}/submissions")
    receipt = clients["another"].post("api/" + address, content=zipped({"a.ipynb": b"{}"}))
    page = world.address("courses/{course}/submissions/") + f"{receipt.json()['id']}/complaint"
    assert "There is no feedback on this yet." in clients["another"].get(page).text
    assert clients["another"].post(page, data=TEXT).status_code == 409


def test_people_take_away_all_that_is_held_on_them(clients: Clients, world: World) -> None:
    world.address("{complaint} {extended} {group}")
    answer = clients["student"].get("me/data.zip")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="lesesal-student.zip"'
    slug, submission = world.names["course"], world.names["submission"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        folder = f"{slug}/lenses/{submission}"
        names = {each for each in archive.namelist() if each.startswith(f"{slug}/")}
        assert names == {
            f"{folder}/receipt.json",
            f"{folder}/files/lenses.ipynb",
            f"{folder}/feedback.zip",
        }
        assert archive.read(f"{folder}/files/lenses.ipynb") == b'{"cells": []}'
        about = json.loads(archive.read("about.json"))
    here = {
        name: [each for each in rows if each.get("course") == slug]
        for name, rows in about.items()
        if name != "user"
    }
    assert {name: len(rows) for name, rows in here.items() if name != "record"} == {
        "enrolments": 1,
        "fetches": 0,
        "extensions": 1,
        "groups": 1,
        "gradings": 0,
        "visible_tests": 0,
        "complaints": 1,
    }
    assert {"enrol", "submit", "feedback", "complain"} <= {
        each["action"] for each in here["record"]
    }
    assert "another" not in json.dumps(about)

"""A course with people in every role and something of everything, to try rights on."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import httpx
from classroom_kit import course, enrol, put, zipped

from courses.store import complaints, joining

if TYPE_CHECKING:
    from conftest import Classroom

ROLES = "nobody outsider student another assistant instructor elsewhere operator".split()
# Of the course: `another` is a student too. `elsewhere` is an instructor of another course,
# `outsider` has an account and no more, `operator` runs the site, `nobody` is not logged in.
PEOPLE = {
    "student": "student",
    "another": "student",
    "assistant": "assistant",
    "instructor": "instructor",
}
ARCHIVE = zipped({"lenses.ipynb": b'{"cells": []}'})
SAID = {"title": "The lecture moves", "text": "To room 2."}
TEXT = {"text": "Task 2 is right."}
CODE = {"role": "student", "until": "2100-01-01T12:00", "seats": "10"}
GROUP = {"members": ["student"]}
EXTENSION = {"due": "2100-02-01T12:00:00+01:00", "reason": "ill"}
_numbers = itertools.count(1)


class Person:
    """Asks the API as a program with a token does, and for pages as a browser after the login."""

    def __init__(self, program: httpx.Client, browser: httpx.Client) -> None:
        self.program = program
        self._browser = browser
        browser.follow_redirects = False
        home = browser.get("").text
        self._xsrf = home.partition('data-xsrf="')[2].partition('"')[0]

    def request(self, method: str, address: str, **body: Any) -> httpx.Response:
        if address.lstrip("/").removeprefix("services/classroom/").startswith("api/"):
            return self.program.request(method, address, **body)
        if method != "GET":
            body["data"] = {**body.get("data", {}), "_xsrf": self._xsrf}
        return self._browser.request(method, address, **body)

    def get(self, address: str) -> httpx.Response:
        return self.request("GET", address)

    def post(self, address: str, **body: Any) -> httpx.Response:
        return self.request("POST", address, **body)

    def put(self, address: str, **body: Any) -> httpx.Response:
        return self.request("PUT", address, **body)


class World:
    """A course whose assignment ``lenses`` is released, and handed in by student, with feedback.

    What else addresses may name is made when one does: ``announcement``, ``complaint`` (student's,
    open), ``ungraded`` (a hand-in of student's), ``code`` (to join), ``group``, ``extended``
    (student, who has an extension).
    """

    def __init__(self, classroom: Classroom, clients: dict[str, Person]) -> None:
        slug = f"rights-{next(_numbers)}"
        self._store, self._clients, self._slug = classroom.store, clients, slug
        file = classroom.home / "directory.zip"
        file.write_bytes(ARCHIVE)
        blob = self._store.blobs.keep_file(file)
        file.unlink()
        put(self._store, course(slug), directory=blob.sha256)
        enrol(self._store, slug, **PEOPLE)
        put(self._store, course(f"{slug}-b"))
        enrol(self._store, f"{slug}-b", elsewhere="instructor")
        base = f"api/courses/{slug}"
        lenses = f"{base}/assignments/lenses"
        self._done("instructor", "PUT", f"{lenses}/release", content=ARCHIVE)
        receipt = self._done("student", "POST", f"{lenses}/submissions", content=ARCHIVE)
        submission = receipt.json()["id"]
        self._done(
            "instructor",
            "PUT",
            f"{base}/submissions/{submission}/feedback?score=7&max_score=10",
            content=zipped({"lenses.html": b"7 of 10"}),
        )
        self.names = {
            "course": slug,
            "assignment": "lenses",
            "submission": submission,
            "file": "lenses.html",
            "person": "student",
        }

    def address(self, template: str) -> str:
        """An address with this course's things in it."""
        for name in re.findall(r"\{(\w+)\}", template):
            if name not in self.names:
                self.names[name] = getattr(self, f"_{name}")()
        return template.format(**self.names)

    def _ungraded(self) -> str:
        lasers = f"api/courses/{self._slug}/assignments/lasers"
        self._done("instructor", "PUT", f"{lasers}/release", content=ARCHIVE)
        receipt = self._done("student", "POST", f"{lasers}/submissions", content=ARCHIVE)
        return str(receipt.json()["id"])

    def _announcement(self) -> str:
        self._done("instructor", "POST", f"courses/{self._slug}/announcements", data=SAID)
        found = self._done("student", "GET", f"api/courses/{self._slug}/announcements").json()
        return str(found[0]["id"])

    def _complaint(self) -> str:
        submission = f"courses/{self._slug}/submissions/{self.names['submission']}"
        self._done("student", "POST", f"{submission}/complaint", data=TEXT)
        with self._store.reading() as session:
            return str(complaints.of_course(session, self._slug)[0].id)

    def _code(self) -> str:
        self._done("instructor", "POST", f"courses/{self._slug}/people/codes", data=CODE)
        with self._store.reading() as session:
            return str(joining.codes(session, self._slug)[0].id)

    def _group(self) -> str:
        self._done("instructor", "PUT", f"api/courses/{self._slug}/groups/lab", json=GROUP)
        return "lab"

    def _extended(self) -> str:
        address = f"api/courses/{self._slug}/assignments/lenses/extensions/people/student"
        self._done("instructor", "PUT", address, json=EXTENSION)
        return "student"

    def _done(self, role: str, method: str, address: str, **body: Any) -> httpx.Response:
        answer = self._clients[role].request(method, address, **body)
        assert answer.status_code < 400, (method, address, answer.text)
        return answer

"""Students who hand in without a pause, each with what the session's own client does."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from bench.exchange_people import NOTEBOOK, Errand, notebook
from bench.exchange_rush import Pool
from killing.hub_stand_in import token

from courses.course import Assignment, Course, Enrolment, Role
from courses.store import Store
from courses.store.courses import put_course
from courses.store.people import enrol

COURSE = "killed"
TASK = "ps1"
SIZE = 400_000
INSTRUCTOR = "instructor"
_PAUSE = 0.1  # between tries


def prepare(store: Store, students: Iterable[str]) -> None:
    """A course with one assignment and these people."""
    now = datetime.now(UTC)
    course = Course(COURSE, "Killed", "", ("cpu",), "UTC", (Assignment(TASK, TASK),))
    roles = {INSTRUCTOR: Role.INSTRUCTOR, **dict.fromkeys(students, Role.STUDENT)}
    with store.blobs.incoming(0) as nothing:
        directory = nothing.keep().sha256
    with store.writing() as session:
        put_course(session, course, content="c", directory=directory, actor="test", at=now)
        for user, role in roles.items():
            enrol(session, Enrolment(COURSE, user, role), actor="test", at=now)


def client(url: str, user: str) -> httpx.Client:
    """A program that speaks to the classroom as this person."""
    return httpx.Client(
        base_url=f"{url}api/courses/{COURSE}/",
        headers={"Authorization": f"token {token(user)}"},
        timeout=30,
    )


def release(url: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(NOTEBOOK, notebook("release", 50_000))
    with client(url, INSTRUCTOR) as instructor:
        answer = instructor.put(f"assignments/{TASK}/release", content=out.getvalue())
    answer.raise_for_status()


@dataclass
class Student:
    """One student.

    Attributes:
        sent: SHA-256 of every notebook that was sent, whether or not an answer came.
        receipts: the receipts that came, as they are in the student's folder, and the notebook's
            SHA-256 that each was for.
        failures: what was said when a submission did not succeed, and how often.
    """

    name: str
    home: Path
    url: str
    sent: set[str] = field(default_factory=set)
    receipts: dict[Path, str] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    def errand(self, number: int) -> Errand:
        return Errand(
            kind="ExchangeSubmit",
            user=self.name,
            course=COURSE,
            assignment=TASK,
            home=str(self.home),
            seed=f"{self.name} {number}",
            size=SIZE,
            environment={
                "JUPYTERHUB_USER": self.name,
                "LESESAL_CLASSROOM_URL": self.url,
                "LESESAL_COURSE": COURSE,
                "LESESAL_ROLE": "student",
                "LESESAL_SESSION_DIR": str(self.home / "session"),
            },
        )

    def come(self) -> None:
        """Sit down: a home, a token, a folder to hand in."""
        (self.home / TASK).mkdir(parents=True)
        (self.home / "session").mkdir(mode=0o700)
        (self.home / "session" / "token").write_text(token(self.name))

    async def hand_in(self, people: Pool, going: asyncio.Event, closing: asyncio.Event) -> None:
        """Hand in one version after another, each until there is a receipt for it."""
        number = 0
        while await going.wait() and not closing.is_set():
            number += 1
            errand = self.errand(number)
            sha256 = hashlib.sha256(notebook(errand.seed, SIZE)).hexdigest()
            self.sent.add(sha256)
            while (outcome := await people.run(errand)).done.why_not:
                self.failures[outcome.done.why_not] += 1
                await asyncio.sleep(_PAUSE)
            folder = self.home / TASK / ".lesesal" / "receipts"
            new = set(folder.glob("*.json")) - set(self.receipts)
            if len(new) != 1:
                raise AssertionError(f"{self.name} got {len(new)} receipts for one version")
            self.receipts[new.pop()] = sha256


def downloaded(classroom: httpx.Client, submission: str) -> str:
    """SHA-256 of the notebook in a submission, which has no other file."""
    answer = classroom.get(f"submissions/{submission}").raise_for_status()
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        if archive.namelist() != [NOTEBOOK]:
            raise AssertionError(f"{submission} has {archive.namelist()}")
        return hashlib.sha256(archive.read(NOTEBOOK)).hexdigest()


class Inspector:
    """Looks whether all that can be seen is whole, and all promises hold."""

    def __init__(self, url: str, students: list[Student]) -> None:
        self._url = url
        self._students = students
        self._seen: dict[str, dict[str, str]] = {student.name: {} for student in students}
        self._honoured: set[Path] = set()

    def look(self, *, again: bool = False) -> int:
        """Look at what is new since the last time, or at everything; how many receipts were held.

        Raises `AssertionError`.
        """
        if again:
            self._honoured.clear()
            for seen in self._seen.values():
                seen.clear()
        count = 0
        for student in self._students:
            with client(self._url, student.name) as classroom:
                held = dict(student.receipts)
                self._look_at_list(student, classroom)
                for path in held.keys() - self._honoured:
                    self._look_at_receipt(student, classroom, path, held[path])
                    self._honoured.add(path)
            count += len(held)
        return count

    def _look_at_list(self, student: Student, classroom: httpx.Client) -> None:
        listed = classroom.get("assignments").raise_for_status().json()
        [task] = [each for each in listed if each["name"] == TASK]
        seen = self._seen[student.name]
        for submission in task["submissions"]:
            if submission["id"] not in seen:
                seen[submission["id"]] = sha256 = downloaded(classroom, submission["id"])
                if sha256 not in student.sent:
                    raise AssertionError(f"{student.name} never sent what is in {submission}")
        missing = set(seen) - {submission["id"] for submission in task["submissions"]}
        if missing:
            raise AssertionError(f"{student.name}: {missing} could be seen and is gone")
        if twice := [sha for sha, times in Counter(seen.values()).items() if times > 1]:
            raise AssertionError(f"{student.name}: one version is there twice: {twice}")

    def _look_at_receipt(
        self, student: Student, classroom: httpx.Client, path: Path, sha256: str
    ) -> None:
        receipt = json.loads(path.read_text())
        same = classroom.get(f"submissions/{receipt['id']}/receipt").raise_for_status().json()
        if same != receipt:
            raise AssertionError(f"{student.name} holds {receipt}, the classroom has {same}")
        if self._seen[student.name].get(receipt["id"]) != sha256:
            raise AssertionError(f"{student.name}: {receipt['id']} is not what was sent")

"""What a person takes home."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

from classroom_kit import course, enrol, put, zipped

from courses.store import people
from courses.store.audit import now

if TYPE_CHECKING:
    from conftest import Classroom


def test_everything_of_ones_own(classroom: Classroom) -> None:
    for slug in ("home-a", "home-b"):
        put(classroom.store, course(slug))
        enrol(classroom.store, slug, ada="instructor", ben="student", cleo="student")
    files = {"lenses.ipynb": b"one", "data/x.csv": b"1,2"}
    receipts = {}
    with classroom.client("ada") as ada, classroom.client("ben") as ben:
        for slug in ("home-a", "home-b"):
            place = f"api/courses/{slug}/assignments/lenses"
            ada.put(f"{place}/release", content=zipped(files)).raise_for_status()
            answer = ben.post(f"{place}/submissions", content=zipped(files))
            receipts[slug] = answer.json()
        other = zipped({"lenses.ipynb": b"second version"})
        second = ben.post("api/courses/home-a/assignments/lenses/submissions", content=other).json()
        feedback = zipped({"lenses.html": b"<p>7 of 10</p>", "more/b.html": b"b"})
        ada.put(
            f"api/courses/home-a/submissions/{second['id']}/feedback", content=feedback
        ).raise_for_status()
    with classroom.client("cleo") as cleo:
        mine = cleo.post(
            "api/courses/home-a/assignments/lenses/submissions",
            content=zipped({"lenses.ipynb": b"cleo's"}),
        )
        mine.raise_for_status()
    # Also of a course that one is no longer in.
    with classroom.store.writing() as session:
        people.leave(session, "home-b", "ben", actor="ada", at=now())
    with classroom.browser("ben") as ben:
        answer = ben.get("take-home.zip")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="lesesal-ben.zip"'
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    content = {name: archive.read(name) for name in archive.namelist() if "home-" in name}
    assert "not in here" in archive.read("README.txt").decode()
    by_end: dict[str, list[bytes]] = {}
    for name, data in content.items():
        slug, assignment, _when, end = name.split("/", 3)
        by_end.setdefault(f"{slug}/{assignment}/{end}", []).append(data)
    assert sorted(by_end) == [
        "home-a/lenses/feedback/lenses.html",
        "home-a/lenses/feedback/more/b.html",
        "home-a/lenses/receipt.json",
        "home-a/lenses/submitted/data/x.csv",
        "home-a/lenses/submitted/lenses.ipynb",
        "home-b/lenses/receipt.json",
        "home-b/lenses/submitted/data/x.csv",
        "home-b/lenses/submitted/lenses.ipynb",
    ]
    assert by_end["home-a/lenses/submitted/lenses.ipynb"] == [b"one", b"second version"]
    assert [json.loads(each) for each in by_end["home-b/lenses/receipt.json"]] == [
        receipts["home-b"]
    ]


def test_nothing_yet(classroom: Classroom) -> None:
    with classroom.browser("dan") as dan:
        answer = dan.get("take-home.zip")
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == ["README.txt"]

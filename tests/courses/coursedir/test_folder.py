"""A course directory on the hub's side: made, brought up to date without losing a grade, filled."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from classroom_kit import NOW, enrol, zipped
from nbgrader.api import Gradebook

from courses.classroom.desks.handins import HandIns
from courses.course import Caller
from courses.coursedir import collect as collecting
from courses.coursedir.collect import collect, collected
from courses.coursedir.folder import _renames, prepare
from courses.coursedir.scores import due_of, scores
from courses.coursedir.sync import sync
from courses.store import Store, persons, releases, submissions

TOML = """slug = "ps"
title = "Problem sets"
summary = "Small."
offers = ["cpu-small"]
timezone = "UTC"
[[assignments]]
name = "{name}"
title = "Homework"
due = 2096-11-27T23:59:00+01:00
late = "penalty"
penalty_per_day = 0.25
{was}
"""


def cell(name: str, source: str, points: float | None = None, **more: bool) -> Any:
    """A code cell of nbgrader's: a test, unless it says otherwise."""
    made = nbformat.v4.new_code_cell(source)
    made.metadata.nbgrader = {
        "grade_id": name,
        "grade": points is not None,
        "locked": points is not None,
        "solution": False,
        "schema_version": 3,
        "task": False,
        **({} if points is None else {"points": points}),
        **more,
    }
    return made


def write(folder: Path, name: str, *cells: Any, was: str = "") -> None:
    """A course with one assignment of one notebook."""
    shutil.rmtree(folder / "source", ignore_errors=True)
    (folder / "source" / name).mkdir(parents=True)
    nbformat.write(
        nbformat.v4.new_notebook(cells=list(cells)), folder / "source" / name / "nb.ipynb"
    )
    (folder / "course.toml").write_text(TOML.format(name=name, was=f'was = "{was}"' if was else ""))


SOLUTION = cell("answer", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION", solution=True)
ESSAY = cell("essay", "### BEGIN SOLUTION\n1\n### END SOLUTION", 4, solution=True, locked=False)


@contextmanager
def book_of(folder: Path) -> Iterator[Any]:
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as book:
        yield book


def hand_in(store: Store, user: str, name: str, text: str) -> str:
    upload = HandIns(store, 10**6).submit(Caller(user), "ps", name)
    with store.blobs.incoming(10**6) as incoming:
        incoming.write(zipped({"nb.ipynb": text.encode(), "data/in.csv": b"1\n"}))
        return str(json.loads(upload.finish(incoming).receipt)["id"])  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_whole_way(store: Store, tmp_path: Path) -> None:
    """One test, because nbgrader takes seconds."""
    source = tmp_path / "course"
    write(source, "hw", SOLUTION, cell("t1", "assert x", 2), cell("t2", "assert x", 3), ESSAY)
    sync(store, source, actor="ada", release=True)
    folder = prepare(store, "ps")
    assert folder == store.blobs.root.parent / "gradebooks" / "ps"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "source/hw/nb.ipynb").is_file()
    assert scores(folder, "hw") == {}

    enrol(store, "ps", ada="instructor", ben="student", cleo="student")
    first = hand_in(store, "ben", "hw", "first")
    hand_in(store, "cleo", "hw", "cleo's")
    assert collect(store, "ps", "hw") == collecting.Collected(2, ("ben", "cleo"), (), ())
    assert collect(store, "ps", "hw") == collecting.Collected(2, (), (), ())
    there = folder / "submitted/ben/hw"
    assert {path.name for path in there.iterdir()} == {"nb.ipynb", "data", "timestamp.txt"}
    assert (there / "nb.ipynb").read_text() == "first"
    with store.reading() as session:
        at = submissions.find(session, "ps", first).receipt.timestamp
    assert collected(folder, "ben", "hw") == at
    notes = json.loads((folder / ".lesesal/late/hw.json").read_text())
    assert notes["ben"][at.isoformat()] == {
        "due": "2096-11-27T22:59:00.000000+00:00",
        "days": 0,
        "penalty": 0.0,
    }
    assert due_of(folder, "hw") == datetime(2096, 11, 27, 22, 59, tzinfo=UTC)
    hand_in(store, "ben", "hw", "second")
    assert collect(store, "ps", "hw").new == ("ben",)
    assert (there / "nb.ipynb").read_text() == "second"
    HandIns(store, 1).choose(Caller("ben"), "ps", first)
    assert collect(store, "ps", "hw").new == ("ben",)
    assert (there / "nb.ipynb").read_text() == "first"

    with book_of(folder) as book:
        book.add_student("ben")
        book.add_submission("hw", "ben", timestamp=at.isoformat())
        book.find_grade("t1", "nb", "hw", "ben").auto_score = 2
        book.find_grade("t1", "nb", "hw", "ben").needs_manual_grade = False
        book.find_grade("t2", "nb", "hw", "ben").auto_score = 3
        book.find_grade("t2", "nb", "hw", "ben").needs_manual_grade = False
        essay = book.find_grade("essay", "nb", "hw", "ben")
        essay.auto_score, essay.manual_score, essay.extra_credit = 0, 3.5, 0.25
        book.find_comment("essay", "nb", "hw", "ben").manual_comment = "Nearly."
        book.find_submission_notebook("nb", "hw", "ben").late_submission_penalty = 1.5
        book.db.commit()
        as_nbgrader = book.find_submission("hw", "ben")
        score, most = as_nbgrader.score, as_nbgrader.max_score
    found = scores(folder, "hw")["ben"]
    assert (found.score, found.penalty, found.max_score) == (score - 1.5, 1.5, most)
    assert (found.submitted, found.manual) == (at, 1)
    assert [(each.name, each.score) for each in found.tasks] == [
        *(("essay", 3.75), ("t1", 2.0), ("t2", 3.0)),
    ]

    # A test goes, one comes, one gives more points, and the assignment has another name.
    write(
        source,
        "homework",
        *(SOLUTION, cell("t1", "assert x == 1", 5), cell("t3", "assert x", 1), ESSAY),
        was="hw",
    )
    sync(store, source, actor="ada")
    assert prepare(store, "ps") == folder
    assert (folder / "submitted/ben/homework/nb.ipynb").read_text() == "first"
    assert not (folder / "source/hw").exists()
    assert not (folder / "submitted/ben/hw").exists()
    assert "x == 1" in (folder / "source/homework/nb.ipynb").read_text()
    now = scores(folder, "homework")["ben"]
    assert [(each.name, each.score, each.max_score) for each in now.tasks] == [
        *(("essay", 3.75, 4.0), ("t1", 2.0, 5.0), ("t3", 0.0, 1.0)),
    ]
    with book_of(folder) as book:
        assert book.find_comment("essay", "nb", "homework", "ben").comment == "Nearly."
        assert {each.name for each in book.find_notebook("nb", "homework").source_cells} == {
            *("answer", "t1", "t3", "essay"),
        }
        # A submission has what nbgrader gives to one that is new.
        book.add_student("cleo")
        book.add_submission("homework", "cleo")
        ben, cleo = (
            book.find_submission_notebook("nb", "homework", each) for each in ("ben", "cleo")
        )
        for rows in ("grades", "comments"):
            assert {each.name for each in getattr(ben, rows)} == {
                each.name for each in getattr(cleo, rows)
            }
    assert collect(store, "ps", "homework").new == ()

    with store.writing() as session:
        persons.forget(session, "cleo", actor="ada", at=NOW)
    assert collect(store, "ps", "homework").gone == ("cleo",)
    assert not (folder / "submitted/cleo").exists()
    assert set(scores(folder, "homework")) == {"ben"}
    # An open complaint may need it.
    collecting.forget(store, "ben", [("ps", "homework")])
    assert set(scores(folder, "homework")) == {"ben"}
    assert (folder / "submitted/ben/homework").is_dir()
    collecting.forget(store, "ben", [("another", "homework")])
    assert scores(folder, "homework") == {}
    assert not (folder / "submitted/ben").exists()


@pytest.mark.slow
def test_a_new_deadline_reaches_the_gradebook(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "course"
    write(source, "hw", SOLUTION, cell("t1", "assert x", 2))
    sync(store, source, actor="ada")
    folder = prepare(store, "ps")
    with store.writing() as session:
        blob = "0" * 64
        releases.release(session, "ps", "hw", blob, actor="ada", at=NOW)
        earlier = datetime.now(UTC) - timedelta(days=1, hours=1)
        row = collecting.course_rows.find_assignment(session, "ps", "hw")
        row.due = earlier
    enrol(store, "ps", ben="student")
    late = hand_in(store, "ben", "hw", "late")
    collect(store, "ps", "hw")
    assert due_of(folder, "hw") == earlier
    with store.reading() as session:
        at = submissions.find(session, "ps", late).receipt.timestamp
    notes = json.loads((folder / ".lesesal/late/hw.json").read_text())
    assert (notes["ben"][at.isoformat()]["days"], notes["ben"][at.isoformat()]["penalty"]) == (
        *(2, 0.5),
    )
    # Nothing to change: no process is started for it.
    monkeypatch.setattr(collecting.renew, "change", lambda *_: pytest.fail("changed"))
    collect(store, "ps", "hw")


def test_what_is_not_on_the_disk_stops_nobody(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "course"
    write(source, "hw", SOLUTION, cell("t1", "assert x", 2))
    sync(store, source, actor="ada", release=True)
    prepare(store, "ps")
    enrol(store, "ps", ben="student", cleo="student", **{"..": "student"})
    for user in ("ben", "cleo", ".."):
        hand_in(store, user, "hw", user)
    with store.reading() as session:
        (ben,) = submissions.of_course(session, "ps", user="ben")
    store.blobs.path(ben.receipt.files[1].sha256).unlink()
    assert collect(store, "ps", "hw") == collecting.Collected(3, ("cleo",), (), ("..", "ben"))


@pytest.mark.parametrize("names", list(itertools.permutations("abc")))
def test_renames_take_no_name_that_is_in_use(names: tuple[str, ...]) -> None:
    known = {"1": "a", "2": "b", "3": "c"}
    wanted = dict(zip(known, names, strict=True))
    for number, old, new in _renames(known, wanted):
        assert known[number] == old
        assert new not in known.values()
        known[number] = new
    assert known == wanted

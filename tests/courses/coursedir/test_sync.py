"""A folder comes into the classroom, with nbgrader's own example as the assignment."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import nbformat
import nbgrader
import pytest

from courses import archives
from courses.archives import Limits
from courses.coursedir.generate import explain
from courses.coursedir.sync import compare, sync
from courses.errors import GenerateError, Outdated
from courses.store import Store, releases
from courses.store.courses import Source, find_course, source_of

PS1 = Path(nbgrader.__file__).parent / "docs" / "source" / "user_guide" / "source" / "ps1"
TOML = """slug = "ps"
title = "Problem sets"
summary = "nbgrader's own example."
offers = ["cpu-small"]
timezone = "UTC"
[[assignments]]
name = "ps1"
title = "Problem set 1"
due = 2026-11-27T23:59:00+01:00
"""
LIMITS = Limits(10**8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "course"
    shutil.copytree(PS1, folder / "source" / "ps1")
    (folder / "course.toml").write_text(TOML)
    return folder


@pytest.mark.slow
def test_the_whole_way(store: Store, folder: Path, tmp_path: Path) -> None:
    """One test, because nbgrader takes seconds: new, unchanged, new deadline, broken."""
    first = sync(store, folder, actor="ada", release=True)
    assert first.changes == (
        *("course ps is new", "assignment ps1 is new", "assignment ps1 is released"),
    )
    with store.reading() as session:
        released = releases.releases(session, "ps")["ps1"]
        directory = find_course(session, "ps").directory
    assert [each.path for each in archives.inspect(store.blobs.path(released.sha256), LIMITS)] == [
        *("jupyter.png", "problem1.ipynb", "problem2.ipynb"),
    ]
    archives.extract(store.blobs.path(directory), tmp_path / "out", LIMITS)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("gradebook.db", "release", "source"),
    ]
    text = (tmp_path / "out" / "release" / "ps1" / "problem1.ipynb").read_text()
    assert "### BEGIN SOLUTION" not in text
    assert "YOUR CODE HERE" in text
    with sqlite3.connect(tmp_path / "out" / "gradebook.db") as gradebook:
        found = gradebook.execute("SELECT name, duedate FROM assignment").fetchall()
    assert found == [("ps1", "2026-11-27 22:59:00.000000")]

    assert sync(store, folder, actor="ada", release=True).changes == ()

    (folder / "course.toml").write_text(TOML.replace("11-27", "12-04"))
    notes = folder / "source" / "ps1" / "notes.txt"
    notes.write_text("New.")
    (folder / "source" / "ps1" / ".ipynb_checkpoints").mkdir()
    (folder / "source" / "ps1" / ".ipynb_checkpoints" / "old.ipynb").write_text("{}")
    found = compare(store, folder)
    assert found.changes == (
        "assignment ps1 is due on Friday 4 December 2026, 22:59 now",
        "file source/ps1/notes.txt is new",
    )
    notes.write_text("New since.")
    with pytest.raises(Outdated):
        sync(store, folder, actor="ada", expected=found.content)
    found = compare(store, folder)
    done = sync(store, folder, actor="ada", release=True, expected=found.content)
    assert done.changes == (
        "assignment ps1 is due on Friday 4 December 2026, 22:59 now",
        "assignment ps1 is released",
        "file source/ps1/notes.txt is new",
    )
    assert compare(store, folder).changes == ()
    with store.reading() as session:
        assert source_of(session, "ps") == Source(
            found.content, find_course(session, "ps").directory, str(folder)
        )
        released = releases.releases(session, "ps")["ps1"]

    broken = folder / "source" / "ps1" / "problem2.ipynb"
    notebook = nbformat.read(broken, as_version=4)
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata["nbgrader"]["grade_id"] = "same"
    broken.write_text(json.dumps(notebook))
    with pytest.raises(GenerateError) as caught:
        sync(store, folder, actor="ada", release=True)
    assert str(caught.value) == (
        "source/ps1/problem2.ipynb: nbgrader says: Duplicate grade id: same."
    )
    with store.reading() as session:
        assert releases.releases(session, "ps")["ps1"] == released


def test_explain_without_a_reason() -> None:
    assert explain("ps1", "", "") == "source/ps1: nbgrader says: it failed without a reason."

"""The page from which an instructor brings the course's folder in."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from classroom_kit import enrol, zipped

from courses.coursedir.sync import sync
from courses.store.courses import get_course

if TYPE_CHECKING:
    from conftest import Classroom

TOML = """slug = "source"
title = "Optics"
summary = "Light."
offers = ["cpu-small"]
timezone = "Europe/Oslo"
[[assignments]]
name = "lenses"
title = "Lenses"
"""
NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
PAGE = "courses/source/source"


@pytest.fixture(scope="module")
def folder(classroom: Classroom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    (folder / "source" / "lenses").mkdir(parents=True)
    (folder / "source" / "lenses" / "lenses.ipynb").write_text(NOTEBOOK)
    (folder / "course.toml").write_text(TOML)
    sync(classroom.store, folder, actor="test")
    enrol(classroom.store, "source", ada="instructor", ben="student", cleo="assistant")
    return folder


def press(browser: httpx.Client, page: httpx.Response) -> httpx.Response:
    """Press the page's one button."""
    assert page.text.count('<form method="post">') == 1
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
    return browser.post(PAGE, data=fields)


def test_changes_are_shown_first_and_brought_in_as_shown(
    classroom: Classroom, folder: Path
) -> None:
    with classroom.browser("ada") as ada:
        page = press(ada, ada.get(PAGE))
        assert "Nothing has changed in the folder." in page.text
        (folder / "course.toml").write_text(TOML + "due = 2026-11-27T23:59:00+01:00\n")
        page = press(ada, page)
        due = "assignment lenses is due on Friday 27 November 2026, 23:59 now"
        assert f"<li>{due}</li>" in page.text
        (folder / "source" / "lenses" / "notes.txt").write_text("New since.")
        late = press(ada, page)
        assert late.status_code == 409
        assert "The folder has changed since you looked." in late.text
        page = press(ada, ada.get(PAGE))
        assert "<li>file source/lenses/notes.txt is new</li>" in page.text
        done = press(ada, page)
        assert "The course is up to date" in done.text
    with classroom.store.reading() as session:
        assert get_course(session, "source").assignments[0].due is not None


def test_problems_are_listed_and_change_nothing(classroom: Classroom, folder: Path) -> None:
    good = (folder / "course.toml").read_text()
    (folder / "course.toml").write_text(good.replace('"Optics"', "3"))
    with classroom.browser("ada") as ada:
        page = press(ada, ada.get(PAGE))
    (folder / "course.toml").write_text(good)
    assert page.status_code == 409
    assert "<li>course.toml line 2, title: must be text in quotes.</li>" in page.text


def test_a_folder_that_is_gone_or_anothers_is_told(classroom: Classroom, folder: Path) -> None:
    with classroom.browser("ada") as ada:
        page = ada.get(PAGE)
        (folder / "course.toml").write_text(TOML.replace('"source"', '"other"'))
        assert "The folder has another course now, other." in press(ada, page).text
        shutil.move(folder, folder.with_name("gone"))
        try:
            told = press(ada, page)
        finally:
            shutil.move(folder.with_name("gone"), folder)
            (folder / "course.toml").write_text(TOML)
    assert told.status_code == 409
    assert "is not a folder." in told.text


@pytest.mark.parametrize("user", ["ben", "cleo", "dan"])
def test_only_instructors(classroom: Classroom, folder: Path, user: str) -> None:
    with classroom.browser(user) as browser:
        assert browser.get(PAGE).status_code == 403
        xsrf = browser.cookies.get("_xsrf", path="/services/classroom/")
        assert browser.post(PAGE, data={"_xsrf": xsrf}).status_code == 403


@pytest.mark.slow
def test_work_on_an_assignment_that_left_stays_in_sight(classroom: Classroom, folder: Path) -> None:
    gone = {"name": "gone", "title": "Gone"}
    more = TOML + "".join(["[[assignments]]\n", *(f'{k} = "{v}"\n' for k, v in gone.items())])
    shutil.copytree(folder / "source" / "lenses", folder / "source" / "gone")
    (folder / "course.toml").write_text(more)
    sync(classroom.store, folder, actor="test", release=True)
    with classroom.client("ben") as ben:
        archive = zipped({"gone.ipynb": NOTEBOOK.encode()})
        receipt = ben.post("api/courses/source/assignments/gone/submissions", content=archive)
        (folder / "course.toml").write_text(TOML)
        sync(classroom.store, folder, actor="test")
        found = ben.get("api/courses/source/assignments").json()
    [left] = [each for each in found if each["name"] == "gone"]
    assert left["released"] is None
    assert [each["id"] for each in left["submissions"]] == [receipt.json()["id"]]
    with classroom.browser("ben") as browser:
        page = browser.get("courses/source").text
    assert "Taken back" in page
    assert receipt.json()["id"] in page

"""The command, as an operator meets it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from classroom_kit import course, put

from courses.course import Role
from courses.machine import serve
from courses.store import Store, access

COURSE = """slug = "optics"
title = "Optics"
summary = "Light."
offers = ["cpu-small"]
timezone = "Europe/Oslo"
[[assignments]]
name = "lenses"
title = "Lenses"
due = 2026-11-27T23:59:00+01:00
late = "refuse"
"""
NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def lesesal(*argv: object, code: int = 0) -> str:
    """What it says; the streams are one, so that nothing goes unseen."""
    done = subprocess.run(
        [sys.executable, "-m", "courses.cli", *map(str, argv)],
        env={name: value for name, value in os.environ.items() if name != "LESESAL_HOME"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "course"
    (folder / "source" / "lenses").mkdir(parents=True)
    (folder / "source" / "lenses" / "lenses.ipynb").write_text(NOTEBOOK)
    (folder / "course.toml").write_text(COURSE)
    return folder


def test_version() -> None:
    assert lesesal("--version") == "lesesal 0.1.0\n"


def test_check(folder: Path) -> None:
    assert lesesal("course", "check", folder) == (
        "optics: Optics\n"
        "  offers: cpu-small\n"
        "  lenses: Lenses; due Friday 27 November 2026, 23:59, late work refused; up to 20 MB\n"
    )


def test_check_of_a_wrong_course(folder: Path) -> None:
    text = COURSE.replace('slug = "optics"', "slug = 3").replace('"refuse"', '"no"')
    (folder / "course.toml").write_text(text)
    assert lesesal("course", "check", folder, code=1) == (
        "course.toml line 1, slug: must be text in quotes.\n"
        "course.toml line 10, assignments[0].late: "
        "must be one of 'accept', 'refuse' or 'penalty'.\n"
    )


def test_sync_and_enrol(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert lesesal("course", "sync", folder, "--home", home, "--release", "--yes") == (
        "course optics is new\nassignment lenses is new\nassignment lenses is released\n"
        "optics is up to date\n"
    )
    again = lesesal("course", "sync", folder, "--home", home, "--yes")
    assert again == "optics: nothing changed\n"
    (folder / "course.toml").write_text(COURSE.replace("Lenses", "Thin lenses"))
    sync = ["course", "sync", folder, "--home", home]
    assert lesesal(*sync, "--dry-run") == "assignment lenses changes\n"
    assert lesesal(*sync, code=1) == (
        "assignment lenses changes\n"
        "Nobody is there to be asked. Add --yes, or --dry-run to only look.\n"
    )
    enrol = ["enrol", "optics", "kari", "--home", home, "--role"]
    assert lesesal(*enrol, "student") == "kari is now student in optics\n"
    assert lesesal(*enrol, "student") == "kari is student in optics\n"
    assert lesesal(*enrol, "instructor") == "kari is now instructor in optics\n"
    store = Store.of_home(home)
    with store.reading() as session:
        assert access.role_of(session, "optics", "kari") is Role.INSTRUCTOR
    store.close()


def test_enrol_in_no_course(tmp_path: Path, store: Store) -> None:
    put(store, course())
    enrol = ["enrol", "--home", tmp_path, "--role", "student"]
    assert lesesal(*enrol, "nope", "kari", code=1) == (
        "There is no course 'nope'. Look at the list of your courses.\n"
    )
    assert lesesal(*enrol, "optics", "a b", code=1) == (
        "'a b' cannot be a user's name: write it as the hub does, "
        "1 to 255 characters without spaces or '/'.\n"
    )
    nowhere = tmp_path / "nowhere"
    missing = ["enrol", "--home", nowhere, "--role", "student", "optics", "kari"]
    assert lesesal(*missing, code=1) == (
        f"There is no classroom in {nowhere}. Give its folder with --home.\n"
    )


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "classroom.sqlite").write_text("not a database" * 100)
    enrol = ["enrol", "--home", tmp_path, "--role", "student", "optics", "kari"]
    assert lesesal(*enrol, code=1) == (
        "The classroom's database cannot be used: file is not a database.\n"
    )


def test_run_with_a_taken_port(tmp_path: Path) -> None:
    if not (serve.DEMO / "course.toml").exists():
        pytest.skip("The demo course is not in this checkout.")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = lesesal("run", "--port", port, "--home", tmp_path / "home", code=1)
    assert said.startswith(f"Port {port}, for the classroom's address, is taken")
    assert not (tmp_path / "home").exists()

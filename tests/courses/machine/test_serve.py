"""The embedded classroom, up to the moment when it becomes the hub."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from courses.course import Course, Role
from courses.coursedir import sync
from courses.errors import SetupError
from courses.machine import serve
from courses.machine.ports import Ports
from courses.store import Store, access, joining, releases

TOML = """slug = "demo"
title = "Demo"
summary = "A demo."
offers = ["cpu-small"]
timezone = "UTC"
[[assignments]]
name = "one"
title = "One"
"""
NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def copied(course: Course, source: Path, target: Path) -> None:
    """In the place of nbgrader, which takes seconds and has its own test."""
    shutil.copytree(source / "source", target / "release")


def again(*_: object) -> NoReturn:
    raise AssertionError("It is made anew.")


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, constant in (("demo", "DEMO"), ("shop", "WORKSHOP")):
        folder = tmp_path / "content" / name
        (folder / "source" / "one").mkdir(parents=True)
        (folder / "source" / "one" / "one.ipynb").write_text(NOTEBOOK)
        (folder / "course.toml").write_text(TOML.replace('"demo"', f'"{name}"'))
        monkeypatch.setattr(serve, constant, folder)
    monkeypatch.setattr(sync, "generate", copied)
    monkeypatch.setattr(Ports, "check", lambda self: None)


@pytest.mark.usefixtures("demo")
def test_first_and_second_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, said = tmp_path / "home", list[str]()
    first = serve.prepare(home, 8000, serve.HUB_CONFIG, said.append)
    assert sorted(said) == [
        f"Preparing the demo course {name} (nbgrader makes the student version) ..."
        for name in ("demo", "shop")
    ]
    assert first.address == "http://127.0.0.1:8000"
    assert first.changes == (
        *("course demo is new", "assignment one is new", "assignment one is released"),
        *("course shop is new", "assignment one is new", "assignment one is released"),
    )
    # What takes nbgrader's seconds is not done again.
    monkeypatch.setattr(sync, "generate", again)
    second = serve.prepare(home, 8000, serve.HUB_CONFIG, said.append)
    assert second == replace(first, changes=())
    assert len(said) == 2
    store = Store.of_home(home)
    with store.reading() as session:
        roles = {
            (name, course): access.role_of(session, course, name)
            for name in ("instructor", "student3")
            for course in ("demo", "shop")
        }
    store.close()
    assert roles == {
        ("instructor", "demo"): Role.INSTRUCTOR,
        ("instructor", "shop"): Role.INSTRUCTOR,
        ("student3", "demo"): Role.STUDENT,
        ("student3", "shop"): None,
    }


@pytest.mark.usefixtures("demo")
def test_the_link_to_the_workshop_is_the_instructors_afterwards(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = serve.prepare(home, 8000, serve.HUB_CONFIG, str)
    store = Store.of_home(home)
    with store.reading() as session:
        [code] = joining.codes(session, "shop")
    assert first.workshop == "Demo"
    assert first.join == f"http://127.0.0.1:8000/hub/join/{code.code}"
    assert (code.wish.role, code.wish.seats) == (Role.STUDENT, 30)
    assert code.wish.guests_until == code.wish.until
    with store.writing() as session:
        joining.close(session, "shop", code.id, actor="instructor", at=serve.now())
    assert serve.prepare(home, 8000, serve.HUB_CONFIG, str).join == ""
    with store.reading() as session:
        assert len(joining.codes(session, "shop")) == 1
    store.close()


@pytest.mark.usefixtures("demo")
def test_without_the_hubs_configuration(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        serve.prepare(tmp_path / "home", 8000, tmp_path / "none.py", str)
    assert str(caught.value) == (
        f"There is no {tmp_path}/none.py. Run this in a checkout of Lesesal, or name the hub's "
        "configuration with --config."
    )
    assert not (tmp_path / "home").exists()


@pytest.mark.usefixtures("demo")
def test_a_withdrawn_release_stays_withdrawn(tmp_path: Path) -> None:
    """The demo is released when it is new; afterwards that is the instructor's."""
    home = tmp_path / "home"
    serve.prepare(home, 8000, serve.HUB_CONFIG, str)
    store = Store.of_home(home)
    with store.writing() as session:
        releases.withdraw(session, "demo", "one", actor="instructor", at=serve.now())
    serve.prepare(home, 8000, serve.HUB_CONFIG, str)
    with store.reading() as session:
        assert releases.releases(session, "demo") == {}
    store.close()


def test_becoming_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def execve(program: str, argv: list[str], environment: dict[str, str]) -> NoReturn:
        seen.extend([program, argv, environment])
        raise SystemExit

    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        serve.become_hub(tmp_path, 8100, serve.HUB_CONFIG)
    program, argv, environment = seen
    assert program == sys.executable
    assert argv == [sys.executable, "-m", "jupyterhub", "-f", str(serve.HUB_CONFIG)]
    assert isinstance(environment, dict)
    wanted = {
        "LESESAL_HOME": str(tmp_path),
        "PORT": "8100",
    }
    assert {name: environment[name] for name in wanted} == wanted

"""The desk in plain Python: a real classroom, nbgrader's own classes, a real kernel."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from pathlib import Path

import nbformat
import pytest
from extensions.widgets.desk_kit import DUE, World

pytestmark = pytest.mark.timeout(300)


def answer(home: Path, source: str) -> None:
    """Write an answer into the notebook that was fetched."""
    path = home / "optics" / "lenses" / "nb.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source = source
    nbformat.write(notebook, path)


def test_from_fetching_to_feedback(world: World, tmp_path: Path) -> None:
    home = tmp_path / "home"
    said = world.python(
        home,
        "d = desk()\n"
        "[one] = d.assignments\n"
        "said = [one.state, one.due, one.fetched, str(d.fetch('lenses'))]\n"
        "[one] = d.assignments\n"
        "said += [one.state, [path.name for path in one.notebooks]]\n"
        "(one.folder / 'notes.txt').touch()\n"
        "one.notebooks[0].rename(one.folder / 'mine.txt')\n"
        "d.fetch('lenses')\n"
        "said += [sorted(path.name for path in one.folder.glob('[!.]*'))]",
    )
    folder = home / "optics" / "lenses"
    assert said.pop() == ["mine.txt", "nb.ipynb", "notes.txt"]
    assert said == ["released", str(DUE), False, str(folder), "fetched", ["nb.ipynb"]]

    def validated() -> object:
        return world.python(
            home,
            "steps = []\n"
            "[one] = desk().validate('lenses', steps.append)\n"
            "said = [one.passed, [vars(each) for each in one.failed], steps]",
        )

    passed, failed, steps = validated()
    assert not passed
    assert failed == [
        {"source": "assert focus == 2", "error": "NameError: name 'focus' is not defined"}
    ] or failed[0]["error"].startswith("NotImplementedError")
    assert steps == [{"notebook": "nb", "cell": each, "cells": 2} for each in (1, 2)]
    # What the kernel says is for who asked alone.
    keys = "from ipykernel.connect import get_connection_info\nget_connection_info(unpack=True)"
    answer(home, f"{keys}['curve_publickey']\nfocus = 2")
    assert validated()[:2] == [True, []]

    said = world.python(
        home,
        "given = [desk().submit('lenses') for _ in range(2)]\n"
        "[one] = desk().assignments\n"
        "said = [[vars(each) for each in given], one.state, one.on_time, one.versions]",
    )
    [first, second], state, on_time, versions = said
    assert (state, on_time, versions) == ("submitted", True, 1)
    assert first == {**second, "again": False}
    assert second["again"]
    [kept] = (folder / ".lesesal" / "receipts").glob("*.json")
    receipt = json.loads(kept.read_text())
    assert (first["id"], first["content"]) == (receipt["id"], receipt["content"])

    world.give_feedback()
    said = world.python(
        home,
        "[one] = desk().assignments\n"
        "said = [one.state, one.feedback.score, one.feedback.fetched]\n"
        "said += [path.read_text() for path in desk().feedback('lenses')]\n"
        "said += [desk().assignments[0].feedback.fetched]",
    )
    assert said == ["feedback", 1.5, False, "<p>Well done</p>", True]


def test_the_session_and_more_time(world: World, tmp_path: Path) -> None:
    ends = time.time() + 3_600
    world.hub.told = {"ends": ends, "more": {"hours": 1, "how": "extend"}, "news": ""}
    world.hub.more = 200, {"ends": ends + 3_600, "more": None, "news": "It ends later."}
    said = world.python(
        tmp_path / "home",
        "d = desk()\n"
        "said = [d.session.given.offer, d.session.left.total_seconds() // 60,"
        " vars(d.session.more), str(d)]\n"
        "more = d.extend()\n"
        "said += [more.left.total_seconds() // 60, more.more, more.news]",
    )
    text = said.pop(3)
    assert said == ["A place", 59, {"hours": 1, "follows": False}, 119, None, "It ends later."]
    assert text.splitlines()[0] == "The course Optics"
    assert text.splitlines()[2].split() == ["assignment", "deadline", "state"]
    assert text.splitlines()[-1].split() == ["Time", "left", "59", "min"]
    world.hub.more = 409, {"message": "The machine is booked from 15:00 on."}
    said = world.python(
        tmp_path / "home",
        "try:\n    desk().extend()\nexcept DeskError as error:\n    said = str(error)",
    )
    assert said == "The machine is booked from 15:00 on."


def test_assignments_lie_where_nbgrader_is_told(world: World, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "work").mkdir(parents=True)
    config = home / "nbgrader_config.py"
    config.write_text("c.Exchange.assignment_dir = 'work'\n")
    (home / "work" / "nbgrader_config.py").write_text("c.Exchange.path_includes_course = False\n")
    said = world.python(
        home,
        "said = [str(desk().fetch('lenses'))]\n"
        "said += [[path.name for path in one.notebooks] for one in desk().assignments]",
        "student5",
    )
    assert said == [str(home / "work" / "lenses"), ["nb.ipynb"]]
    assert (home / "work" / "lenses" / "nb.ipynb").exists()
    config.write_text("c.Exchange.assignment_dir = work\n")
    text = world.python(home, "said = str(desk())", "student5")
    assert f"{config} has an error: name 'work' is not defined" in text


@pytest.mark.slow
def test_after_the_deadline(world: World, tmp_path: Path) -> None:
    home = tmp_path / "home"
    world.python(home, "said = str(desk().fetch('lenses'))", "student4")
    submit = (
        "try:\n    said = [vars(desk().submit('lenses'))]\n"
        "except DeskError as error:\n    said = [str(error)]\n"
        "said += [desk().assignments[0].state, str(desk())]"
    )
    try:
        world.set_deadline(DUE - timedelta(days=4), "refuse")
        refused, state, _ = world.python(home, submit, "student4")
        assert "does not take late work" in refused
        assert state == "fetched"
        world.set_deadline(DUE - timedelta(days=4), "accept")
        receipt, state, text = world.python(home, submit, "student4")
        assert (receipt["on_time"], state) == (False, "submitted")
        assert re.search(r"lenses .* CES?T  handed in .* CES?T, after the deadline", text)
    finally:
        world.set_deadline(DUE)


ENDLESS = """
import pathlib, psutil, threading

d = desk()
[path] = d.fetch("lenses").glob("*.ipynb")
notebook = json.loads(path.read_text())
notebook["cells"][0]["source"] = "while True: pass"
path.write_text(json.dumps(notebook))
started = []

def step(at):
    started.extend(psutil.Process().children(recursive=True))
    d.stop()

try:
    d.validate("lenses", step)
except DeskError as error:
    _, left = psutil.wait_procs(started, 60)
    said = [str(error), len(started), [each.pid for each in left if each.status() != "zombie"]]
said += [one.name for one in d.assignments]
"""


def test_a_validation_that_does_not_end_can_be_stopped(world: World, tmp_path: Path) -> None:
    # What runs and its kernel; nothing of it is left.
    assert world.python(tmp_path / "home", ENDLESS, "student2") == [
        "Stopped. Your files are as they were.",
        2,
        [],
        "lenses",
    ]


REFUSALS = """
said = []
for do, name in ((d.fetch, "lense"), (d.validate, "lenses"), (d.submit, "lenses")):
    try:
        do(name)
    except DeskError as error:
        said.append(str(error))
"""


def test_what_can_not_be_done_is_a_sentence(world: World, tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = home / "optics" / "lenses"
    assert world.python(home, f"d = desk(){REFUSALS}", "student3") == [
        "optics has no released assignment named 'lense'. Did you mean lenses?",
        f"There is no notebook in {folder}.",
        f"There is no folder {folder} to submit.",
    ]


def test_a_silent_classroom_and_a_silent_hub(world: World, tmp_path: Path) -> None:
    said = world.python(
        tmp_path / "home",
        "said = [str(desk())]\n"
        "try:\n    desk().fetch('lenses')\nexcept DeskError as error:\n    said += [str(error)]\n"
        "try:\n    desk().extend()\nexcept DeskError as error:\n    said += [str(error)]",
        LESESAL_CLASSROOM_URL="http://127.0.0.1:9/services/classroom/",
        JUPYTERHUB_API_URL="http://127.0.0.1:9/hub/api",
    )
    text, fetch, extend = said
    assert "The classroom can't be reached" in text
    assert "A place" in text
    assert fetch.startswith("The classroom can't be reached")
    assert extend == "The hub does not answer. Try again in a minute."


@pytest.mark.parametrize("changes", [{"LESESAL_COURSE": ""}, {"LESESAL_BATCH_RUN": "run-1"}])
def test_elsewhere_it_says_what_it_is_for(
    world: World, tmp_path: Path, changes: dict[str, str]
) -> None:
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance(colors='nocolor')\n"
        "shell.run_cell('from lesesal_notebook import desk; desk().assignments')\n"
        "said = [str(desk()), desk()._repr_mimebundle_()]"
    )
    text, shown = world.python(tmp_path / "home", code, **changes)
    assert text.startswith("desk() shows a course's assignments")
    assert shown == {"text/plain": text}


def test_importing_it_costs_little(world: World, tmp_path: Path) -> None:
    said = world.python(
        tmp_path / "home",
        "import sys\nstr(desk())\n"
        "said = [name for name in ('nbgrader', 'nbconvert', 'sqlalchemy', 'jupyter_server',"
        " 'ipywidgets') if name in sys.modules]",
    )
    assert said == []

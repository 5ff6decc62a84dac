import os
import subprocess
import sys

import pytest
from extensions.exchange.sessions import ROOT, names

from lesesal_notebook.exchange.errors import RefusedError, UnreachableError
from lesesal_notebook.exchange.prepare import course_directory, prepare_course_directory


def test_an_instructor_gets_the_course_directory_once(room):
    grace = room.session("grace")
    folder = grace.home / "courses" / room.course
    assert course_directory(grace.environment) == folder
    assert prepare_course_directory(grace.environment) == folder
    assert names(folder) == ["gradebook.db", "source"]
    (folder / "source" / "ps1" / "problem1.ipynb").write_text("changed")
    assert prepare_course_directory(grace.environment) is None
    assert (folder / "source" / "ps1" / "problem1.ipynb").read_text() == "changed"


def test_a_student_gets_none_and_could_not(room):
    hacker = room.session("hacker")
    assert prepare_course_directory(hacker.environment) is None
    with pytest.raises(RefusedError, match="Only the people who teach"):
        prepare_course_directory({**hacker.environment, "LESESAL_ROLE": "instructor"})
    assert names(hacker.home) == []


def test_no_classroom_leaves_nothing(room):
    grace = room.session("grace")
    nowhere = {**grace.environment, "LESESAL_CLASSROOM_URL": "http://127.0.0.1:9/"}
    with pytest.raises(UnreachableError):
        prepare_course_directory(nowhere)
    assert names(grace.home) == []


def test_importing_it_costs_nothing():
    code = (
        "import sys, lesesal_notebook.exchange.prepare;"
        "print(sorted({'nbgrader', 'requests', 'traitlets', 'zipfile'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "extensions")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"

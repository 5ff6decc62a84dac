"""What grading is started with, and what it is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXTENSIONS = Path(__file__).parents[3] / "extensions"
SPARED = ("rfc3987_syntax", "lark", "jupyter_server", "requests", "setuptools", "bs4", "mistune")
ENGINE = """
import sys
from courses.grading import imports
with imports.spared():
    from courses.grading import engine
"""
WORKER = """
import sys
from lesesal_notebook.execution.__main__ import spared
assert "zmq" not in sys.modules and "nbformat" not in sys.modules
with spared():
    import lesesal_notebook.execution.worker
"""


def lines(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PYTHONPATH": f"{EXTENSIONS}:{Path.cwd()}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_what_nobody_needs_is_not_imported() -> None:
    for code in (ENGINE, WORKER):
        assert lines(f"{code}\nprint([each for each in {SPARED} if each in sys.modules])") == ["[]"]


def test_before_there_is_a_run_no_command_waits_for_the_database() -> None:
    assert lines("import sys, courses.cli; print('sqlalchemy' in sys.modules)") == ["False"]


def test_who_imports_it_later_gets_it() -> None:
    later = """
import importlib, nbformat, nbconvert, nbgrader.utils
from courses.grading.imports import STAND_INS
for name in STAND_INS:
    assert importlib.import_module(name).__file__, name
page, _ = nbconvert.HTMLExporter().from_notebook_node(
    nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One *word* $x^2$")])
)
print("<em>word</em>" in page)
"""
    assert lines(ENGINE + later) == ["True"]

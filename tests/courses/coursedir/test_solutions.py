"""``lesesal course check --run``: an author's solutions, run by their own tests, for real."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from grading_kit import author, cell
from typer.testing import CliRunner

from courses.cli import app
from courses.grading.command import interpreter


@pytest.mark.slow
def test_tests_that_fail_differ_or_are_slow(tmp_path: Path) -> None:
    folder = tmp_path / "course"
    author(folder, "checked", "assert focus == 2")
    place = folder / "source" / "lenses" / "nb.ipynb"
    notebook = nbformat.read(place, as_version=4)
    notebook.cells += [
        cell("code", "import os\nassert os.urandom(1)[0] < 128", "chance", 1),
        cell("code", "import time\ntime.sleep(3.5)\nassert focus", "slow", 1),
        cell("code", "assert focus == 3", "wrong", 1),
    ]
    nbformat.write(notebook, place)
    toml = folder / "course.toml"
    toml.write_text(toml.read_text() + "[grading]\ncell_seconds = 12\n")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    words = ["course", "check", str(folder)]
    assert "lenses, " not in CliRunner().invoke(app, words, catch_exceptions=False).stdout
    # That chance says the same four times is one case in eight; then it is tried once more.
    for _ in range(6):
        run = [*words, "--run", "4", "--python", os.path.relpath(interpreter())]
        said = CliRunner().invoke(app, run, catch_exceptions=False).stdout
        if "chance: 1 submission got" in said:
            break
    warnings = [line for line in said.splitlines() if line.startswith("warning: lenses, ")]
    found = [line.removeprefix("warning: lenses, ") for line in warnings]
    assert [line for line in found if not line.startswith("chance: the solution")] == [
        "wrong: the solution gets 0 of 1 points.",
        "chance: 1 submission got other points on it when it was run again. It depends on chance, "
        "time, or what else runs.",
        next(line for line in found if line.startswith("slow: slow. It took ")),
    ]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

"""Datasets where work is graded: in their place, read-only, and not copied."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import engine_kit as kit
import pytest

ANSWER = f"""
import os
from lesesal_notebook.datasets import dataset
place = os.path.expanduser("~/datasets/optics/letters")
assert str(dataset("letters")) == place
assert os.stat(place + "/a.txt").st_ino == {{inode}}, "it was copied"
try:
    open(place + "/a.txt", "w")
except OSError:
    {kit.SQUARES.replace(chr(10), chr(10) + "    ")}
"""


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    folder = tmp_path / "cluster" / "letters"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("one")
    return folder


def lesesal(directory: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], list[float]]:
    report = directory / "report.json"
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("lesesal")), "grade", str(directory), kit.NAME),
            *("--json", str(report), *options),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if not report.exists():
        return done, []
    return done, [each["score"] for each in json.loads(report.read_text())["submissions"]]


def test_notebooks_read_them_and_cannot_write(made: Path, letters: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(made, tmp_path / "course"))
    inode = (letters / "a.txt").stat().st_ino
    kit.hand_in(directory, "student1", answer=ANSWER.format(inode=inode))
    without, scores = lesesal(directory)
    assert scores == [0.0], without.stderr
    done, scores = lesesal(directory, "--force", "--dataset", f"optics/letters={letters}")
    assert (done.returncode, scores) == (0, [3.0]), done.stdout + done.stderr
    assert (letters / "a.txt").read_text() == "one"


def test_one_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    for given, says in (
        (f"optics/letters={tmp_path}/gone", f"The dataset {tmp_path}/gone is not on this machine."),
        ("optics/letters", "--dataset optics/letters names no path. Write it as COURSE/NAME=PATH."),
        (f"../letters={tmp_path}", "../letters can be no place below ~/datasets."),
    ):
        done, _ = lesesal(tmp_path, "--dataset", given)
        assert (done.returncode, done.stderr) == (1, f"{says}\n")

"""Batch runs with a real hub on its embedded cluster, from sessions that come and go."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import nbformat
import pytest
from classrooms import Classroom, running_classroom
from deployed import CHECKOUT
from test_embedded import log_in, start_session

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
COURSE = "ai-foundations"
TRAINING = """
import time
from lesesal_notebook import batch, progress
folder = batch.checkpoint()
begin = int((folder / "step").read_text()) if checkpoint else 0
run = progress(range(begin, steps), name="training")
for step in run:
    run.report(loss=rate / (step + 1))
    (folder / "step").write_text(str(step + 1))
    if batch.ending():
        break
    time.sleep(pause)
batch.record(began=begin, steps=step + 1, loss=rate + seed / 100)
"""
PARAMETERS = 'rate = 0.5\nseed = 0\nsteps = 3\npause = 0.0\ncheckpoint = ""'


@dataclass
class Sitter:
    """Somebody in a session of the course."""

    classroom: Classroom
    client: httpx.Client

    @property
    def home(self) -> Path:
        return self.classroom.home / "sessions" / "homes" / "student1"

    def begin(self) -> None:
        """Start the session."""
        self.environment = start_session(self.classroom, self.client, "student1").environ()

    def leave(self) -> None:
        """Stop the session."""
        xsrf = self.client.cookies.get("_xsrf", path="/hub/") or ""
        path = f"/hub/api/users/student1/servers/{COURSE}"
        self.client.delete(path, params={"_xsrf": xsrf}).raise_for_status()
        files = Path(self.environment["LESESAL_SESSION_DIR"])
        deadline = time.monotonic() + 60
        while files.exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def command(self, *arguments: str) -> str:
        """What ``lesesal-batch`` prints in a terminal of the session."""
        folder = self.environment["LESESAL_SESSION_DIR"]
        variables = json.loads(Path(folder, "session.json").read_text())
        done = subprocess.run(
            [CHECKOUT / ".venv" / "session" / "bin" / "lesesal-batch", *arguments],
            cwd=self.home,
            env={**variables, "PATH": os.defpath, "HOME": self.home, "LESESAL_SESSION_DIR": folder},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout + done.stderr

    def until(self, run: str, words: str, seconds: float = 240) -> str:
        """What it shows of a run, once these words are in it."""
        deadline = time.monotonic() + seconds
        while words not in (shown := self.command("show", run)):
            assert time.monotonic() < deadline, shown
            time.sleep(1)
        return shown

    def results(self, run: str) -> list[dict[str, str]]:
        """The table of results."""
        return list(csv.DictReader(self.command("results", run, "--csv").splitlines()))


@pytest.fixture(scope="module")
def sitter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sitter]:
    with (
        running_classroom(tmp_path_factory.mktemp("classroom") / "state") as classroom,
        log_in(classroom, "student1") as client,
    ):
        found = Sitter(classroom, client)
        found.begin()
        book = nbformat.v4.new_notebook()
        cells = [
            nbformat.v4.new_code_cell(textwrap.dedent(text)) for text in (PARAMETERS, TRAINING)
        ]
        cells[0].metadata["tags"] = ["parameters"]
        book.cells = cells
        nbformat.write(book, found.home / "train.ipynb")
        yield found


def test_a_sweep_outlives_its_session_and_is_collected_in_the_next(sitter: Sitter) -> None:
    run = sitter.command(
        *("run", "train.ipynb", "-p", "pause", "1", "--grid", "rate=0.1,0.2", "--grid", "seed=1,2")
    ).strip()
    sitter.until(run, "running")
    sitter.leave()
    sitter.begin()
    shown = sitter.until(run, f"{run}: done")
    assert "4 of 4 are done." in shown
    assert [(row["rate"], row["seed"], row["state"]) for row in sitter.results(run)] == [
        ("0.1", "1", "done"),
        ("0.1", "2", "done"),
        ("0.2", "1", "done"),
        ("0.2", "2", "done"),
    ]
    assert not list((sitter.home / "batch" / run).rglob("*oken*"))


def test_its_time_is_over_and_it_goes_on_from_its_checkpoint(sitter: Sitter) -> None:
    # It is told two minutes before its end: a few seconds after its start.
    run = sitter.command(
        *("run", "train.ipynb", "-p", "steps", "600", "-p", "pause", "0.2", "--hours", "0.036")
    ).strip()
    sitter.until(run, f"{run}: out of time")
    [row] = sitter.results(run)
    assert 0 < int(row["steps"]) < 600
    new = sitter.command("resume", run).strip()
    # In its training: before, there may be no result yet.
    sitter.until(new, "training")
    assert f"{new} is being ended.\n" == sitter.command("cancel", new)
    sitter.until(new, f"{new}: cancelled")
    parameters = (sitter.home / "batch" / new / "tasks" / "1" / "result.ipynb").read_text()
    assert f'checkpoint = \\"{sitter.home}/batch/{new}/tasks/1/checkpoint' in parameters
    assert new in sitter.command("list")


def test_a_refusal_is_the_hubs_sentence(sitter: Sitter) -> None:
    before = list((sitter.home / "batch").iterdir())
    told = sitter.command("run", "train.ipynb", "--offer", "nothing")
    assert told.startswith("Error: "), told
    assert "Traceback" not in told
    assert list((sitter.home / "batch").iterdir()) == before

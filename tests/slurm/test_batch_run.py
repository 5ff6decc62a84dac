"""Batch runs of notebooks on a real Slurm, as a person starts them in a terminal of the session."""

from __future__ import annotations

import csv
import json
import os
import pwd
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from hubs import Hub, running_hub, until
from slurm_site import SlurmSite

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(600)]

CONFIG = """
from spawners.hub import ClusterSpawner
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "batch-run"
c.ClusterSpawner.clusters = {{"one": {{"type": "slurm", "conf": "{conf}"}}}}
c.ClusterSpawner.offers = {{
    "cpu": {{"title": "Two cores", "cluster": "one", "partition": "cpu", "cpus": 2, "hours": 1}},
}}
c.ClusterSpawner.cmd = ["{python}", "-P", "-m", "lesesal_notebook.session"]
c.ClusterSpawner.batch_tasks_at_once = 2
c.JupyterHub.cleanup_servers = False
"""
PARAMETERS = 'rate = 0.5\nsteps = 3\ncheckpoint = ""'
TRAINING = """
import os, time
from lesesal_notebook import batch, progress
folder = batch.checkpoint()
begin = int((folder / "step").read_text()) if checkpoint else 0
for step in progress(range(begin, steps), name="training"):
    (folder / "step").write_text(str(step + 1))
    batch.record(began=begin, steps=step + 1, loss=rate / (step + 1))
    if batch.ending():
        break
    time.sleep(0.2)
"""


class Person:
    """Somebody in a session of the course."""

    def __init__(self, hub: Hub, site: SlurmSite) -> None:
        self.hub, self.site, self.name = hub, site, site.users[0]
        self.home = Path(pwd.getpwnam(self.name).pw_dir)
        hub.api("POST", f"users/{self.name}")
        self.begin()

    def begin(self) -> None:
        """Start the session."""
        self.hub.api("POST", f"users/{self.name}/servers/ai")
        self.hub.until_ready(self.name, "ai")
        states = self.home / ".local" / "state" / "lesesal" / "sessions" / "batch-run"
        [self.files] = [path.parent for path in states.glob("ai/*/token")]

    def leave(self) -> None:
        """Stop the session."""
        self.hub.api("DELETE", f"users/{self.name}/servers/ai")
        until(lambda: self.hub.server(self.name, "ai") is None, "the session has ended")

    def command(self, *arguments: str) -> str:
        """What ``lesesal-batch`` prints."""
        variables = json.loads((self.files / "session.json").read_text())
        entry = pwd.getpwnam(self.name)
        done = subprocess.run(
            [
                *("setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}"),
                *("--clear-groups", "--"),
                *(self.site.deployed.session.with_name("lesesal-batch"), *arguments),
            ],
            cwd=self.home,
            env={
                **variables,
                "PATH": os.defpath,
                "HOME": str(self.home),
                "LESESAL_SESSION_DIR": str(self.files),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout + done.stderr

    def until(self, run: str, happened: Callable[[str], object], seconds: float = 180) -> str:
        """What is shown of a run, once it is so."""
        deadline = time.monotonic() + seconds
        while not happened(shown := self.command("show", run)):
            assert time.monotonic() < deadline, shown
            time.sleep(1)
        return shown

    def task(self, run: str, number: int = 1) -> Path:
        return self.home / "batch" / run / "tasks" / str(number)

    def results(self, run: str) -> list[dict[str, str]]:
        return list(csv.DictReader(self.command("results", run, "--csv").splitlines()))


@pytest.fixture(scope="module")
def person(slurm_site: SlurmSite) -> Iterator[Person]:
    config = CONFIG.format(conf=slurm_site.machine.conf, python=slurm_site.deployed.session)
    with running_hub(
        slurm_site.home, config, slurm_site.deployed.hub, slurm_site.as_hub()
    ) as running:
        found = Person(running, slurm_site)
        book = nbformat.v4.new_notebook()
        book.cells = [nbformat.v4.new_code_cell(each) for each in (PARAMETERS, TRAINING)]
        book.cells[0].metadata["tags"] = ["parameters"]
        nbformat.write(book, found.home / "train.ipynb")
        yield found
        found.leave()
        running.api("DELETE", f"users/{found.name}")


def test_an_array_is_collected_in_the_next_session(person: Person) -> None:
    run = person.command("run", "train.ipynb", "--grid", "rate=0.1,0.2,0.3").strip()
    person.leave()
    person.begin()
    shown = person.until(run, lambda shown: f"{run}: done" in shown)
    assert "3 of 3 are done." in shown
    assert [(row["task"], row["rate"], row["loss"][:6]) for row in person.results(run)] == [
        ("1", "0.1", "0.0333"),
        ("2", "0.2", "0.0666"),
        ("3", "0.3", "0.0999"),
    ]
    assert person.task(run).stat().st_uid == pwd.getpwnam(person.name).pw_uid


def test_one_killed_task_is_told_and_only_it_is_resumed(person: Person) -> None:
    run = person.command(
        "run", "train.ipynb", "-p", "steps", "40", "--grid", "rate=0.1,0.2"
    ).strip()
    until((person.task(run) / "results.json").exists, "the first task trains", seconds=120)
    [job] = [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if "lesesal_notebook.batch.job" in (process.info["cmdline"] or [])
        and "/batch-run/" in (process.info["environ"] or {}).get("LESESAL_SESSION_DIR", "")
        and process.info["environ"]["SLURM_ARRAY_TASK_ID"] == "1"
    ]
    for process in [*job.children(recursive=True), job]:
        process.kill()
    shown = person.until(run, lambda shown: f"{run}: ended abruptly" in shown)
    assert "1 of 2 are done." in shown
    new = person.command("resume", run).strip()
    person.until(new, lambda shown: f"{new}: done" in shown)
    rows = person.results(new)
    assert [(row["rate"], row["state"], row["steps"]) for row in rows] == [
        ("0.2", "done", "40"),
        ("0.1", "done", "40"),
    ]
    assert int(rows[1]["began"]) > 0


def test_before_its_time_is_over_it_saves_and_goes_on_later(person: Person) -> None:
    run = person.command("run", "train.ipynb", "-p", "steps", "1000", "--hours", "0.04").strip()
    person.until(run, lambda shown: f"{run}: out of time" in shown, seconds=400)
    [row] = person.results(run)
    step = int((person.task(run) / "checkpoint" / "step").read_text())
    assert 0 < step == int(row["steps"]) < 1000
    new = person.command("resume", run).strip()
    until((person.task(new) / "results.json").exists, "it goes on", seconds=120)
    assert person.command("cancel", new) == f"{new} is being ended.\n"
    person.until(new, lambda shown: f"{new}: cancelled" in shown)
    assert int(person.results(new)[0]["began"]) == step
    nbformat.validate(nbformat.read(person.task(new) / "result.ipynb", as_version=4))

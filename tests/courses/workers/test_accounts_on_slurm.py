"""Grading under Unix accounts of its own, where the account is the sandbox, on a real Slurm."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import engine_kit
import nbformat
import psutil
import pytest
from slurm import system
from slurm_site import SlurmSite

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(600)]

CONFIG = """
c.JupyterHub.spawner_class = "spawners.hub.ClusterSpawner"
c.ClusterSpawner.hub_id = "reading"
c.ClusterSpawner.clusters = {clusters!r}
c.ClusterSpawner.offers = {{"cores": {{
    "title": "Cores", "cluster": "lesesal", "cpus": 1, "memory_mb": 4000, "partition": "gpu"}}}}
"""
# Looks for what is not its own, and leaves a process behind.
NOSY = f"""{engine_kit.SQUARES}
import os, pathlib, pwd, subprocess
seen = []
for place in ({{run!r}} + "/boxes", {{run!r}} + "/tasks", {{home!r}}):
    try:
        seen += os.listdir(place)
    except PermissionError:
        seen.append("closed")
subprocess.Popen(["sleep", "600"], start_new_session=True)
print("seen:", seen, os.getuid())
"""
# Hands back a result of its own making, before the worker does.
FORGER = """
import os, pathlib, pwd, time
home = pathlib.Path(pwd.getpwuid(os.getuid()).pw_dir)
[box] = home.glob(".local/state/lesesal/sessions/*/*/*/box")
box = pathlib.Path(box.read_text())
(box / "mine").write_text("full marks, please")
(box / "mine").rename(box / "result.tar")
time.sleep(60)
"""


@dataclass(frozen=True)
class Desk:
    """A course directory of the hub's account's, and a folder that other accounts can enter."""

    site: SlurmSite
    directory: Path
    shared: Path
    config: Path

    def started(self, *accounts: str) -> subprocess.Popen[str]:
        """`lesesal grade` by the hub's account."""
        return subprocess.Popen(
            [
                *self.site.as_hub(),
                *(str(self.site.deployed.hub), "-m", "courses.cli", "grade"),
                *(str(self.directory), engine_kit.NAME, "--cluster=lesesal"),
                *(f"--config={self.config}", f"--python={self.site.deployed.session}"),
                *(f"--shared={self.shared}", f"--accounts={','.join(accounts)}"),
                *(f"--json={self.report}", "--cell-seconds=120"),
            ],
            cwd=self.directory.parent,
            env={"PATH": os.defpath, "HOME": str(self.directory.parent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def report(self) -> Path:
        return self.directory.parent / "report.json"

    def grade(self, *accounts: str) -> dict[str, Any]:
        """The same to its end; what came of each."""
        process = self.started(*accounts)
        said, _ = process.communicate()
        assert process.returncode == 0, said
        return self.found()

    def found(self) -> dict[str, Any]:
        """What the report says of each."""
        found = json.loads(self.report.read_text())["submissions"]
        return {each["student"]: each for each in found}

    def jobs(self) -> list[tuple[str, str]]:
        """Of each grading job the account and the state."""
        argv = ("squeue", "--noheader", "--states=all", "--format=%u|%j|%T")
        lines = self.site.machine.command(*argv).stdout.splitlines()
        found = [line.split("|") for line in lines]
        return [(user, state) for user, name, state in found if name == "lesesal-reading-grading"]

    def written(self, student: str) -> str:
        """What the cells of a graded notebook printed."""
        file = self.directory / "autograded" / student / engine_kit.NAME / "answers.ipynb"
        cells = nbformat.read(file, as_version=4).cells
        outputs = [each for cell in cells for each in cell.get("outputs", ())]
        return "".join(each.get("text", "") for each in outputs)

    def left(self) -> list[psutil.Process]:
        """Processes of the accounts."""
        uids = {pwd.getpwnam(name).pw_uid for name in self.site.users}
        found = [(each, system.ask(each.uids)) for each in psutil.process_iter()]
        return system.living(each for each, ids in found if ids and ids.real in uids)


@pytest.fixture
def desk(slurm_site: SlurmSite, tmp_path: Path) -> Iterator[Desk]:
    home = slurm_site.home / "graded"
    home.mkdir(mode=0o700)
    directory = engine_kit.make(tmp_path)
    shutil.move(directory, home / "course")
    shared = slurm_site.home.parent / "shared"
    shared.mkdir()
    shared.chmod(0o711)
    config = home / "jupyterhub_config.py"
    clusters = {name: {"type": "slurm", **each} for name, each in slurm_site.clusters.items()}
    config.write_text(CONFIG.format(clusters=clusters))
    yield Desk(slurm_site, home / "course", shared, config)
    for each in (home, shared):
        shutil.rmtree(each)


def own(desk: Desk) -> None:
    """All of it is the hub's account's."""
    for folder in (desk.directory.parent, desk.shared):
        subprocess.run(["chown", "-R", f"{desk.site.account}:", str(folder)], check=True)


def test_each_is_executed_by_an_account_that_sees_nothing_else(desk: Desk) -> None:
    site, directory = desk.site, desk.directory
    nosy = NOSY.format(run=str(desk.shared / "course-answers"), home=str(site.home))
    engine_kit.hand_in(directory, "honest")
    engine_kit.hand_in(directory, "nosy", answer=nosy)
    engine_kit.hand_in(directory, "wrong", answer="def squares(n):\n    return []")
    engine_kit.hand_in(directory, "forger", answer=FORGER)
    own(desk)
    accounts = site.users[:2]
    # As if of a job that was ended in the midst of it.
    left_behind = [Path(tempfile.mkdtemp(dir="/tmp")) for _ in accounts]
    for folder, name in zip(left_behind, accounts, strict=True):
        shutil.chown(folder, name)
    found = desk.grade(*accounts)
    assert {name: (each["state"], each["score"]) for name, each in found.items()} == {
        "forger": ("suspect", 0.0),
        "honest": ("graded", 3.0),
        "nosy": ("graded", 3.0),
        "wrong": ("graded", 0.0),
    }
    uids = {pwd.getpwnam(name).pw_uid for name in accounts}
    said = desk.written("nosy").split()
    assert said[:-1] == ["seen:", "['closed',", "'closed',", "'closed']"]
    assert int(said[-1]) in uids
    ran = [account for account, _ in desk.jobs()]
    assert (set(ran), len(ran)) == (set(accounts), 4)
    assert system.until(lambda: not desk.left()), desk.left()
    assert [path for path in left_behind if path.exists()] == []
    # Neither in the accounts' homes nor in the shared folder is anything of it left.
    for name in accounts:
        assert not list(
            Path(pwd.getpwnam(name).pw_dir, ".local/state/lesesal/sessions").glob("*/*")
        )
    assert [path.name for path in desk.shared.iterdir()] == [".accounts"]


def test_an_account_that_nobody_may_act_for_is_said(desk: Desk) -> None:
    engine_kit.hand_in(desk.directory, "honest")
    own(desk)
    process = desk.started("daemon")
    said, _ = process.communicate()
    assert process.returncode == 1
    assert "Nothing can be graded under the account daemon" in said


def test_a_run_that_was_killed_leaves_no_account_with_another_job(desk: Desk) -> None:
    gate = desk.shared / "gate"
    gate.touch()
    waits = f"import os, time\nwhile os.path.exists({str(gate)!r}): time.sleep(0.1)"
    for student in ("one", "two"):
        engine_kit.hand_in(desk.directory, student, answer=f"{engine_kit.SQUARES}\n{waits}")
    own(desk)
    account = desk.site.users[2]

    def states() -> list[str]:
        return sorted(state for who, state in desk.jobs() if who == account)

    with desk.started(account) as first:
        assert system.until(lambda: states() == ["RUNNING"])
        first.kill()
    with desk.started(account) as second:
        assert system.until(lambda: "CANCELLED" in states())
        gate.unlink()
        said, _ = second.communicate()
    assert second.returncode == 0, said
    assert {name: each["state"] for name, each in desk.found().items()} == {
        "one": "graded",
        "two": "graded",
    }
    # The result may be there before Slurm has the job's end.
    ended = ["CANCELLED", "COMPLETED", "COMPLETED"]
    assert system.until(lambda: states() == ended), states()

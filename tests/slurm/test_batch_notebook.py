"""A notebook as a batch run whose job a real Slurm puts back in the queue."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from pwd import getpwnam
from typing import Any

import pytest
from hubs import Hub, running_hub, until
from notebooks import notebook
from slurm_site import SlurmSite

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(300)]

CONFIG = """
from spawners.hub import ClusterSpawner
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "batch-notebook"
c.ClusterSpawner.clusters = {{"one": {{"type": "slurm", "conf": "{conf}"}}}}
c.ClusterSpawner.offers = {{"cpu": {{"title": "A core", "cluster": "one", "partition": "cpu"}}}}
c.ClusterSpawner.cmd = ["{session}", "{stub}"]
c.JupyterHub.cleanup_servers = False
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
"""
# Comes to its end when it is begun a second time, on what the first time has saved.
GOES_ON = [
    "steps = 2",
    "import time\nfrom lesesal_notebook import batch\n"
    "begun = batch.checkpoint() / 'begun'\n"
    "before = begun.read_text() if begun.exists() else ''\n"
    "begun.write_text(before + 'x')\n"
    "while len(before) + 1 < steps: time.sleep(0.2)\n"
    "batch.record(before=before)",
]


@pytest.fixture(scope="module")
def hub(slurm_site: SlurmSite) -> Iterator[Hub]:
    deployed = slurm_site.deployed
    stub = deployed.hub.parents[2] / "stub_session.py"
    shutil.copy(Path(__file__).parents[1] / "stub_session.py", stub)
    config = CONFIG.format(conf=slurm_site.machine.conf, session=deployed.session, stub=stub)
    with running_hub(slurm_site.home, config, deployed.hub, slurm_site.as_hub()) as running:
        yield running


class Session:
    """A person's running session, and what is run in its terminal."""

    def __init__(self, hub: Hub, site: SlurmSite) -> None:
        self.name, self.site = site.users[1], site
        self.account = getpwnam(self.name)
        self.home = Path(self.account.pw_dir)
        hub.api("POST", f"users/{self.name}")
        hub.api("POST", f"users/{self.name}/servers/ai")
        hub.until_ready(self.name, "ai")
        self.folder = self.home / ".local/state/lesesal/sessions/batch-notebook/ai/1"

    def notebook(self, name: str, cells: list[str]) -> str:
        """Write one, whose first cell has its parameters."""
        path = self.home / name
        parameters, *rest = cells
        path.write_text(notebook(*rest, parameters=parameters))
        return name

    def run(self, code: str) -> Any:
        """What a line of Python in the session's terminal prints, as JSON."""
        settings = json.loads((self.folder / "session.json").read_text())
        done = subprocess.run(
            [self.site.deployed.session, "-P", "-c", code],
            cwd=self.home,
            user=self.account.pw_uid,
            group=self.account.pw_gid,
            extra_groups=[],
            env={
                **settings,
                "HOME": str(self.home),
                "PATH": os.defpath,
                "LESESAL_SESSION_DIR": str(self.folder),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def session(hub: Hub, slurm_site: SlurmSite) -> Iterator[Session]:
    found = Session(hub, slurm_site)
    yield found
    hub.api("DELETE", f"users/{found.name}/servers/ai")


HEAD = "import json; from lesesal_notebook import batch; "


def test_a_run_that_is_put_back_in_the_queue_finds_its_checkpoint(
    hub: Hub, session: Session
) -> None:
    machine = session.site.machine
    notebook = session.notebook("steps.ipynb", GOES_ON)
    id_ = session.run(f"{HEAD}print(json.dumps(batch.submit({notebook!r}).id))")

    def told() -> dict[str, Any]:
        found: dict[str, Any] = hub.api("GET", f"batch/{session.name}/ai").json()["runs"][id_]
        return found

    begun = session.home / "batch" / id_ / "tasks" / "1" / "checkpoint" / "begun"
    until(lambda: begun.exists() and begun.read_text() == "x", "it has saved something")
    job = told()["job"]
    machine.command("scontrol", "requeue", job)
    until(lambda: told()["state"] == "waiting", "it waits again")
    machine.begin_now(job)
    [row] = session.run(
        f"{HEAD}run = batch.get({id_!r}); run.wait(100); print(json.dumps(run.results()))"
    )
    assert (row["state"], row["before"]) == ("done", "x")
    until(lambda: told()["state"] == "ended", "the hub has seen it")
    assert told()["sentence"] == "It has run to its end."
    # No token reached the job: neither what the hub gave, nor what it has written.
    token = (session.folder / "token").read_text()
    for path in (session.home / "batch" / id_).rglob("*"):
        assert not path.is_file() or token not in path.read_text(errors="replace"), path

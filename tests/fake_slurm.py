"""A cluster that answers like Slurm, for more sessions than this machine could run.

`FakeSlurm` is the product's own adapter: it builds the same argument lists, waits for a program of
its own for each question, and parses the same text. Only the answers come from elsewhere: from
`fake_slurmctld`, one process that holds all jobs and serves all sessions. Use it where the hub is
what is tried; what Slurm does is tried on a real one (`slurm_machine`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hub_gauge

from spawners.jobs import SessionKey
from spawners.slurm import SlurmCluster
from spawners.slurm.run import Answer, run

CONTROLLER = Path(__file__).with_name("fake_slurmctld.py")
# Seconds that programs take: the launcher with sbatch, and squeue, sinfo and scontrol.
LAUNCHER_SECONDS = (0.04, 0.1)
QUESTION_SECONDS = (0.02, 0.04)
# Configuration of a hub with this cluster, to be put after what says `clusters`.
CONFIG = """
import sys
sys.path.insert(0, "{tests}")
from spawners.hub import ClusterSpawner
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "fake"
c.ClusterSpawner.clusters = {{
    "fake": {{"type": "fake", "socket": "{folder}/slurmctld", "gauge": "{folder}/gauge.json"}}
}}
c.ClusterSpawner.offers = {{
    "cpu": {{"title": "Two cores", "cluster": "fake", "partition": "cpu", "cpus": 2}},
    "slice": {{"title": "A slice of a GPU", "cluster": "fake", "partition": "gpu",
              "gpus": {{"1g.10gb": 1}}}},
    "gpu": {{"title": "A whole GPU", "cluster": "fake", "partition": "gpu", "gpus": {{"h100": 1}}}},
}}
c.ClusterSpawner.cmd = ["/cluster/session/bin/python", "-P", "-m", "lesesal_notebook.session"]
"""


class FakeSlurm(SlurmCluster):
    """Asks `fake_slurmctld` instead of Slurm's programs.

    Args:
        hub: the hub's id.
        socket: where the controller listens.
        gauge: the file for what is measured in the hub's process, see `hub_gauge`.
    """

    def __init__(self, hub: str, socket: str, gauge: str) -> None:
        super().__init__(hub, bin="/usr/bin", launcher=["{user}"])
        self._socket = socket
        self._random = random.Random(hub)
        self.gauge = hub_gauge.Gauge(Path(gauge))

    async def _run(self, command: Sequence[str], more: Mapping[str, str] | None = None) -> Answer:
        self.gauge.count(f"program:{command[0]}")
        await self._program(QUESTION_SECONDS)
        mark = re.search(r"m[0-9a-f]{16}", (more or {}).get("SQUEUE_FORMAT2", ""))
        kind = "jobs" if mark else command[0]
        reply = await self._asked({"action": kind, "mark": mark[0] if mark else ""})
        return Answer(0, reply["text"], "")

    async def _as_user(self, username: str, key: SessionKey, **request: Any) -> dict[str, Any]:
        self.gauge.count(f"launcher:{request['action']}")
        await self._program(LAUNCHER_SECONDS)
        return await self._asked({"user": username, "server": key.server, **request})

    async def _program(self, seconds: tuple[float, float]) -> None:
        await run(["/usr/bin/sleep", f"{self._random.uniform(*seconds):.3f}"], {})

    async def _asked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(self._socket, limit=1 << 24)
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            reply: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
        return reply


def config(folder: Path) -> str:
    """What a hub that runs in this folder needs to use the cluster."""
    return CONFIG.format(tests=CONTROLLER.parent, folder=folder)


@contextlib.contextmanager
def controller(folder: Path, **times: float) -> Iterator[subprocess.Popen[bytes]]:
    """The controller, with its socket in this folder, which is the hub's working directory.

    There the hub also finds the cluster's type, as that of a package that is installed.

    Args:
        folder: an existing folder.
        times: see `fake_slurmctld.Times`.
    """
    package = folder / "fake_slurm-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-slurm\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[lesesal.clusters]\nfake = fake_slurm:FakeSlurm\n")
    socket = folder / "slurmctld"
    with (folder / "slurmctld.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, CONTROLLER, socket, json.dumps(times)], stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()

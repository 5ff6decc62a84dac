"""How often the hub asks slurmctld, with 1, 50 and 200 sessions: `make bench-watch`.

A real hub on a real one-machine Slurm, under its own account. Sessions are `stub_session`; as many
run as the four pretended nodes take, the others wait. Meanwhile five people's pages ask each second
for all of their sessions. What slurmctld was asked is its own count (`sdiag`). It leaves out what
starting and ending a session asks, which is once each.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

import stub_session
from hubs import Hub, running_hub
from slurm_machine import SlurmMachine
from slurm_site import SlurmSite, missing, slurm_site

COUNTS = (1, 50, 200)
SECONDS = 60
USERS = tuple(f"watch-{number}" for number in range(10))
QUESTIONS = ("REQUEST_JOB_INFO", "REQUEST_NODE_INFO", "REQUEST_RESERVATION_INFO")
CONFIG = """
from spawners.hub import ClusterSpawner
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "bench"
c.ClusterSpawner.clusters = {{"one": {{"type": "slurm", "conf": "{conf}"}}}}
c.ClusterSpawner.offers = {{
    name: {{"title": name, "cluster": "one", "partition": name, "memory_mb": 128}}
    for name in ("cpu", "gpu")
}}
c.ClusterSpawner.cmd = ["/usr/bin/python3", "{stub}"]
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
"""


def asked(machine: SlurmMachine) -> dict[str, int]:
    """How often slurmctld was asked what, since it started."""
    text = machine.command("sdiag").stdout
    found = {name: re.search(rf"{name}\s.*count:(\d+)", text) for name in QUESTIONS}
    return {name: int(match[1]) if match else 0 for name, match in found.items()}


def start(hub: Hub, session: int) -> None:
    user, server = USERS[session % len(USERS)], f"course-{session // len(USERS)}"
    offer = "cpu" if session % 2 else "gpu"
    answer = hub.api(
        "POST", f"users/{user}/servers/{server}", json={"user_options": {"offer": offer}}
    )
    answer.raise_for_status()


def settled(hub: Hub, sessions: int) -> dict[str, int]:
    """How many wait and run, once each of them does either."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        phases = [
            news["phase"]
            for user in USERS
            for news in hub.api("GET", f"session/{user}").json()["sessions"].values()
        ]
        counts = {phase: phases.count(phase) for phase in ("waiting", "running")}
        if sum(counts.values()) == sessions:
            return counts
        time.sleep(1)
    raise TimeoutError(f"{sessions} sessions did not settle: {phases}")


def measure(hub: Hub, machine: SlurmMachine, counts: dict[str, int]) -> dict[str, object]:
    """One minute of looking, with five open pages."""
    process = psutil.Process(hub.process.pid)
    stop = threading.Event()

    def pages() -> None:
        while not stop.wait(1):
            for user in USERS[:5]:
                hub.api("GET", f"session/{user}")

    page = threading.Thread(target=pages)
    page.start()
    before, cpu = asked(machine), sum(process.cpu_times()[:2])
    time.sleep(SECONDS)
    after, used = asked(machine), sum(process.cpu_times()[:2]) - cpu
    stop.set()
    page.join()
    return {
        **counts,
        "questions_per_minute": {
            name: round((after[name] - before[name]) * 60 / SECONDS) for name in QUESTIONS
        },
        "hub_cpu_seconds_per_minute": round(used * 60 / SECONDS, 2),
    }


def bench(site: SlurmSite) -> dict[str, object]:
    """The figures by number of sessions."""
    stub = site.deployed.hub.parents[2] / "stub_session.py"
    shutil.copy(stub_session.__file__, stub)
    figures: dict[str, object] = {}
    config = CONFIG.format(conf=site.machine.conf, stub=stub)
    with running_hub(site.home, config, site.deployed.hub, site.as_hub()) as hub:
        for user in USERS:
            hub.api("POST", f"users/{user}")
        sessions = 0
        for count in COUNTS:
            for session in range(sessions, count):
                start(hub, session)
            sessions = count
            figures[str(count)] = measure(hub, site.machine, settled(hub, count))
            print(count, json.dumps(figures[str(count)]), flush=True)
    return figures


def main() -> None:
    """Measure, print, and write ``$LESESAL_HOME/bench/watch.json``."""
    if sentences := missing():
        sys.exit("No Slurm can be started here. " + " ".join(sentences))
    target = Path(os.environ["LESESAL_HOME"], "bench", "watch.json")
    with slurm_site(USERS) as site:
        figures = bench(site)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"Written to {target}")


if __name__ == "__main__":
    main()

"""Whether the hub holds when a whole class presses Start: `make bench-hub`.

A real hub with its real database (SQLite), a real proxy (the one from PyPI, then Debian's
node-configurable-http-proxy), the product's spawner and its classroom's database; the cluster is
`fake_slurm`, where sessions take a second or ten to boot. `crowd` is the people: 300 of them press
Start within ten seconds, a hundred others look at pages. Programs of the cluster are pretended by
`sleep`: what the launcher and sbatch cost is not in these figures.

What is measured, for each proxy:

- ``longest_block_s``: the longest time that the hub's event loop did nothing else (`hub_gauge`);
- ``ready`` and ``failed``: how many of the students were in their sessions within two minutes;
- ``page_p95_s``: the 95th percentile of the seconds until an answer was complete, of the kind of
  page or question where it is the largest;
- ``cpu_per_start_s`` and ``proxy_cpu_per_start_s``: CPU seconds of the hub, and of the proxy, from
  the first page to the last session, divided by the number of students; what the others looked at
  meanwhile is included.

The figures go to ``$LESESAL_HOME/bench/hub.json``, those of the PyPI proxy at the top level.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

import crowd
import fake_slurm
import hub_gauge
from hubs import Hub, running_hub

from courses.course import Course, Enrolment, Role
from courses.store import Store
from courses.store.courses import put_course
from courses.store.people import enrol

COURSE = "stampede"
OFFERS = ("cpu", "slice", "gpu")
VISITORS = 100
# Questions whose answers wait for something new.
HELD = "held"
# Seconds from the page with the offers to Start.
CHOICE = (2.0, 8.0)
# Seconds that visitors look around before students come.
BEFORE = 8.0
PRODUCTION = "configurable-http-proxy"
CONFIG = """
from courses.hub.terms import StoreTerms
from spawners.hub import PAGES, SQLITE
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.template_paths = [str(PAGES)]
c.JupyterHub.template_vars = {{"classroom_url": "/services/classroom/"}}
c.JupyterHub.log_level = "WARN"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.db_kwargs = SQLITE
c.ConfigurableHTTPProxy.command = {proxy}
c.ConfigurableHTTPProxy.log_level = "error"
c.ClusterSpawner.terms = StoreTerms("sqlite:///{folder}/classroom.sqlite")
"""
TARGETS: Mapping[str, tuple[str, Any]] = {
    "longest_block_s": ("≤ 0.5", lambda value, _: value <= 0.5),
    "ready": ("all", lambda value, students: value == students),
    "failed": ("0", lambda value, _: value == 0),
    "page_p95_s": ("< 0.3", lambda value, _: value < 0.3),
    "cpu_per_start_s": ("", None),
    "proxy_cpu_per_start_s": ("", None),
}


def enrolled(folder: Path, users: Sequence[str]) -> None:
    """A classroom's database with these students in one course."""
    store = Store.of_home(folder)
    now = datetime.now(UTC)
    course = Course(slug=COURSE, title="Stampede", summary="", offers=OFFERS, timezone="UTC")
    with store.writing() as session:
        put_course(session, course, content="c", directory="d", actor="bench", at=now)
        for user in users:
            enrolment = Enrolment(COURSE, user, Role.STUDENT)
            enrol(session, enrolment, actor="bench", at=now)
    store.close()


def percentile(seconds: Sequence[float], hundredths: int) -> float:
    """By the nearest rank; 0 of nothing."""
    ranked = sorted(seconds)
    return ranked[max(0, math.ceil(len(ranked) * hundredths / 100) - 1)] if ranked else 0.0


def proxy_of(hub: Hub) -> psutil.Process:
    """The hub's proxy, which is a child of it."""
    children = psutil.Process(hub.process.pid).children()
    return next(each for each in children if "--api-port" in each.cmdline())


def cpu(process: psutil.Process) -> float:
    """CPU seconds of a process so far, without its children."""
    return sum(process.cpu_times()[:2])


def stampede(proxy: Sequence[str], students: int, within: float, config: str) -> dict[str, Any]:
    """One class with this proxy; the figures."""
    folder = Path(tempfile.mkdtemp(prefix="lesesal-bench-hub-"))
    names = [f"student-{n}" for n in range(students)] + [f"visitor-{n}" for n in range(VISITORS)]
    try:
        enrolled(folder, names)
        text = fake_slurm.config(folder) + CONFIG.format(folder=folder, proxy=list(proxy))
        with (
            fake_slurm.controller(folder) as controller,
            running_hub(folder, text + config) as hub,
        ):
            return measure(hub, folder, psutil.Process(controller.pid), students, within)
    finally:
        if (folder / "hub.log").exists():
            shutil.copy(folder / "hub.log", Path(tempfile.gettempdir(), "lesesal-bench-hub.log"))
        shutil.rmtree(folder, ignore_errors=True)


def measure(
    hub: Hub, folder: Path, controller: psutil.Process, students: int, within: float
) -> dict[str, Any]:
    """Let the crowd in, and count."""
    parameters = {
        "url": hub.url,
        "course": COURSE,
        "offers": OFFERS,
        "students": students,
        "visitors": VISITORS,
        "within": within,
        "choice": CHOICE,
        "before": BEFORE,
    }
    watched = {
        "hub": psutil.Process(hub.process.pid),
        "proxy": proxy_of(hub),
        "cluster": controller,
    }
    people = subprocess.Popen(
        [sys.executable, crowd.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if people.stdin is None or people.stdout is None or people.stderr is None:
            raise RuntimeError("the crowd has no pipes")
        people.stdin.write(json.dumps(parameters))
        people.stdin.close()
        if "logged_in" not in (line := people.stderr.readline()):
            raise RuntimeError(line + people.stderr.read())
        gauge = hub_gauge.read(folder / "gauge.json") if (folder / "gauge.json").exists() else None
        before = {name: cpu(process) for name, process in watched.items()}
        seen = json.loads(people.stdout.read() or "{}")
        if not seen:
            raise RuntimeError(people.stderr.read())
        used = {name: cpu(process) - before[name] for name, process in watched.items()}
    finally:
        people.kill()
        people.wait()
    return summary(seen, hub_gauge.read(folder / "gauge.json"), gauge, used, students)


def summary(
    seen: Mapping[str, Any],
    gauge: Mapping[str, Any],
    earlier: Mapping[str, Any] | None,
    used: Mapping[str, float],
    students: int,
) -> dict[str, Any]:
    """The figures of one class."""
    blocks = [block for block in gauge["blocks"] if block[0] >= seen["began"]]
    longest = max(blocks, key=lambda block: block[1], default=(0.0, 0.0, 0.0))
    kinds = {
        kind: {
            "count": len(seconds),
            "p50_s": round(percentile(seconds, 50), 3),
            "p95_s": round(percentile(seconds, 95), 3),
            "max_s": round(max(seconds), 3),
        }
        for kind, seconds in sorted(seen["seconds"].items())
        if seconds
    }
    counts = Counter(gauge["counts"])
    counts.subtract(earlier["counts"] if earlier else {})
    return {
        "longest_block_s": round(longest[1], 3),
        "ready": len(seen["ready_s"]),
        "failed": len(seen["failed"]),
        "page_p95_s": max(
            (seconds["p95_s"] for kind, seconds in kinds.items() if kind != HELD), default=0.0
        ),
        "cpu_per_start_s": round(used["hub"] / students, 4),
        "proxy_cpu_per_start_s": round(used["proxy"] / students, 4),
        "longest_block_cpu_s": round(longest[2], 3),
        "longest_collection_s": round(gauge["longest_collection"], 3),
        "blocks_over_0.1_s": len(blocks),
        "blocked_over_0.1_s": round(sum(block[1] for block in blocks), 3),
        "pages": kinds,
        "ready_s": {
            "p50": round(statistics.median(seen["ready_s"]), 3) if seen["ready_s"] else None,
            "p95": round(percentile(seen["ready_s"], 95), 3),
            "max": round(max(seen["ready_s"], default=0.0), 3),
        },
        "seconds": round(seen["ended"] - seen["began"], 1),
        "crowd_cpu_s": round(seen["cpu_s"], 1),
        "cluster_cpu_s": round(used["cluster"], 1),
        "hub_cpu_s": round(used["hub"], 1),
        "proxy_cpu_s": round(used["proxy"], 1),
        "per_start": {name: round(count / students, 2) for name, count in sorted(counts.items())},
        "busy": [cpu for second, cpu in gauge["busy"].items() if int(second) >= seen["began"]],
        "failures": seen["failed"][:5],
        "stacks": gauge["stacks"][:8],
    }


def show(title: str, figures: Mapping[str, Any], students: int) -> Table:
    """What came out, beside what should."""
    table = Table("figure", "target", "measured", "", title=title)
    for name, (target, reached) in TARGETS.items():
        verdict = "" if reached is None else "yes" if reached(figures[name], students) else "NO"
        table.add_row(name, target, str(figures[name]), verdict)
    table.add_section()
    for kind, seconds in figures["pages"].items():
        told = f"{seconds['p50_s']:.3f} / {seconds['p95_s']:.3f} / {seconds['max_s']:.3f}"
        target = "" if kind == HELD else "p95 < 0.3"
        verdict = "" if kind == HELD else "yes" if seconds["p95_s"] < 0.3 else "NO"
        table.add_row(f"{kind} × {seconds['count']}: p50, p95, max", target, told, verdict)
    table.add_section()
    for name in ("ready_s", "seconds", "hub_cpu_s", "proxy_cpu_s", "cluster_cpu_s", "crowd_cpu_s"):
        table.add_row(name, "", str(figures[name]), "")
    for name, count in figures["per_start"].items():
        table.add_row(f"{name} per start", "", str(count), "")
    return table


def main() -> None:
    """Measure with both proxies, print, and write the JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--students", type=int, default=300)
    options.add_argument("--within", type=float, default=10.0, help="seconds")
    options.add_argument("--proxy", choices=["embedded", "production", "both"], default="both")
    options.add_argument("--config", default="", help="more configuration for the hub")
    options.add_argument("--stacks", action="store_true", help="show what blocked the loop")
    given = options.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    node = shutil.which(PRODUCTION, path="/usr/bin:/usr/local/bin")
    proxies = {
        "embedded": [sys.executable, "-m", "spawners.proxy"],
        # Debian's program does not say where its modules are.
        "production": ["env", "NODE_PATH=/usr/share/nodejs", node] if node else None,
    }
    figures: dict[str, Any] = {}
    console = Console(width=100)
    for name, proxy in proxies.items():
        if given.proxy not in (name, "both"):
            continue
        if proxy is None:
            console.print("No production proxy here: install node-configurable-http-proxy.")
            continue
        found = stampede(proxy, given.students, given.within, given.config)
        console.print(show(f"{given.students} starts, {name} proxy", found, given.students))
        for failure in found["failures"]:
            console.print(failure, markup=False)
        if given.stacks:
            for stack, times in found["stacks"]:
                console.print(f"--- {times} times late\n{stack}", markup=False, highlight=False)
        figures |= found if name == "embedded" else {"production_proxy": found}
    target = Path(os.environ["LESESAL_HOME"], "bench", "hub.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(figures, indent=2) + "\n")
    console.print(f"Written to {target}")


if __name__ == "__main__":
    main()

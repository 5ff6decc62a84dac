"""How long a class waits at nine o'clock, ours and stock: `make bench-start`.

Two hubs on one real one-machine Slurm (`start_sides` says how they are set up), the same versions
of all packages, bytecode compiled; one side at a time has sessions, in turn. The person clicks,
and looks, through the proxy (`start_visit`).

- *click*: the request that starts the server, ``POST /hub/api/users/NAME/servers/SERVER``.
- *ready*: the hub says that the server is ready (201, or its stream of progress says so), and
  JupyterLab's page, ``GET /user/NAME/SERVER/lab``, was answered with 200.
- `click_s`: from the click until ready. `queue_s`, `boot_s`, `page_s` are its parts: until the
  job's first process, until the hub says ready, until the page.
- `cpu_s`: CPU seconds, user and system, of all processes of the job (shell, srun, ended children
  too) until ready; `cpu_hub_s` until the hub says ready; `cpu_idle_s` until 10 s after.
- `memory_mb`: resident memory of the job's processes (sum of RSS) 10 s after; `pss_mb` with shared
  pages shared out.
- `first_cell_s`: from ready until a new kernel has answered ``1+1``. `first_clicks`: nbgrader's
  assignment list, a terminal, the language servers' status, the use of resources, each for the
  first time in the session. There is no classroom and no exchange: both sides answer that, after
  importing nbgrader.
- `files`: system calls of the job that take a file's name, until ready, counted by strace in a
  session of its own.
- `many`: 20, 40, 100 clicks at once; `median_s` and `max_s` of those that became ready.
  `restarted` counts Slurm's restarts and further jobs of the hub.

Medians over the rounds, after a warm-up. Even rounds idle and then click on the tools; odd ones
run a cell at once.

    make bench-start
    .venv/bin/python tests/bench/start.py --only single --side ours --rounds 2
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import json
import os
import pwd
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import aiohttp
import psutil
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import start_figures as figures
from bench.start_jobs import Jobs
from bench.start_sides import PROXY, Bench, Side, bench
from bench.start_visit import Person
from slurm_site import missing, slurm_site

USERS: Final = tuple(f"start-{number}" for number in range(100))
CPUS: Final = 40
"""Of each of the partition's three nodes, so that 100 sessions run at once."""
IDLE_SECONDS: Final = 10
STRACE: Final = "/usr/bin/strace"
WHOLE_SECONDS: Final = 14 * 60

console = Console()


class Part(enum.StrEnum):
    """What can be measured alone."""

    SINGLE = enum.auto()
    FILES = enum.auto()
    MANY = enum.auto()


class Name(enum.StrEnum):
    """The sides."""

    OURS = enum.auto()
    STOCK = enum.auto()


class Measured:
    """One side with a running hub, and what was measured on it."""

    def __init__(self, side: Side, jobs: Jobs, client: aiohttp.ClientSession) -> None:
        self.side = side
        self._jobs = jobs
        self._client = client
        self._people: dict[str, Person] = {}
        self.rounds: list[dict[str, float]] = []
        self.clicks: list[dict[str, dict[str, float]]] = []
        self.many: dict[str, dict[str, Any]] = {}

    def people(self, count: int) -> list[Person]:
        """The first of the site's users, known to this hub."""
        for name in USERS[len(self._people) : count]:
            self._people[name] = Person(self.side, self._client, name)
        return list(self._people.values())[:count]

    async def round(self, number: int) -> None:
        """Start one session, look, and end it. Number -1 is the warm-up, which does not count."""
        [person] = self.people(1)
        looks = []
        arrival = await person.arrive(lambda: looks.append(self._jobs.look()))
        if arrival.why_not:
            raise RuntimeError(f"{self.side.name}: one session, and {arrival.why_not}")
        at_hub, at_page = looks
        found = {
            "click_s": arrival.ready_s,
            "queue_s": arrival.hub_s - at_hub.since_s,
            "boot_s": at_hub.since_s,
            "page_s": arrival.ready_s - arrival.hub_s,
            "cpu_s": at_page.cpu_s,
            "cpu_hub_s": at_hub.cpu_s,
        }
        if number < 0 or number % 2:
            found["first_cell_s"] = await person.first_cell()
        if number >= 0 and number % 2 == 0:
            await asyncio.sleep(IDLE_SECONDS)
            memory = self._jobs.memory()
            found |= {"memory_mb": memory.rss, "pss_mb": memory.pss}
            found["cpu_idle_s"] = self._jobs.look().cpu_s
        if number < 0 or number % 2 == 0:
            clicks = await person.first_clicks()
            if number >= 0:
                self.clicks.append(clicks)
        await self._end([person])
        said = {name: round(value, 2) for name, value in found.items()}
        console.print(self.side.name, number if number >= 0 else "warm-up", said)
        if number >= 0:
            self.rounds.append(found)

    async def at_once(self, count: int) -> None:
        """So many clicks at the same time."""
        people = self.people(count)
        before = max(self._jobs.known(), default=0)
        process = psutil.Process(self.side.hub.process.pid)
        hub_cpu = sum(process.cpu_times()[:4])
        arrivals = await asyncio.gather(*(person.arrive() for person in people))
        hub_cpu = sum(process.cpu_times()[:4]) - hub_cpu
        ready = sorted(arrival.ready_s for arrival in arrivals if not arrival.why_not)
        jobs = {job: count for job, count in self._jobs.known().items() if job > before}
        found = {
            "ready": len(ready),
            "failed": count - len(ready),
            "restarted": sum(jobs.values()) + max(0, len(jobs) - count),
            "median_s": round(median(ready), 2) if ready else None,
            "max_s": round(ready[-1], 2) if ready else None,
            "hub_cpu_s_each": round(hub_cpu / count, 3),
            "why_not": figures.causes(arrival.why_not for arrival in arrivals),
        }
        if not found["failed"]:
            found["cpu_s_each"] = round(self._jobs.look().cpu_s / count, 3)
        lost = [p for p, arrival in zip(people, arrivals, strict=True) if arrival.why_not]
        if lost:
            found["a_log"] = self.side.log(lost[0].name)
        console.print(self.side.name, count, "at once", found)
        self.many[str(count)] = found | {"ready_s": [round(each, 2) for each in ready]}
        await self._end(people)

    async def traced(self, trace: Path) -> dict[str, Any]:
        """The system calls of one session until it is ready, which a wrapper writes to a file."""
        [person] = self.people(1)
        arrival = await person.arrive()
        text = trace.read_text(errors="replace")
        if arrival.why_not:
            raise RuntimeError(f"{self.side.name}: one traced session, and {arrival.why_not}")
        await self._end([person])
        found = figures.count_calls(text)
        console.print(self.side.name, "files", found)
        return found

    async def _end(self, people: list[Person]) -> None:
        """Stop the sessions; when this returns the cluster is idle and the hub knows it."""
        await asyncio.gather(*(person.leave() for person in people))
        if not await _until(self._jobs.gone, 60):
            self._jobs.cancel()
            if not await _until(self._jobs.gone, 30):
                raise TimeoutError(f"{self.side.name}: jobs do not end")
        if not await _until(self._idle, 60):
            raise TimeoutError(f"{self.side.name}: the hub does not finish ending sessions")

    def _idle(self) -> bool:
        users = self.side.hub.api("GET", "users", params={"limit": "200"}).json()
        return not any(user["servers"] or user["pending"] for user in users)


async def _until(happened: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.2)
    return True


@contextlib.asynccontextmanager
async def measured(
    on: Bench, names: list[Name], folder: Path, wrapper: tuple[str, ...] = ()
) -> AsyncIterator[list[Measured]]:
    """The sides with their hubs running; their logs are in the folder afterwards."""
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for name in names:
            side = stack.enter_context(on.side(name, wrapper))
            stack.callback(shutil.copy, side.hub.log, folder / f"start-{name}.log")
            client = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    timeout=aiohttp.ClientTimeout(total=None),
                )
            )
            found.append(Measured(side, Jobs(on.site.machine), client))
        yield found


async def measure(
    on: Bench,
    folder: Path,
    parts: list[Part],
    names: list[Name],
    rounds: int,
    *,
    stock100: bool,
) -> dict[str, dict[str, Any]]:
    """All figures by side."""
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    async with asyncio.timeout(WHOLE_SECONDS):
        if Part.FILES in parts:
            for name in names:
                trace = Path(pwd.getpwnam(USERS[0]).pw_dir, f"{name}.strace")
                wrapper = (STRACE, "-f", "--seccomp-bpf", "-e", "trace=%file")
                async with measured(on, [name], folder, (*wrapper, "-o", str(trace))) as [side]:
                    found[name]["files"] = await side.traced(trace)
        async with measured(on, names, folder) as sides:
            for number in range(-1, rounds if Part.SINGLE in parts else -1):
                for side in sides:
                    await side.round(number)
            for count in (20, 40, 100) if Part.MANY in parts else ():
                for side in sides:
                    if count < 100 or stock100 or side.side.name == Name.OURS:
                        await side.at_once(count)
            for side in sides:
                found[side.side.name] |= single(side) | ({"many": side.many} if side.many else {})
    return found


def single(side: Measured) -> dict[str, Any]:
    """The figures of one session on an idle cluster; empty when none was started."""
    if not side.rounds:
        return {}
    return {
        "single": figures.medians(side.rounds)
        | {
            "first_clicks": {
                name: figures.medians([clicks[name] for clicks in side.clicks])
                for name in side.clicks[0]
            },
            "rounds": side.rounds,
        }
    }


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Sessions a side, after a warm-up.")] = 5,
    only: Annotated[Part | None, typer.Option(help="Only this part.")] = None,
    side: Annotated[Name | None, typer.Option(help="Only this side.")] = None,
    *,
    stock100: Annotated[bool, typer.Option("--stock100", help="Stock's 100 at once, too.")] = False,
) -> None:
    """Measure, print, and write ``$LESESAL_HOME/bench/start.json``.

    With `--only` or `--side`: ``start-part.json``. The hubs' logs are beside it.
    """
    if sentences := missing():
        sys.exit("No Slurm can be started here. " + " ".join(sentences))
    if absent := [program for program in (PROXY, STRACE) if not Path(program).exists()]:
        sys.exit(f"{' and '.join(absent)} are needed: see tests/debian-packages.")
    # Where it is set, sessions would compile what is not compiled yet again and again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    folder = Path(os.environ.get("LESESAL_HOME", "var"), "bench")
    target = folder / ("start-part.json" if only or side else "start.json")
    parts, names = [only] if only else list(Part), [side] if side else list(Name)
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with slurm_site(USERS, cpus=CPUS) as site, bench(site) as on:
        console.print(f"Slurm and both sides are there after {time.monotonic() - begun:.0f} s")
        try:
            found = asyncio.run(measure(on, folder, parts, names, rounds, stock100=stock100))
        except TimeoutError as error:
            sys.exit(str(error) or f"Not done within {WHOLE_SECONDS} s.")
        except RuntimeError as error:
            sys.exit(str(error))
    ours, stock = found.get(Name.OURS, {}), found.get(Name.STOCK, {})
    everything = figures.summarise(ours, stock) | {"ours": ours, "stock": stock}
    target.write_text(json.dumps(everything, indent=2) + "\n")
    console.print(figures.details(ours, stock), figures.table(ours, stock))
    console.print(f"Written to {target} after {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    typer.run(main)

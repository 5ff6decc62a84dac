"""Whether hand-ins hold on the last minute before a deadline: `make bench-exchange`.

200 students fetch an assignment and submit it, a 2 MB notebook each (`exchange_people.notebook`:
different bytes for each, mostly pictures, which do not pack), within a minute: almost half of them
in its last quarter (`exchange_rush.draw`). Three exchanges have the same people at the same moments
with the same bytes, in turn: ours, nbgrader's default one (a directory), and ngshare
(`exchange_sides`).

What is measured is what the student waits for: the call of that side's own client class as nbgrader
makes it, `ExchangeFetchAssignment(…).start()` and `ExchangeSubmit(…).start()`, in a process that
has imported it before, as a session has. So a submit is all of this:

- ours: asks for the assignments, packs the folder, uploads it, keeps the receipt. The classroom has
  unpacked, checked and forced it to disk before it answers, and has written who handed in what.
- nbgrader: copies the folder twice, to the exchange and to its cache. Nothing is forced to disk.
- ngshare: asks for the released names, sends the folder as base64, copies it to its cache. The
  service decodes it in memory, writes files, and commits a row; files are not forced to disk.

Figures:

- ``submit_p95_s``: 95th percentile (nearest rank) of ours; the median over the rounds.
- ``failures``: of ours, in all rounds: calls that failed, and submissions that were not there
  afterwards, byte for byte and once, when got again from the exchange; for ours also as the
  receipts say that the students hold.
- ``nbgrader_ratio``, ``ngshare_ratio``: 95th percentile of ours over theirs, round by round; the
  median. Above 1 ours is slower.
- by side, also the same of the fetches, ``client_cpu_s`` (median of the calls' own CPU seconds),
  ``server_cpu_s`` (CPU seconds of the service and the hub, divided by the students: one fetch and
  one submit), and ``late_s``, the longest that a student waited because all processes of the
  benchmark were busy. That counts as part of his call: it would take as much longer if each student
  had a process.

What it leaves out: the network (all is on one machine, so clients and servers also share its CPUs),
the proxy, a file system on the network (where nbgrader's directory is in a cluster), what
nbgrader's commands cost to import, and all accounts but one: nobody's rights are looked at on
nbgrader's side.

    make bench-exchange
    .venv/bin/python tests/bench/exchange.py --rounds 1 --side ours
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import psutil
import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.exchange_people import NOTEBOOK, digest, notebook
from bench.exchange_rush import Outcome, Pool, Visit, draw, pool, rush
from bench.exchange_sides import CHECKOUT, INSTRUCTOR, NGSHARE, SIDES, Side, site

TARGET_S: Final = 0.5
PROCESSES: Final = 12
RELEASE: Final = "release"
FETCH: Final = "ExchangeFetchAssignment"
SUBMIT: Final = "ExchangeSubmit"

console = Console(width=100)


def percentile(seconds: Sequence[float], hundredths: int) -> float:
    """By the nearest rank; 0 of nothing."""
    ranked = sorted(seconds)
    return ranked[max(0, math.ceil(len(ranked) * hundredths / 100) - 1)] if ranked else 0.0


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum."""
    return {
        "p50_s": round(percentile(seconds, 50), 3),
        "p95_s": round(percentile(seconds, 95), 3),
        "max_s": round(max(seconds, default=0.0), 3),
    }


def cpu(processes: Sequence[psutil.Process]) -> float:
    """CPU seconds so far, without children."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


async def turn(
    side: Side, visits: Mapping[str, Visit], assignment: str, size: int, log: Path
) -> dict[str, Any]:
    """One side's minute."""
    release = side.home(INSTRUCTOR, assignment) / "release" / assignment
    release.mkdir(parents=True)
    (release / NOTEBOOK).write_bytes(notebook(RELEASE, size))
    environment = {"JUPYTERHUB_USER": INSTRUCTOR}  # ngshare's client wants one at import
    if side.name == "ours":
        environment["PYTHONPATH"] = str(CHECKOUT / "extensions")
    os.sync()  # what others have left in memory is not this side's to write
    async with pool(side.python, side.modules, PROCESSES, log, environment) as people:
        await released(people, side, assignment, size)
        plan = [
            (
                visit,
                side.errand(FETCH, user, assignment, RELEASE, size),
                side.errand(SUBMIT, user, assignment, f"{user} {assignment}", size),
            )
            for user, visit in visits.items()
        ]
        before = cpu(side.services())
        outcomes = await rush(people, plan)
        used = cpu(side.services()) - before
    expected = {
        outcome.errand.user: digest(notebook(outcome.errand.seed, size))
        for outcome in outcomes
        if outcome.errand.kind == SUBMIT and not outcome.done.why_not
    }
    lost = [user for user, sha in expected.items() if side.kept(user, assignment) != [sha]]
    shutil.rmtree(side.homes / assignment)
    return figures(outcomes, lost, used, len(visits))


async def released(people: Pool, side: Side, assignment: str, size: int) -> None:
    """Release the assignment with the side's own class."""
    errand = side.errand("ExchangeReleaseAssignment", INSTRUCTOR, assignment, RELEASE, size)
    outcome = await people.run(errand)
    if outcome.done.why_not:
        raise RuntimeError(f"{side.name} does not release: {outcome.done.why_not}")


def figures(
    outcomes: Sequence[Outcome], lost: Sequence[str], server_cpu: float, students: int
) -> dict[str, Any]:
    """What one side's minute comes to."""
    good = [outcome for outcome in outcomes if not outcome.done.why_not]
    bad = [outcome for outcome in outcomes if outcome.done.why_not]
    submits = [outcome for outcome in good if outcome.errand.kind == SUBMIT]
    fetches = [outcome for outcome in good if outcome.errand.kind == FETCH]
    return {
        "submit": spread([each.waited_s for each in submits]),
        "fetch": spread([each.waited_s for each in fetches]),
        "failures": len(bad) + len(lost),
        "submitted": len(submits),
        "there_afterwards": len(submits) - len(lost),
        "client_cpu_s": round(median([each.done.cpu_s for each in submits] or [0.0]), 3),
        "server_cpu_s": round(server_cpu / students, 3),
        "late_s": round(max(outcome.late_s for outcome in outcomes), 3),
        "why_not": [outcome.done.why_not for outcome in bad[:5]] + [f"lost: {u}" for u in lost[:5]],
    }


def summarise(rounds: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The flat keys; those of sides that had no turn are absent."""
    ours = [each["ours"] for each in rounds if "ours" in each]
    if not ours:
        return {}
    found: dict[str, Any] = {
        "submit_p95_s": round(median(each["submit"]["p95_s"] for each in ours), 3),
        "failures": sum(each["failures"] for each in ours),
    }
    for name in ("nbgrader", "ngshare"):
        ratios = [
            each["ours"]["submit"]["p95_s"] / each[name]["submit"]["p95_s"]
            for each in rounds
            if "ours" in each and name in each and each[name]["submit"]["p95_s"]
        ]
        if ratios:
            found[f"{name}_ratio"] = round(median(ratios), 2)
    return found


def verdicts(flat: Mapping[str, Any]) -> Table:
    """The flat keys, beside what should be."""
    table = Table("figure", "target", "measured", "", title="Hand-ins before a deadline")
    targets = {"submit_p95_s": ("≤ 0.5", TARGET_S), "failures": ("0", 0)}
    for name, value in flat.items():
        target, most = targets.get(name, ("", None))
        verdict = "" if most is None else "yes" if value <= most else "NO"
        table.add_row(name, target, str(value), verdict)
    return table


def details(rounds: Sequence[Mapping[str, Mapping[str, Any]]]) -> Table:
    """What came out, side by side."""
    sides = list(rounds[0])
    table = Table("figure", *sides, title="One figure a round")
    for what in ("submit", "fetch"):
        for name in ("p50_s", "p95_s", "max_s"):
            cells = [" ".join(f"{each[side][what][name]:.3f}" for each in rounds) for side in sides]
            table.add_row(f"{what}: {name}", *cells)
    for name in (
        "failures", "submitted", "there_afterwards", "client_cpu_s", "server_cpu_s", "late_s",
    ):  # fmt: skip
        cells = [" ".join(str(each[side][name]) for each in rounds) for side in sides]
        table.add_row(name, *cells)
    return table


async def measure(
    sides: Sequence[Side],
    students: Sequence[str],
    seconds: float,
    rounds: int,
    size: int,
    log: Path,
) -> list[dict[str, dict[str, Any]]]:
    """All rounds; each begins with another side."""
    assignments = [f"ps{number}" for number in range(1, rounds + 1)]
    for side in sides:
        side.begin(students, assignments)
    found = []
    for number, assignment in enumerate(assignments):
        times = draw(len(students), seconds, number)
        visits = dict(zip(students, times, strict=True))
        first = number % len(sides)
        each = {}
        for side in (*sides[first:], *sides[:first]):
            each[side.name] = await turn(side, visits, assignment, size, log)
            console.print(assignment, side.name, each[side.name])
        found.append({side.name: each[side.name] for side in sides})
    return found


def main(
    students: Annotated[int, typer.Option(min=1)] = 200,
    seconds: Annotated[float, typer.Option(min=5, help="Until the deadline.")] = 60,
    rounds: Annotated[int, typer.Option(min=1, help="Minutes for each side.")] = 2,
    size: Annotated[int, typer.Option(min=50_000, help="Bytes of a notebook.")] = 2_000_000,
    side: Annotated[list[str] | None, typer.Option(help="Only this side; may be repeated.")] = None,
    ngshare: Annotated[Path, typer.Option(help="An interpreter that has ngshare.")] = NGSHARE,
) -> None:
    """Measure, print, and write ``$LESESAL_HOME/bench/exchange.json``.

    With `--side`: ``exchange-part.json``. The processes' log is beside it.
    """
    names = [name for name in SIDES if not side or name in side]
    if unknown := set(side or []) - set(SIDES):
        sys.exit(f"There is no side {' and '.join(sorted(unknown))}: {', '.join(SIDES)}.")
    SIDES["ngshare"].python = ngshare
    # Where it is set, processes would compile what is not compiled yet again and again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    target = Path(os.environ.get("LESESAL_HOME", "var"), "bench").resolve()
    target.mkdir(parents=True, exist_ok=True)
    log = target / "exchange.log"
    log.unlink(missing_ok=True)
    users = [f"student{number}" for number in range(1, students + 1)]
    folder = Path(tempfile.mkdtemp(prefix="lesesal-bench-exchange-"))
    try:
        with site(folder, users, ngshare) as there:
            sides = [SIDES[name](there) for name in names]
            found = asyncio.run(measure(sides, users, seconds, rounds, size, log))
    except (RuntimeError, TimeoutError) as error:
        sys.exit(str(error) or "A minute was not over after five.")
    finally:
        if (folder / "hub.log").exists():
            shutil.copy(folder / "hub.log", target / "exchange-hub.log")
        shutil.rmtree(folder, ignore_errors=True)
    flat = summarise(found)
    target /= "exchange-part.json" if side else "exchange.json"
    target.write_text(json.dumps({**flat, "rounds": found}, indent=2) + "\n")
    console.print(details(found), verdicts(flat), f"Written to {target}")


if __name__ == "__main__":
    typer.run(main)

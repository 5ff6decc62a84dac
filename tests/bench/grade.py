"""How much faster an assignment is graded than by nbgrader alone: `make bench-grade`.

Three assignments, each handed in by 100 students (`grade_class`): ps1 of nbgrader's documentation
(2 notebooks), the demo course's first (1, with figures), and one that imports torch. In turn, on
the same machine and with the same environment of the session side:

- stock: ``nbgrader autograde``, serial, as it comes. It takes seconds a notebook, so it has a
  sample, and first one student alone: what one more takes is projected to the whole class.
- ours: ``lesesal grade``, the whole class, from the command's start to its end.

Figures:

- ``speedup_ps1``, ``speedup_demo``, ``speedup_torch``: notebooks a second of ours over stock's, for
  the whole class, starting up included on both sides; the median over the rounds. Null, with the
  reason, where it was not measured.
- ``gradebooks_equal``: whether the gradebooks say the same of the students of the sample, row for
  row (`gradebooks`), in all rounds, and no other state than ``graded`` was given to anybody.
- by assignment: ``notebooks_per_s``, and ``cpu_s_per_notebook``: of the command and all that it
  started. Of it ``kernel_cpu_s_per_notebook`` is what the students' code and its kernel took, which
  no grader can do without: ``most`` is the speedup if there were nothing else.
- ``engine_growth_mb``, ``worker_growth_mb``: by how much the resident memory of ours grew from the
  first third of its run over ps1 to its end.
- ``torch_kernels``: proportional set size of kernels that have imported torch (`grade_memory`).

What it leaves out is said in the JSON (`LEFT_OUT`).

    make bench-grade
    .venv/bin/python tests/bench/grade.py --only ps1 --count 8 --sample 3
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench import grade_memory
from bench.grade_class import ASSIGNMENTS, CHECKOUT, course, students
from bench.grade_sides import Taken, copy_of, growth, ours, stock
from bench.gradebooks import differences

SESSION: Final = CHECKOUT / ".venv" / "session" / "bin" / "python"
TORCH: Final = CHECKOUT / ".venv" / "torch" / "bin" / "python"
TARGETS: Final = {"speedup_ps1": 20, "speedup_demo": 20, "speedup_torch": 30}

LEFT_OUT: Final = (
    "collecting and publishing, which are not grading",
    "Slurm: everything runs on this machine",
    "dishonest work, which tests/hostile has",
    "the first run after an installation, whose files are not in memory yet",
    "of stock, all students but a sample: the rest is projected",
)

console = Console(width=100, stderr=True)


def projected(alone: float, sample: float, sampled: int, count: int) -> float:
    """What a class of `count` takes, by what one and `sampled` of its students take."""
    return alone + (sample - alone) / (sampled - 1) * (count - 1)


def turn(name: str, folder: Path, python: Path, count: int, sample: int) -> dict[str, Any]:
    """One assignment, by both sides."""
    assignment = ASSIGNMENTS[name]
    course(folder / "course", assignment, count, python)
    notebooks = len(list((folder / "course" / "source" / assignment.name).glob("*.ipynb")))
    people = students(count)
    sampled = people[:: max(1, count // sample)][:sample]
    log = folder / "log"
    alone = stock(
        copy_of(folder / "course", folder / "alone", sampled[:1]), assignment, python, log
    )
    theirs = copy_of(folder / "course", folder / "stock", sampled)
    stock_took = stock(theirs, assignment, python, log)
    mine = copy_of(folder / "course", folder / "ours", people)
    ours_took, submissions = ours(mine, assignment, python, log)
    different = differences(theirs / "gradebook.db", mine / "gradebook.db", sampled)
    odd = [each for each in submissions if each["state"] != "graded"]
    whole = [
        projected(one, some, len(sampled), count)
        for one, some in zip(figures(alone), figures(stock_took), strict=True)
    ]
    both = {"stock": whole, "ours": figures(ours_took)}
    kernels = sum(each["cpu_seconds"] for each in submissions)
    return {
        "kernel_cpu_s_per_notebook": round(kernels / count / notebooks, 3),
        "most": round(both["stock"][0] / (kernels / (os.cpu_count() or 1)), 1),
        "speedup": round(both["stock"][0] / both["ours"][0], 1),
        "equal": not different and not odd and len(submissions) == count,
        "differences": different[:5],
        "odd": odd[:5],
        "students": count,
        "stock_students": len(sampled),
        "notebooks_each": notebooks,
        "engine_growth_mb": growth(ours_took.memory.get("", [])),
        "worker_growth_mb": growth(ours_took.memory.get("worker", [])),
        **{
            side: {
                "seconds": round(seconds, 2),
                "notebooks_per_s": round(count * notebooks / seconds, 2),
                "cpu_s_per_notebook": round(cpu / count / notebooks, 3),
            }
            for side, (seconds, cpu) in both.items()
        },
    }


def has_torch(python: Path) -> bool:
    """Whether an interpreter is there and imports torch."""
    command = [str(python), "-c", "import torch"]
    return python.exists() and subprocess.run(command, check=False).returncode == 0


def figures(taken: Taken) -> list[float]:
    """Wall clock and CPU, in seconds."""
    return [taken.wall_s, taken.cpu_s]


def summarise(
    found: Mapping[str, Sequence[Mapping[str, Any]]], why_not: Mapping[str, str]
) -> dict[str, Any]:
    """The flat keys; null where nothing was measured."""
    everything = [each for rounds in found.values() for each in rounds]
    grown = {
        name: [each[name] for each in found.get("ps1", ()) if each[name] is not None]
        for name in ("engine_growth_mb", "worker_growth_mb")
    }
    return {
        **{
            f"speedup_{name}": median(each["speedup"] for each in found[name])
            if found.get(name)
            else None
            for name in ASSIGNMENTS
        },
        "gradebooks_equal": all(each["equal"] for each in everything) if everything else None,
        **{name: max(values) if values else None for name, values in grown.items()},
        "why_not": dict(why_not),
    }


def table(flat: Mapping[str, Any], found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """What came out, and what should."""
    shown = Table("figure", "target", "measured", "", title="Grading a class of students")
    for name, value in flat.items():
        if name == "left_out":
            continue
        least = TARGETS.get(name)
        verdict = "" if least is None or value is None else "yes" if value >= least else "NO"
        shown.add_row(name, f"≥ {least}" if least else "", str(value), verdict)
    for name, rounds in found.items():
        for side in ("stock", "ours"):
            for figure in rounds[0][side]:
                values = " ".join(str(each[side][figure]) for each in rounds)
                shown.add_row(f"{name}, {side}: {figure}", "", values, "")
    return shown


def main(
    count: Annotated[int, typer.Option(min=2, help="Students who have handed in.")] = 100,
    sample: Annotated[int, typer.Option(min=2, help="Of them, those that stock grades.")] = 16,
    rounds: Annotated[int, typer.Option(min=1)] = 2,
    only: Annotated[list[str] | None, typer.Option(help="Only this assignment.")] = None,
    python: Annotated[Path, typer.Option(help="The session side's interpreter.")] = SESSION,
    torch: Annotated[Path, typer.Option(help="One that has torch, too.")] = TORCH,
) -> None:
    """Measure; print JSON, and write it to ``$LESESAL_HOME/bench/grade.json``.

    With `--only`: ``grade-part.json``.
    """
    names = [name for name in ASSIGNMENTS if not only or name in only]
    if unknown := set(only or []) - set(ASSIGNMENTS):
        sys.exit(f"There is no assignment {' and '.join(sorted(unknown))} here.")
    # Where it is set, every command compiles what is not compiled yet again and again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    target = Path(os.environ.get("LESESAL_HOME", "var"), "bench").resolve()
    target.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[dict[str, Any]]] = {}
    why_not = {}
    memory = None
    for name in names:
        interpreter = torch if name == "torch" else python
        if name == "torch" and not has_torch(torch):
            why_not[name] = f"{torch} has no torch: make bench-grade builds it where it can be had."
            continue
        for number in range(rounds):
            folder = Path(tempfile.mkdtemp(prefix="lesesal-bench-grade-"))
            try:
                each = turn(name, folder, interpreter, count, min(sample, count))
            except RuntimeError as error:
                sys.exit(str(error))
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            console.print(name, number + 1, each)
            found.setdefault(name, []).append(each)
        if name == "torch":
            memory = grade_memory.measure(torch)
    flat = summarise(found, why_not) | {"torch_kernels": memory, "left_out": LEFT_OUT}
    everything = json.dumps({**flat, **found}, indent=2)
    target /= "grade-part.json" if only else "grade.json"
    target.write_text(everything + "\n")
    console.print(table(flat, found), f"Written to {target}")
    print(everything)


if __name__ == "__main__":
    typer.run(main)

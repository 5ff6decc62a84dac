"""How soon a kernel answers, and what it takes of memory, ours and stock: `make bench-kernel`.

Ours is forked by a fork server that has imported the cell's library, as in a session; stock is
started by jupyter_client as Jupyter does it. Both have the same versions of all packages, bytecode
compiled, and in turn the same client, which asks the first cell at once and does not sleep.

- `ready_s`: from asking for a new kernel until the reply to its first cell, which imports the
  library and computes a sum with it.
- `restarted_s`: the same from the wish to restart a kernel, its polite end included.
- `cpu_s`: CPU seconds, user and system, that a new kernel takes until that reply; ours with what
  its fork server does for it.
- `pss_mb`: proportional set size of three kernels that have answered, in MiB; ours with the server.

Medians over the rounds, after a warm-up.

    make bench-kernel
    .venv/bin/python tests/bench/kernel.py --rounds 3 --library numpy
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.grade import SESSION, TORCH, has_torch

CELLS: Final = {
    "torch": "import torch\ntorch.ones(2).sum().item()",
    "numpy": "import numpy\nnumpy.ones(2).sum().item()",
}
TARGETS: Final = {"ready_s": 0.15, "restarted_s": 0.15}
NO_TORCH: Final = "There is no torch in .venv/torch, so this is with numpy."

console = Console(width=100, stderr=True)


@contextmanager
def side(name: str, python: Path, library: str) -> Iterator[subprocess.Popen[str]]:
    """A side that can be asked. Raises RuntimeError where it does not come up."""
    program = Path(__file__).with_name("kernel_sides.py")
    # Each kernel warns there that it listens without encryption, on this machine alone.
    with TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [str(python), str(program), name, CELLS[library], library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        with process:
            try:
                answer(process)
                yield process
            except RuntimeError:
                said.seek(0)
                sys.stderr.write(said.read())
                raise
            assert process.stdin is not None
            process.stdin.close()


def answer(process: subprocess.Popen[str], wish: str = "") -> dict[str, float]:
    """What a side says to a wish. Raises RuntimeError where it says nothing."""
    assert process.stdin is not None
    assert process.stdout is not None
    if wish:
        process.stdin.write(f"{wish}\n")
        process.stdin.flush()
    said = process.stdout.readline()
    if not said:
        raise RuntimeError(f"A side ended with status {process.wait()}; it says why above.")
    return dict(json.loads(said))


def measure(python: Path, library: str, rounds: int) -> dict[str, dict[str, list[float]]]:
    """By side, what each round found; the sides are asked in turn."""
    found: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        both = {
            name: stack.enter_context(side(name, python, library)) for name in ("ours", "stock")
        }
        for number in range(rounds + 1):
            for name, process in both.items():
                for each, value in answer(process, "times").items():
                    if number:
                        found.setdefault(name, {}).setdefault(each, []).append(value)
        for name, process in both.items():
            found[name]["pss_mb"] = [answer(process, "memory")["pss_mb"]]
    return found


def summarise(found: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, float]:
    """Medians under flat keys, stock's with ``stock_`` before them."""
    return {
        f"{'stock_' if name == 'stock' else ''}{each}": round(median(values), 4)
        for name, said in found.items()
        for each, values in said.items()
    }


def table(flat: Mapping[str, Any]) -> Table:
    shown = Table("with " + flat["library"], "ours", "stock", "target")
    for name in ("ready_s", "restarted_s", "cpu_s", "pss_mb"):
        target = TARGETS.get(name)
        ours, stock = (f"{flat[key]:.3g}" for key in (name, f"stock_{name}"))
        shown.add_row(name, ours, stock, f"≤ {target}" if target else "")
    return shown


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 10,
    library: Annotated[str, typer.Option(help="torch or numpy; torch where there is one.")] = "",
) -> None:
    """Measure; print JSON, and write it to ``$LESESAL_HOME/bench/kernel.json``."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    note = "" if library or has_torch(TORCH) else NO_TORCH
    library = library or ("numpy" if note else "torch")
    if library not in CELLS:
        sys.exit(f"There is no cell for {library!r}: {', '.join(CELLS)}.")
    try:
        found = measure(TORCH if library == "torch" else SESSION, library, rounds)
    except RuntimeError as error:
        sys.exit(str(error))
    flat = {**summarise(found), "library": library, "rounds": rounds, "note": note}
    everything = json.dumps({**flat, **found}, indent=2)
    target = Path(os.environ.get("LESESAL_HOME", "var"), "bench").resolve()
    target.mkdir(parents=True, exist_ok=True)
    (target / "kernel.json").write_text(everything + "\n")
    console.print(table(flat), note, f"Written to {target / 'kernel.json'}")
    print(everything)


if __name__ == "__main__":
    typer.run(main)

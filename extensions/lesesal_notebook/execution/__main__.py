"""Execute tasks of a grading run (docs/grading-run.md).

    python -P -m lesesal_notebook.execution RUN

Keys come one a line on standard input, from ``--keys FILE``, or are a ``--shard I/N`` of all tasks.
With ``-`` for RUN, the first line of standard input names it: what ``--ahead`` names is imported
until then. Events go to standard output, a JSON object a line; everything else to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ..session.imports import spared
from .runs import Run, RunError
from .servers import Servers

if TYPE_CHECKING:
    from .worker import Worker

INTERRUPTED = 143
"""As a shell tells of SIGTERM."""

FIRST_LINE = "-"
"""In a run's place, where standard input names it."""


def main() -> int:
    """Returns the exit status: 0, 1 for what is no run, 143 after SIGTERM."""
    options = _options()
    # Only events go there, whatever is printed by whom.
    events = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    servers = Servers(options.ahead)
    try:
        run = Run.open(Path(options.run)) if options.run != FIRST_LINE else None
        if run is not None:
            servers = Servers(run.preload)
        servers.begin()
        with spared():
            # Dear to import; the server imports meanwhile.
            from .worker import Worker
        if run is None:
            run = _named()
            if run is None:
                return 0
            if [*run.preload] != options.ahead:
                servers.close()
                servers = Servers(run.preload)
        worker = Worker(
            *(run, servers, lambda event: print(json.dumps(event), file=events, flush=True)),
            patience=options.patience,
        )
        return asyncio.run(_work(worker, run, options))
    except RunError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        servers.close()


def _named() -> Run | None:
    """The run that the first line of standard input names; None where it ends without. RunError."""
    folder = sys.stdin.readline().rstrip("\n")
    return Run.open(Path(folder)) if folder else None


async def _work(worker: Worker, run: Run, options: argparse.Namespace) -> int:
    keys: asyncio.Queue[str | None] = asyncio.Queue()
    if options.shard:
        part, parts = options.shard
        given: list[str] | None = run.keys()[part::parts]
    elif options.keys:
        given = options.keys.read_text("ascii").split()
    else:
        given = None
        loop = asyncio.get_running_loop()
        threading.Thread(target=_read, args=(loop, keys), daemon=True).start()
    if given is not None:
        for key in [*given, None]:
            keys.put_nowait(key)
    work = asyncio.create_task(worker.work(keys, options.workers))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        return INTERRUPTED
    return 0


def _read(loop: asyncio.AbstractEventLoop, keys: asyncio.Queue[str | None]) -> None:
    """Keys from standard input, as they come."""
    try:
        for text in sys.stdin:
            if text.strip():
                loop.call_soon_threadsafe(keys.put_nowait, text.strip())
        loop.call_soon_threadsafe(keys.put_nowait, None)
    except RuntimeError:
        # The loop has ended before the input.
        return


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    found = int(part), int(parts)
    if not 0 <= found[0] < found[1]:
        raise ValueError(text)
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m lesesal_notebook.execution", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "run", metavar="RUN", help="the run's folder; - for the first line of standard input"
    )
    parser.add_argument(
        "--ahead",
        type=lambda text: [name for name in text.split(",") if name],
        default=[],
        metavar="MODULES",
        help="with -: what is likely to be preloaded, with commas between",
    )
    parser.add_argument("--workers", type=int, default=1, help="notebooks at a time")
    parser.add_argument(
        "--patience",
        type=float,
        default=1.0,
        help="how many times as long the limits of wall clock are, where more notebooks run than"
        " there are cores",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--keys", type=Path, metavar="FILE", help="keys, one a line")
    which.add_argument(
        "--shard", type=_shard, metavar="I/N", help="every Nth task from the Ith, 0/1"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

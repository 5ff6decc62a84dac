"""A long loop in files, so that it can be seen when its page is closed and its kernel is gone.

A loop has a folder: ``progress.json`` is how it stands, ``progress.jsonl`` has a line for each
report that is kept, with its step, and of an inner loop with how deep it is ("in"). In a batch job
it is the task's folder, else one of the newest `KEPT` below ``~/.local/state/lesesal/progress/``.
Numbers that JSON has none for are the texts "NaN", "Infinity"
and "-Infinity".
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .curves import Row
from .seen import Loop, Seen, State

TASK = "LESESAL_BATCH_TASK"
STATUS, REPORTS = "progress.json", "progress.jsonl"
KEPT = 20
# Lines that the reports may grow by before they are written anew, thinned.
SPARE = 2000
# Of a loop on another machine nobody can say whether it still runs; after so many seconds without
# news it is taken for ended.
SILENCE = 3600.0


def home() -> Path:
    """Where loops outside of batch jobs are kept."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "lesesal" / "progress"


class Files:
    """Writes one loop down. A disk that is full or away does not stop the loop.

    Args:
        folder: made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun = False
        self._written: dict[int, int] = {}
        self._lines = 0
        self._process = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "born": _born(os.getpid()),
        }

    def write(self, seen: Seen) -> None:
        """How it stands now."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            rows = sum(len(loop.rows) for loop in seen.loops)
            over = seen.state is not State.RUNNING
            if over or not self._begun or self._lines > rows + SPARE:
                self._rewrite(seen)
            else:
                self._append(seen)
            _replace(self._folder / STATUS, json.dumps(_status(seen) | {"process": self._process}))

    def _rewrite(self, seen: Seen) -> None:
        self._written = {}
        self._lines = 0
        _replace(self._folder / REPORTS, self._news(seen))
        self._begun = True

    def _append(self, seen: Seen) -> None:
        text = self._news(seen)
        if text:
            with (self._folder / REPORTS).open("a", encoding="utf-8") as file:
                file.write(text)

    def _news(self, seen: Seen) -> str:
        lines = []
        for depth, loop in enumerate(seen.loops):
            before = self._written.get(depth, -1)
            for step, values in loop.rows:
                if step > before:
                    place = {"in": depth} if depth else {}
                    lines.append(json.dumps({"step": step, **place, **_plain(values)}))
            if loop.rows:
                self._written[depth] = loop.rows[-1][0]
        self._lines += len(lines)
        return "".join(f"{line}\n" for line in lines)


def prune() -> None:
    """Take the oldest away, but for the newest `KEPT`."""
    with contextlib.suppress(OSError):
        for folder in _folders()[KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)


def kept() -> Iterator[Seen]:
    """The loops that there are files of, those that were started last first."""
    for folder in _folders():
        seen = read(folder)
        if seen is not None:
            yield seen


def read(folder: Path) -> Seen | None:
    """A loop as its files have it; None when there are none that can be read."""
    try:
        status = json.loads((folder / STATUS).read_text("utf-8"))
        rows: dict[int, list[Row]] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in (folder / REPORTS).read_text("utf-8").splitlines():
                # The last one may be half written.
                with contextlib.suppress(ValueError):
                    report = json.loads(line)
                    depth, step = int(report.pop("in", 0)), int(report.pop("step"))
                    rows.setdefault(depth, []).append((step, _numbers(report)))
        seen = _seen(folder.name, status, rows)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return seen


def _folders() -> list[Path]:
    # Their names begin with the time.
    with contextlib.suppress(OSError):
        return sorted((each for each in home().iterdir() if each.is_dir()), reverse=True)
    return []


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(text, "utf-8")
    new.replace(path)


def _status(seen: Seen) -> dict[str, Any]:
    outer = seen.loops[0]
    latest = {name: value for loop in seen.loops for name, value in loop.values.items()}
    return {
        **_loop_status(outer),
        "values": _plain(latest),
        "updated": seen.updated,
        "started": seen.started,
        "state": seen.state.value,
        "error": seen.error,
        "inner": [_loop_status(loop) for loop in seen.loops[1:]],
    }


def _loop_status(loop: Loop) -> dict[str, Any]:
    return {
        "name": loop.name,
        "done": loop.done,
        "total": loop.total,
        "rate": loop.rate,
        "left": loop.left,
        "seconds": loop.seconds,
    }


def _seen(id_: str, status: Mapping[str, Any], rows: Mapping[int, list[Row]]) -> Seen:
    loops = []
    for depth, each in enumerate([status, *status["inner"]]):
        reports = tuple(rows.get(depth, ()))
        latest = {name: value for _step, values in reports for name, value in values.items()}
        total, left = each["total"], each["left"]
        loops.append(
            Loop(
                str(each["name"]),
                int(each["done"]),
                None if total is None else int(total),
                float(each["seconds"]),
                None if each["rate"] is None else float(each["rate"]),
                None if left is None else float(left),
                latest,
                reports,
            )
        )
    state = State(status["state"])
    if state is State.RUNNING and _ended(status["process"], float(status["updated"])):
        state = State.GONE
    return Seen(
        id_,
        tuple(loops),
        state,
        float(status["started"]),
        float(status["updated"]),
        str(status["error"]),
    )


def _ended(process: Mapping[str, Any], updated: float) -> bool:
    if process["host"] != socket.gethostname():
        return time.time() - updated > SILENCE
    return _born(int(process["pid"])) != process["born"]


def _born(pid: int) -> int | None:
    """When a process was started, by the machine's own count (proc(5)); None when there is none."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
        # The program's name, in parentheses, may have anything in it.
        return int(text.rpartition(")")[2].split()[19])
    return None


def _plain(values: Mapping[str, float]) -> dict[str, float | str]:
    return {
        name: value if math.isfinite(value) else json.dumps(value) for name, value in values.items()
    }


def _numbers(report: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in report.items()}

"""What is measured inside a hub's process: how long its event loop is blocked and by what, and how
often it asks its database and its cluster.

Written as JSON now and then: `read` has it in the other process. Times are in seconds.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

BEAT = 0.02
# The loop is late: what it does is written down, once for each moment that it goes on.
LATE = 0.2
# From one writing to the next.
WRITTEN = 0.25
# Blocks below this are of no interest one by one.
LISTED = 0.1


class Gauge:
    """Measures the loop that it is made in, until the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts: Counter[str] = Counter()
        self._blocks: list[tuple[float, float, float]] = []
        self._collecting = self._collected = 0.0
        self._stacks: Counter[str] = Counter()
        self._busy: Counter[int] = Counter()
        self._beat = time.monotonic()
        self._cpu = time.thread_time()
        self._loop = asyncio.get_running_loop()
        self._main = threading.get_ident()
        event.listen(Engine, "commit", lambda _: self.count("commits"))
        event.listen(Engine, "before_cursor_execute", lambda *_: self.count("statements"))
        gc.callbacks.append(self._collects)
        self._on_time()
        threading.Thread(target=self._watch, daemon=True).start()

    def count(self, what: str) -> None:
        """One more of this."""
        self._counts[what] += 1

    def _collects(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.monotonic()
        else:
            self._collected = max(self._collected, time.monotonic() - self._collecting)

    def _on_time(self) -> None:
        now, cpu = time.monotonic(), time.thread_time()
        late = now - self._beat - BEAT
        if late > LISTED:
            # By when, how long, and for how much of it this thread had a processor.
            self._blocks.append((time.time(), late, cpu - self._cpu))
        self._busy[int(time.time())] += cpu - self._cpu
        self._beat, self._cpu = now, cpu
        self._loop.call_later(BEAT, self._on_time)

    def _watch(self) -> None:
        written = 0.0
        while True:
            time.sleep(0.05)
            if time.monotonic() - self._beat > LATE + BEAT:
                frame = sys._current_frames().get(self._main)
                self._stacks["".join(traceback.format_stack(frame)[-14:])] += 1
            if time.monotonic() - written > WRITTEN:
                written = time.monotonic()
                self._write()

    def _write(self) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(
            json.dumps(
                {
                    "at": time.time(),
                    "counts": dict(self._counts),
                    "blocks": list(self._blocks),
                    "busy": {second: round(cpu, 2) for second, cpu in self._busy.items()},
                    "longest_collection": self._collected,
                    "stacks": self._stacks.most_common(40),
                }
            )
        )
        new.rename(self._path)


def read(path: Path) -> dict[str, Any]:
    """What was measured until now; waits for what is written next."""
    asked = time.time()
    while True:
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text())
            if found["at"] >= asked:
                return found
        if time.time() - asked > 30:
            raise TimeoutError(f"{path} is not written any more")
        time.sleep(0.05)

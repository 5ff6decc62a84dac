"""What a task leaves for who looks at it: ``status.json`` and ``log.txt``."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import files
from .look import RUNNING

# Seconds between two signs of life.
BEAT = 5.0
LARGEST_LOG = 20 << 20


@dataclass(frozen=True)
class Said:
    """A sentence for ``status.json``: a job does not know in which language it will be read."""

    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """The sentence, and what it is made of."""
        filled = self.text.format(**self.values) if self.values else self.text
        return {"sentence": filled, "text": self.text, "values": dict(self.values)}


class Status:
    """``status.json`` of a task that runs; `beat` keeps it fresh."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / files.STATUS
        self._lock = threading.Lock()
        before = files.read(self._path)
        self._fields: dict[str, Any] = {
            "state": RUNNING,
            "cell": 0,
            "cells": 0,
            "started": time.time(),
            "attempt": int(before.get("attempt") or 0) + 1,
            "node": os.environ.get("SLURMD_NODENAME") or os.uname().nodename,
            "seconds": [],
            "sentence": "",
        }

    @property
    def attempt(self) -> int:
        """How often the task has begun."""
        return int(self._fields["attempt"])

    def tell(self, **fields: Any) -> None:
        """Change and write it. A full disk is no reason to end what runs."""
        with self._lock, contextlib.suppress(OSError):
            self._fields.update(fields, updated=time.time())
            files.write(self._path, self._fields)

    @property
    def number(self) -> int:
        """The cell that the notebook is in; 0 before."""
        return int(self._fields["cell"])

    def cell(self, number: int, cells: int) -> None:
        """The notebook is in its cell `number` of `cells` now."""
        self.tell(cell=number, cells=cells, seconds=self._seconds(), cell_started=time.time())

    def end(self, state: str, said: Said) -> None:
        """The last word on the task."""
        self.tell(state=state, seconds=self._seconds(), ended=time.time(), **said.fields())

    def _seconds(self) -> list[float]:
        """What each cell has taken so far."""
        started = self._fields.get("cell_started")
        took = [round(time.time() - started, 3)] if started else []
        return [*self._fields["seconds"], *took]

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Give a sign of life while the notebook runs."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT):
                self.tell()

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


class Log:
    """``log.txt``: what the cells printed, as papermill writes it; bounded."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._room = LARGEST_LOG - path.stat().st_size

    def write(self, text: str) -> None:
        """Append, as long as there is room."""
        if self._room <= 0:
            return
        self._room -= len(text)
        with contextlib.suppress(OSError):
            self._file.write(text)
            if self._room <= 0:
                self._file.write("\nThe log is full; what follows is in the notebook only.\n")

    def flush(self) -> None:
        """See `io.TextIOBase.flush`."""
        with contextlib.suppress(OSError):
            self._file.flush()

    def close(self) -> None:
        """See `io.TextIOBase.close`."""
        with contextlib.suppress(OSError):
            self._file.close()

"""Loops while they run: what is counted, and when it is looked at."""

from __future__ import annotations

import os
import time
import warnings
from collections import deque
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from .curves import Curves, floats
from .files import TASK, Files, home, prune
from .screen import Nowhere, Screen, cell, screen
from .seen import Loop, Seen, State

# Seconds over which the rate is counted, and between two writings of the files.
WINDOW = 60.0
WRITTEN = 1.0
# Shorter loops leave no files behind.
SHORT = 1.0
# A look may take this share of the time; when it is slow there are fewer.
SHARE = 0.05

_numbers = count(1)
# Tasks of batch jobs whose files a loop of this process writes.
_tasks: set[str] = set()


class Track:
    """One loop of a root's, over all its turns: counted, and what it reported."""

    def __init__(self, name: str, total: int | None) -> None:
        self.name, self.total = name, total
        self.done = 0
        # Steps of the turns before this one.
        self.before = 0
        self.curves = Curves()
        self.waiting: list[tuple[int, dict[str, Any]]] = []
        self._began = time.monotonic()
        self._marks: deque[tuple[float, int]] = deque([(self._began, 0)], maxlen=200)

    def again(self, total: int | None) -> None:
        """Another turn."""
        self.settle()
        self.before += self.done
        self.done, self.total = 0, total
        self._began = time.monotonic()
        self._marks.clear()
        self._marks.append((self._began, 0))

    def settle(self) -> None:
        """Look at what was reported."""
        waiting, self.waiting = self.waiting, []
        for step, values in floats(waiting):
            self.curves.add(self.before + step, values)

    def loop(self) -> Loop:
        """As it is now."""
        self.settle()
        now, marks = time.monotonic(), self._marks
        while len(marks) > 1 and now - marks[0][0] > WINDOW:
            marks.popleft()
        since, before = marks[0]
        rate = (self.done - before) / (now - since) if now > since else 0.0
        marks.append((now, self.done))
        left = (self.total - self.done) / rate if self.total is not None and rate > 0 else None
        return Loop(
            self.name,
            self.done,
            self.total,
            now - self._began,
            rate or None,
            None if left is None else max(0.0, left),
            dict(self.curves.latest),
            tuple(self.curves.rows()),
        )


class Root:
    """The outermost loop with those within it: one place on the screen, one folder."""

    def __init__(self) -> None:
        self.due = float("inf")
        self.cell = cell()
        self._tracks: list[Track] = []
        self._id = ""
        self._started = 0.0
        self._written = float("-inf")
        self._screen: Screen = Nowhere()
        self._files: Files | None = None
        self._task = ""
        self._last: Seen | None = None

    def track(self, depth: int, name: str, total: int | None) -> Track:
        """That of a loop that begins at this depth."""
        if len(self._tracks) > depth and self._tracks[depth].name == name:
            self._tracks[depth].again(total)
        else:
            del self._tracks[depth:]
            self._tracks.append(Track(name, total))
        return self._tracks[depth]

    def begin(self) -> None:
        """It is shown from now on."""
        self._started = time.time()
        stamp = datetime.fromtimestamp(self._started).astimezone().strftime("%Y%m%d-%H%M%S")
        self._id = f"{stamp}-{os.getpid()}-{next(_numbers)}"
        task = os.environ.get(TASK, "")
        if not task:
            prune()
        # Of several at once in a batch job, the first is the one that its panel shows.
        if task not in _tasks:
            self._task = task
            if task:
                _tasks.add(task)
            self._files = Files(Path(task) if task else home() / self._id)
        self._screen = screen(self._id)
        self.look()

    def look(self, state: State = State.RUNNING, error: str = "") -> None:
        """Show it and write it down, as it is now."""
        # Not while it looks: what is drawn may report.
        self.due = float("inf")
        began = time.monotonic()
        loops = tuple(track.loop() for track in self._tracks)
        self._say(Seen(self._id, loops, state, self._started, time.time(), error))
        now = time.monotonic()
        if state is State.RUNNING:
            self.due = now + max(self._screen.pace, (now - began) / SHARE)

    def end(self, state: State, error: str) -> None:
        """It is over."""
        self.look(state, error)
        _tasks.discard(self._task)

    def failed(self, error: str) -> None:
        """It was left, as is known now, because of an error."""
        if self._last is not None and self._last.state is State.LEFT:
            self._say(replace(self._last, state=State.FAILED, error=error))

    def _say(self, seen: Seen) -> None:
        self._last = seen
        over = seen.state is not State.RUNNING
        lasts = self._task or seen.updated - self._started >= SHORT
        if self._files and lasts and (over or time.monotonic() - self._written >= WRITTEN):
            self._files.write(seen)
            self._written = time.monotonic()
        try:
            self._screen.show(seen)
        except Exception as error:  # nobody's training ends because of its picture
            self._screen = Nowhere()
            warnings.warn(f"The loop goes on, but can't be shown: {error!r}.", stacklevel=2)

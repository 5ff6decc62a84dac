"""`progress`: a live curve for a long loop.

    run = progress(batches, name="training")
    for batch in run:
        …
        run.report(loss=loss, lr=rate)

    with progress(total=1000, name="training") as run:  # for loops that others own
        run.step(loss=loss)

A step costs a tenth of a microsecond, one with a report two: what is reported is looked at a few
times a second only. The loop goes on when the page is closed, and `progress.show()` shows it again,
in any notebook.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

from .curves import number
from .screen import cell, shell
from .seen import State
from .shown import Shown, shown
from .tracks import Root, Track

T = TypeVar("T")

# Reports that wait to be looked at.
WAITING = 2000

_open = threading.local()


class Progress(Generic[T]):
    """A long loop, shown while it runs.

    Args:
        iterable: what to iterate over; None when `step` counts.
        total: steps in all; by default the iterable's length, if it has one.
        name: what it is called; of nested ones each should have its own.
    """

    def __init__(
        self, iterable: Iterable[T] | None = None, total: int | None = None, name: str = ""
    ) -> None:
        self._iterable = iterable
        self._total = None if total is None else int(total)
        self._name = name
        self._track = Track(name, self._total)
        self._root = Root()
        self._at = 0
        self._begun = False
        # Of the steps of all turns, after which this one began, and its last.
        self._first = 0
        self._until: int | None = None

    def __iter__(self) -> Iterator[T]:
        if self._iterable is None:
            raise TypeError("There is nothing to iterate over: progress(iterable), or run.step().")
        self._begin()
        track, root, clock = self._track, self._root, time.monotonic
        try:
            for item in self._iterable:
                self._at = track.done + 1
                yield item
                track.done += 1
                if clock() >= root.due:
                    root.look()
        except GeneratorExit:
            # By `break`, or an error in the loop's body, which is known when the cell has ended.
            self._end(State.LEFT)
            _when_cell_failed(self._root)
            raise
        except BaseException as error:
            self._end(State.FAILED, error)
            raise
        self._end(State.DONE)

    def __enter__(self) -> Progress[T]:
        self._begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._end(State.FAILED, error)
        else:
            short = self._track.total is not None and self._track.done < self._track.total
            self._end(State.LEFT if short else State.DONE)

    def step(self, steps: int = 1, /, **values: Any) -> None:
        """Some steps more are done; values as for `report`.

        Raises RuntimeError when the loop has not begun: nothing would be shown.
        """
        if not self._begun:
            raise RuntimeError("The loop has not begun: with progress(total=…) as run: run.step().")
        self._track.done += steps
        self._at = self._track.done
        if values:
            self.report(**values)
        elif time.monotonic() >= self._root.due:
            self._root.look()

    def report(self, /, **values: Any) -> None:
        """Values at the current step: numbers, of numpy and torch too.

        Raises TypeError for what is no number.
        """
        for name, value in values.items():
            if type(value) is not float:
                try:
                    values[name] = number(value)
                except TypeError as error:
                    sentence = f"A value to report is one number; {name} is {error}."
                    raise TypeError(sentence) from None
        track = self._track
        waiting = track.waiting
        if waiting and waiting[-1][0] == self._at:
            waiting[-1][1].update(values)
        else:
            waiting.append((self._at, values))
            if len(waiting) >= WAITING:
                track.settle()
        if time.monotonic() >= self._root.due:
            self._root.look()

    @property
    def history(self) -> list[dict[str, float]]:
        """What was reported, by step; of long loops a part, with the ends and the extremes."""
        self._track.settle()
        first = self._first
        return [
            {"step": step - first, **values}
            for step, values in self._track.curves.rows()
            # The step of that number, in an inner loop, is the last of the turn before.
            if (step > first or not first) and (self._until is None or step <= self._until)
        ]

    @staticmethod
    def show(name: str | None = None) -> Shown:
        """The newest loop with this name, also of another notebook or of a kernel that is gone.

        Args:
            name: None for the newest of all.
        """
        return shown(name)

    def _begin(self) -> None:
        stack = _stack()
        if stack and stack[0]._root.cell != cell():
            # Left in an earlier cell, with its iterator kept somewhere.
            stack[0]._end(State.LEFT)
        self._root = stack[0]._root if stack else Root()
        self._track = self._root.track(len(stack), self._name, self._length())
        self._first, self._until = self._track.before, None
        self._at = 0
        self._begun = True
        stack.append(self)
        if len(stack) == 1:
            self._root.begin()

    def _length(self) -> int | None:
        if self._total is not None:
            return self._total
        try:
            return len(self._iterable)  # type: ignore[arg-type]
        except TypeError:
            return None

    def _end(self, state: State, error: BaseException | None = None) -> None:
        stack = _stack()
        if self not in stack:
            return
        self._until = self._track.before + self._track.done
        # And those within it that were left without having been closed.
        inner = stack.index(self)
        del stack[inner:]
        if inner == 0:
            self._root.end(state, "" if error is None else type(error).__name__)


def _stack() -> list[Progress[Any]]:
    """The loops that this thread is in, the outermost first."""
    if not hasattr(_open, "stack"):
        _open.stack = []
    return _open.stack


def _when_cell_failed(root: Root) -> None:
    """Say so when the cell that a loop was left in turns out to have ended with an error."""
    found = shell()
    if found is None or _stack():
        return

    def ended(result: Any) -> None:
        found.events.unregister("post_run_cell", ended)
        if result.error_in_exec is not None:
            root.failed(type(result.error_in_exec).__name__)

    found.events.register("post_run_cell", ended)


progress = Progress

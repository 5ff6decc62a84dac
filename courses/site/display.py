"""The live progress of a rehearsal: bars in a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from courses.rehearsal import Plan, Step

WORDS = {
    Step.LOGIN: "logged in",
    Step.START: "in the notebook",
    Step.CELL: "ran a cell",
    Step.SUBMIT: "handed in",
    Step.STOP: "left",
}
FAILED = "failed"
# Between lines, where no terminal is.
_SECONDS = 5.0


class Display:
    """Counts what is told, and shows it while it is open."""

    def __init__(self, plan: Plan, console: Console | None = None) -> None:
        self._plan = plan
        self._console = console or Console()
        self._counts: Counter[str] = Counter()
        self._failed: set[str] = set()
        self._began = self._last = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks = {
            words: self._progress.add_task(words, total=plan.students)
            for words in [*(WORDS[step] for step in plan.steps), FAILED]
        }

    def say(self, sentence: str) -> None:
        """A sentence, above the bars; elsewhere below how far it is."""
        if not self._console.is_terminal and self._counts:
            self._line()
        self._print(sentence)

    def tell(self, name: str, step: Step, ok: bool) -> None:
        """A student's step is over."""
        if ok:
            self._counts[WORDS[step]] += 1
        else:
            self._failed.add(name)
            self._counts[FAILED] = len(self._failed)
        for words, task in self._tasks.items():
            self._progress.update(task, completed=self._counts[words])
        if not self._console.is_terminal and time.monotonic() - self._last >= _SECONDS:
            self._line()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def _line(self) -> None:
        self._last = time.monotonic()
        counts = ", ".join(f"{self._counts[words]} {words}" for words in self._tasks)
        self._print(f"{self._last - self._began:.0f} s: {counts}")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

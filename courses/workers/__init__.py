"""Who executes a grading run (docs/grading-run.md): processes of this machine, or a Slurm array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

__all__ = ["Workers"]


class Workers(Protocol):
    """What executes the tasks of a run.

    Idempotent: a task that has a result is not executed again, so a run that was killed, engine,
    worker or node, goes on with the same call.
    """

    def run(self, run: Path, keys: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """Execute the tasks of a run; tell of each as it starts and ends.

        Args:
            run: the run's folder, which the workers must see at this path.
            keys: which tasks, each in the folder by the time that it is asked for.

        Yields ``(key, ended)``: False when a worker takes a task (a task that is taken again is
        told again), True once ``results/KEY.json`` is there. Whoever stops reading (closes the
        iterator) stops all workers. A task whose worker was lost is tried again, three times in
        all, then it ends with a result of state ``retry``. Raises `WorkersError` when none can
        work at all, with what to do.
        """
        ...

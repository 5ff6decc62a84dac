"""One run, as a notebook, a terminal and JupyterLab have it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..language import gettext as _
from ..language import latest
from . import files, submitting
from .errors import BatchError, NotFoundError
from .files import Plan
from .hub import Ear, Hub
from .look import DONE, View, look
from .text import lines, summary

EAR = Ear()
# Seconds between two looks while somebody waits.
PAUSE = 1.0


class Run:
    """One run of a notebook, in this session or an earlier one.

    In a notebook it shows itself as a live panel; `str()` of it is text.
    """

    def __init__(self, run: str) -> None:
        """Raises `NotFoundError`."""
        self._plan = files.read_plan(files.folder_of(run))
        self.id = run
        self._panel: Any = None

    @property
    def folder(self) -> Path:
        """Where its files are: ``~/batch/ID``."""
        return files.folder_of(self.id)

    @property
    def plan(self) -> Plan:
        """What was asked for."""
        return self._plan

    @property
    def state(self) -> str:
        """``waiting``, ``running``, ``done``, ``failed``, ``out of time``, ``cancelled``; ``lost``
        when it was killed."""
        return self.look().state

    @property
    def result(self) -> Path:
        """The executed notebook of the first task, as far as it is. Raises `NotFoundError`."""
        return self.result_of(1)

    def result_of(self, task: int) -> Path:
        """The executed notebook of a task. Raises `NotFoundError`."""
        path = files.task_folder(self.folder, task) / files.RESULT
        if not path.exists():
            raise NotFoundError(
                _("{run} has no result yet: it has not begun.", latest(), run=self.id)
            )
        return path

    def look(self) -> View:
        """How it stands, from its files and from the hub."""
        self._plan = files.read_plan(self.folder)
        told, silent = EAR.hear()
        about = None
        if told is not None and self._plan.server in ("", told.server):
            about = told.runs.get(self.id, {})
        view = look(self._plan, about, time.time(), latest(), silent=silent)
        if told is not None and about is None and view.alive:
            return replace(view, sentence=self._elsewhere())
        return view

    def _hub(self) -> Hub:
        """The hub, for this run. Raises `BatchError`."""
        hub = Hub.of_this_session()
        if self._plan.server not in ("", hub.server):
            raise BatchError(self._elsewhere())
        return hub

    def _elsewhere(self) -> str:
        return _(
            "It belongs to the course {course}: a session of that course knows how it stands.",
            latest(),
            course=self._plan.server,
        )

    def wait(self, timeout: float | None = None) -> str:
        """Wait until it has ended, at most so many seconds; its state then."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (view := self.look()).alive and (deadline is None or time.monotonic() < deadline):
            time.sleep(PAUSE)
        return view.state

    def cancel(self) -> None:
        """End it; what it has done so far is kept. Raises `BatchError`."""
        if not self.look().alive:
            return
        self._hub().cancel(self.id)
        with contextlib.suppress(OSError):  # The disk is full; the hub knows too.
            files.write_plan(self.folder, Plan(**{**vars(self._plan), "cancelled": True}))
        EAR.forget()

    def resume(self) -> Run:
        """Start what did not end well again, with its checkpoints; the new run.

        Raises `BatchError`, also where there is nothing to resume.
        """
        view = self.look()
        if view.alive:
            raise BatchError(
                _("{run} has not ended: cancel it first, or wait.", latest(), run=self.id)
            )
        if not view.unfinished:
            raise BatchError(
                _("{run} is done; there is nothing to go on with.", latest(), run=self.id)
            )
        new = submitting.resume(self._plan, view.unfinished, self._hub())
        EAR.forget()
        return Run(new)

    def results(self) -> list[dict[str, Any]]:
        """One dict for each task: its number, parameters, state, and what it recorded.

        Of a run that goes on with another one, the other's tasks that were done come first.
        """
        view = self.look()
        rows = []
        if self._plan.resumes:
            try:
                earlier = Run(self._plan.resumes).results()
            except NotFoundError:
                earlier = []
            rows = [row for row in earlier if row["state"] == DONE]
        for task in view.tasks:
            recorded = files.read(files.task_folder(self.folder, task.number) / files.RESULTS)
            shown = {**(task.parameters or {}), **recorded}
            rows.append({"task": task.number, "state": task.state, **shown})
        return rows

    def plot(self, x: str | None = None, y: str | None = None) -> Any:
        """A matplotlib figure of what the tasks recorded; several seeds are a mean and its range.

        Without names: the first one of the grid, and the first one that was recorded. Raises
        `BatchError`.
        """
        from .plots import plot

        return plot(self.results(), self._plan, x, y)

    def log(self, task: int = 1, count: int = 20) -> list[str]:
        """The last lines that a task printed."""
        return files.tail(files.task_folder(self.folder, task) / files.LOG, count)

    def summary(self) -> dict[str, Any]:
        """How it stands, as JSON has it."""
        return summary(self.look())

    def __str__(self) -> str:
        return "\n".join(lines(self.look(), latest()))

    def __repr__(self) -> str:
        return f"<batch run {self.id}: {self.state}>"

    def _ipython_display_(self) -> None:
        from .panel import Panel

        if self._panel is None or self._panel.closed:
            self._panel = Panel(self)
        self._panel.show()


def submit(
    notebook: str | Path,
    parameters: Mapping[str, Any] | None = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    offer: str | None = None,
    hours: float | None = None,
    name: str = "",
) -> Run:
    """Run a notebook as a batch job. Raises `BatchError`; what is refused leaves no folder.

    Args:
        notebook: its path; what runs is a copy of it as it is now, saved.
        parameters: values for what the cell tagged ``parameters`` sets.
        grid: for a sweep: a list of values for each name; each combination is a task.
        offer: the name of an offer; the course's first one without.
        hours: how long at most; the offer's own time without.
        name: a title for the list of runs.
    """
    run = submitting.submit(notebook, parameters or {}, grid or {}, offer, hours, name)
    EAR.forget()
    return Run(run)


def runs() -> list[Run]:
    """All of a person's runs, the latest first."""
    return [Run(plan.id) for plan in files.plans()]


def get(run: str) -> Run:
    """A run by its name. Raises `NotFoundError`."""
    return Run(run)


def offers() -> list[dict[str, Any]]:
    """What may be asked for: ``name``, ``title``, ``hours``, ``gpus``. Raises `BatchError`."""
    return Hub.of_this_session().told().offers

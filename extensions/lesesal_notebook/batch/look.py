"""How a run stands: what its files say and what the hub says, taken together.

The files know the notebook (its cell, its end); the hub knows the job (its place, its death). A
task that says that it runs and whose job has ended was killed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..language import gettext as _
from . import files
from .files import Plan

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
OUT_OF_TIME, CANCELLED, LOST = "out of time", "cancelled", "lost"
ALIVE = frozenset({WAITING, RUNNING})
ENDED_WELL = frozenset({DONE})
# Worst first: what a sweep as a whole is said to be once nothing of it is alive.
_WORST = (LOST, FAILED, OUT_OF_TIME, CANCELLED, DONE)
# Seconds that files of another machine may be behind, and that the hub's look may be old.
LAG = 15.0


@dataclass(frozen=True)
class Task:
    """How one task stands.

    Attributes:
        number: from 1.
        state: `WAITING` … `LOST`.
        sentence: why, or what happens; may be empty.
        cell, cells: the cell that it is in, of how many; 0 before.
        started, ended: in seconds since 1970; None before.
        node: the machine; may be empty.
        attempt: how often it has begun.
        progress: what `progress()` last said: ``name``, ``done``, ``total``, ``left``, ``values``,
            ``state``.
        parameters: what it was given.
        has_result: whether there is an executed notebook, however far.
    """

    number: int
    state: str
    sentence: str = ""
    cell: int = 0
    cells: int = 0
    started: float | None = None
    ended: float | None = None
    node: str = ""
    attempt: int = 1
    progress: Mapping[str, Any] | None = None
    parameters: Mapping[str, Any] | None = None
    has_result: bool = False

    @property
    def alive(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ALIVE

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1: its cells, and within one what `progress()` says."""
        if self.state == DONE:
            return 1.0
        if not self.cells:
            return 0.0
        inner = 0.0
        # One that is over may be of an earlier cell.
        if self.progress and self.progress.get("state") == RUNNING:
            done, total = self.progress.get("done"), self.progress.get("total")
            if isinstance(done, int | float) and isinstance(total, int | float) and total > 0:
                inner = min(1.0, done / total)
        return min(1.0, (max(0, self.cell - 1) + inner) / self.cells)


@dataclass(frozen=True)
class View:
    """How a run stands.

    Attributes:
        plan: what was asked for.
        state: of all its tasks taken together.
        sentence: why, or what happens; may be empty.
        tasks: each of them.
        place, queue_length: in the queue; None when unknown.
        expected: from when to when it may start; None when nobody says.
        silent: whether the hub was asked and did not answer, so that only files tell.
        job: the cluster's name of the job; may be empty.
    """

    plan: Plan
    state: str
    sentence: str
    tasks: tuple[Task, ...]
    place: int | None = None
    queue_length: int | None = None
    expected: tuple[float, float] | None = None
    silent: bool = False
    job: str = ""

    @property
    def alive(self) -> bool:
        """Whether a task waits or runs."""
        return self.state in ALIVE

    @property
    def fraction(self) -> float:
        """How far it is, 0 to 1."""
        return sum(task.fraction for task in self.tasks) / max(1, len(self.tasks))

    @property
    def unfinished(self) -> tuple[int, ...]:
        """The tasks that ended without being done, which a resumed run goes on with."""
        return tuple(task.number for task in self.tasks if task.state not in ALIVE | ENDED_WELL)

    @property
    def resumable(self) -> bool:
        """Whether `Run.resume` has something to do."""
        return not self.alive and bool(self.unfinished)


def look(
    plan: Plan, told: Mapping[str, Any] | None, now: float, language: str, *, silent: bool = False
) -> View:
    """How a run stands.

    Args:
        plan: what was asked for.
        told: what the hub says of it; empty where it does not know the run, None where it was not
            asked or does not answer.
        now: in seconds since 1970.
        language: of the sentences.
        silent: whether the hub was asked and did not answer.
    """
    folder = files.folder_of(plan.id)
    tasks = tuple(
        _task(plan, files.task_folder(folder, number), number, told, now, language)
        for number in range(1, plan.tasks + 1)
    )
    state = _together(tasks)
    expected = (told or {}).get("expected")
    return View(
        plan=plan,
        state=state,
        sentence=_sentence(tasks, state, told or {}, language),
        tasks=tasks,
        place=(told or {}).get("place") if state == WAITING else None,
        queue_length=(told or {}).get("queue_length") if state == WAITING else None,
        expected=(expected[0], expected[1]) if expected and state == WAITING else None,
        silent=silent,
        job=str((told or {}).get("job") or ""),
    )


def _task(
    plan: Plan,
    folder: Any,
    number: int,
    told: Mapping[str, Any] | None,
    now: float,
    language: str,
) -> Task:
    status = files.read(folder / files.STATUS)
    job = _job_of(told, number)
    state, sentence = _state(plan, status, told, job, now, language)
    progress = files.read(folder / files.PROGRESS)
    return Task(
        number=number,
        state=state,
        sentence=sentence,
        cell=int(status.get("cell") or 0),
        cells=int(status.get("cells") or 0),
        started=status.get("started"),
        ended=status.get("ended"),
        node=str(job.get("node") or status.get("node") or ""),
        attempt=int(status.get("attempt") or 1),
        progress=progress or None,
        parameters=files.read(folder / files.PARAMETERS),
        has_result=(folder / files.RESULT).exists(),
    )


def _job_of(told: Mapping[str, Any] | None, number: int) -> Mapping[str, Any]:
    """What the hub says of a task: its own, else the job's that runs all of them in turn."""
    if not told:
        return {}
    tasks = told.get("tasks") or {}
    return tasks.get(str(number)) or {"state": told.get("state"), "sentence": told.get("sentence")}


def _state(
    plan: Plan,
    status: Mapping[str, Any],
    told: Mapping[str, Any] | None,
    job: Mapping[str, Any],
    now: float,
    language: str,
) -> tuple[str, str]:
    said = str(status.get("state") or "")
    sentence = _said(status, language)
    fresh = now - float(status.get("updated") or plan.submitted) < LAG
    where = job.get("state")
    if said in (DONE, FAILED, OUT_OF_TIME):
        if said != DONE and plan.cancelled and said == OUT_OF_TIME:
            return CANCELLED, sentence
        return said, sentence
    if said == CANCELLED and where != WAITING:
        return said, sentence
    if where == WAITING and not (said == RUNNING and fresh):
        return WAITING, ""
    if where == "ended" or (told == {} and not fresh):
        if said == RUNNING and fresh:
            return RUNNING, sentence
        why = str(job.get("sentence") or "")
        words = str(job.get("word") or "").split()
        if plan.cancelled or "CANCELLED" in words:
            return CANCELLED, why
        if "TIMEOUT" in words:
            return OUT_OF_TIME, why
        killed = _("It was killed and could not say why; what it had done is kept.", language)
        return LOST, why or killed
    # Of several tasks in one job, those that have said nothing wait for their turn.
    if said == RUNNING or (where == RUNNING and plan.tasks == 1):
        return RUNNING, sentence
    return WAITING, ""


def _said(status: Mapping[str, Any], language: str) -> str:
    """The job's sentence; it is stored in English, with what it was made of."""
    text, values = status.get("text"), status.get("values")
    if text and isinstance(values, dict):
        with contextlib.suppress(LookupError, ValueError, TypeError):
            return _(str(text), language, **values)
    return str(status.get("sentence") or "")


def _together(tasks: tuple[Task, ...]) -> str:
    states = {task.state for task in tasks}
    if states == {WAITING}:
        return WAITING
    if states & ALIVE:
        return RUNNING
    return next((state for state in _WORST if state in states), LOST)


def _sentence(tasks: tuple[Task, ...], state: str, told: Mapping[str, Any], language: str) -> str:
    if state == WAITING:
        return str(told.get("sentence") or told.get("reason") or "")
    if len(tasks) == 1:
        return tasks[0].sentence
    done = sum(task.state == DONE for task in tasks)
    return _("{done} of {count} are done.", language, done=done, count=len(tasks))

"""A run in words: for terminals, and as JSON for pages."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ..language import gettext as _
from . import files
from .look import DONE, RUNNING, WAITING, Task, View

BAR = 24


def state_word(state: str, language: str) -> str:
    """A state in the person's language."""
    words = {
        "waiting": _("waiting", language),
        "running": _("running", language),
        "done": _("done", language),
        "failed": _("failed", language),
        "out of time": _("out of time", language),
        "cancelled": _("cancelled", language),
        "lost": _("ended abruptly", language),
    }
    return words.get(state, state)


def title(view: View) -> str:
    """What a run is called."""
    return view.plan.name or Path(view.plan.notebook).stem


def queue_line(view: View, language: str) -> str:
    """Place and expected start of a run that waits; may be empty."""
    parts = []
    if view.place is not None and view.queue_length is not None:
        parts.append(
            _("place {place} of {length}", language, place=view.place, length=view.queue_length)
        )
    if view.expected:
        start, end = (clock(moment) for moment in view.expected)
        when = start if start == end else f"{start}–{end}"
        parts.append(_("expected to start {when}", language, when=when))
    return ", ".join(parts)


def clock(moment: float) -> str:
    """A time of today; another day's with its date."""
    local = time.localtime(moment)
    today = time.strftime("%Y%m%d", local) == time.strftime("%Y%m%d")
    return time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", local)


def span(seconds: float) -> str:
    """``42 s``, ``3 min 10 s``, ``2 h 5 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def progress_line(task: Task, language: str) -> str:
    """What `progress()` last said in a task; may be empty."""
    told = task.progress
    if not told:
        return ""
    name = str(told.get("name") or "")
    total = told.get("total")
    done = told.get("done", 0)
    parts = [f"{done}/{total}" if total else str(done)]
    if isinstance(told.get("left"), int | float) and task.state == RUNNING:
        parts.append(_("{time} left", language, time=span(told["left"])))
    values = told.get("values") or {}
    parts += [f"{key} {shown(value)}" for key, value in list(values.items())[:4]]
    return f"{name} {', '.join(parts)}".strip()


def shown(value: Any) -> str:
    """A value in few characters."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:40]


def cell_line(task: Task, language: str) -> str:
    """The cell that a task is in; may be empty."""
    if not task.cells or task.state == DONE:
        return ""
    return _("cell {cell} of {cells}", language, cell=task.cell, cells=task.cells)


def bar(fraction: float) -> str:
    """A progress bar of characters."""
    full = round(BAR * fraction)
    return "#" * full + "." * (BAR - full)


def lines(view: View, language: str, log: int = 5) -> list[str]:
    """A run for a terminal."""
    head = f"{view.plan.id}: {state_word(view.state, language)}"
    about = [view.sentence] if view.sentence else []
    about += [queue_line(view, language)] if view.state == WAITING else []
    if view.silent:
        about.append(_("The hub does not answer; this is what the run's files say.", language))
    shown = [head, *(f"  {line}" for line in about if line)]
    if view.state != WAITING:
        shown.append(f"  [{bar(view.fraction)}] {view.fraction:.0%}")
    folder = files.folder_of(view.plan.id)
    if len(view.tasks) == 1:
        [task] = view.tasks
        parts = [cell_line(task, language), progress_line(task, language), task.node]
        if line := ", ".join(part for part in parts if part):
            shown.append(f"  {line}")
        path = files.task_folder(folder, 1) / files.LOG
        shown += [f"  | {line[:200]}" for line in files.tail(path, log)]
        if task.has_result and not view.alive:
            shown.append(f"  {_home(files.task_folder(folder, 1) / files.RESULT)}")
    else:
        shown += [_task_line(view, task, language) for task in view.tasks]
    return shown


def _task_line(view: View, task: Task, language: str) -> str:
    values = [f"{name}={(task.parameters or {}).get(name)!r}" for name in view.plan.grid]
    parts = [
        f"  {task.number:>3} {state_word(task.state, language):<12}",
        " ".join(values),
        cell_line(task, language),
        progress_line(task, language) if task.alive else task.sentence,
    ]
    return "  ".join(part for part in parts if part)


def _home(path: Path) -> str:
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def summary(view: View) -> dict[str, Any]:
    """A run for pages: only what JSON has; paths are relative to the home where they can be."""
    plan = view.plan
    folder = files.folder_of(plan.id)
    return {
        "id": plan.id,
        "name": title(view),
        "notebook": _home(Path(plan.notebook)).removeprefix("~/"),
        "state": view.state,
        "alive": view.alive,
        "resumable": view.resumable,
        "sentence": view.sentence,
        "silent": view.silent,
        "place": view.place,
        "queue_length": view.queue_length,
        "expected": list(view.expected) if view.expected else None,
        "offer": plan.offer,
        "hours": plan.hours,
        "submitted": plan.submitted,
        "resumes": plan.resumes,
        "grid": list(plan.grid),
        "fraction": view.fraction,
        "tasks": [
            {
                "task": task.number,
                "state": task.state,
                "sentence": task.sentence,
                "cell": task.cell,
                "cells": task.cells,
                "fraction": task.fraction,
                "started": task.started,
                "ended": task.ended,
                "node": task.node,
                "attempt": task.attempt,
                "progress": dict(task.progress) if task.progress else None,
                "parameters": dict(task.parameters or {}),
                "result": _home(files.task_folder(folder, task.number) / files.RESULT).removeprefix(
                    "~/"
                )
                if task.has_result
                else None,
            }
            for task in view.tasks
        ],
    }

"""One task: a notebook run by papermill."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import DeadKernelError
from papermill import PapermillException, PapermillExecutionError, execute_notebook
from papermill.iorw import papermill_io

from . import files
from .engine import ENGINE
from .files import Plan
from .inside import HEARD, TASK
from .look import CANCELLED, DONE, FAILED, OUT_OF_TIME
from .status import Log, Said, Status
from .stop import Stop
from .tagged import inspect

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def _(text: str, **values: Any) -> Said:
    return Said(text, values)


class Whole:
    """papermill's way to files, for a task's folder: a notebook is replaced as a whole."""

    def read(self, path: str) -> str:
        """A file's text."""
        return Path(path).read_text(encoding="utf-8")

    def listdir(self, path: str) -> list[str]:
        """The paths in a folder."""
        return [str(each) for each in Path(path).iterdir()]

    def write(self, text: str, path: str) -> None:
        """Save the notebook as it is now; a full disk is no reason to end what runs."""
        with contextlib.suppress(OSError):
            files.write_text(Path(path), text)

    def pretty_path(self, path: str) -> str:
        """As it is."""
        return path


def run_task(plan: Plan, number: int, stop: Stop, *, first: bool) -> bool:
    """Run one task and say how it ended; whether it was done.

    One that is not its job's first is not begun when the job is about to end.
    """
    run = files.folder_of(plan.id)
    folder = files.task_folder(run, number)
    if stop.word or (stop.told and not first):
        over = stop.word or OUT_OF_TIME
        Status(folder).end(over, _("It was not begun."))
        return False
    status = Status(folder)
    for name in (files.ENDING, files.PROGRESS, f"{files.PROGRESS}l", files.RESULTS):
        (folder / name).unlink(missing_ok=True)
    stop.folder = folder
    os.environ[TASK] = str(folder)
    log = Log(folder / files.LOG)
    again = Said()
    if status.attempt > 1:
        again = _(
            "It was started again with its checkpoint folder (start {count}).",
            count=status.attempt,
        )
        log.write(f"\n--- {again.fields()['sentence']}\n")
    status.tell(**again.fields())
    stop.mark()
    try:
        with status.beating():
            state, said = _execute(plan, run, folder, stop, status, log)
    finally:
        stop.folder = None
        log.close()
    status.end(state, said if said.text else again)
    return state == DONE


def _execute(
    plan: Plan, run: Path, folder: Path, stop: Stop, status: Status, log: Log
) -> tuple[str, Said]:
    papermill_io.register(str(folder), Whole())
    where = Path(plan.notebook).parent
    try:
        notebook = nbformat.read(run / files.NOTEBOOK, as_version=4)
        execute_notebook(
            run / files.NOTEBOOK,
            str(folder / files.RESULT),
            parameters=_parameters(notebook, folder) or None,
            engine_name=ENGINE,
            kernel_name="python3",
            progress_bar=False,
            stdout_file=log,
            stderr_file=log,
            cwd=where if where.is_dir() else folder,
            kernel=stop.kernel,
            on_cell=lambda cell, cells: _begin(cell, cells, status, log),
        )
    except PapermillExecutionError as error:
        why = _("Cell {cell}: {error}", cell=status.number, error=_last_line(error))
        return _ended(stop, folder, why)
    except DeadKernelError:
        killed = _(
            "The notebook's Python was killed in cell {cell}. It may have used more memory than it "
            "had.",
            cell=status.number,
        )
        return _ended(stop, folder, killed)
    except (PapermillException, OSError, RuntimeError, ValueError) as error:
        return _ended(stop, folder, _("The notebook can't be run: {error}", error=str(error)))
    if _heard(folder):
        return OUT_OF_TIME, _("It was told that its time was nearly over, and stopped by itself.")
    return DONE, Said()


def _begin(cell: int, cells: int, status: Status, log: Log) -> None:
    status.cell(cell, cells)
    log.write(f"--- cell {cell} of {cells}, {time.strftime('%H:%M:%S')}\n")
    log.flush()


def _ended(stop: Stop, folder: Path, why: Said) -> tuple[str, Said]:
    """State and sentence of a notebook that did not come to its end."""
    if stop.word == CANCELLED:
        return CANCELLED, _("It was ended; what it had done is kept.")
    if stop.word == OUT_OF_TIME or _heard(folder):
        return OUT_OF_TIME, _("Its time was over; what it had done is kept.")
    return FAILED, why


def _heard(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return (folder / files.ENDING).read_text() == HEARD
    return False


def _parameters(notebook: Any, folder: Path) -> dict[str, Any]:
    """Those of the task; with its checkpoint folder, once there is something in it."""
    given = files.read(folder / files.PARAMETERS)
    kept = folder / files.CHECKPOINT
    names = {parameter.name for parameter in inspect(notebook)}
    if files.CHECKPOINT in names - set(given) and kept.is_dir() and any(kept.iterdir()):
        given[files.CHECKPOINT] = str(kept)
    return given


def _last_line(error: PapermillExecutionError) -> str:
    said = _ESCAPES.sub("", str(error.evalue or "")).strip().splitlines()
    return f"{error.ename}: {said[-1][:300]}" if said else str(error.ename)

"""Starting a run: checked, written into its folder, and then asked for."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import files
from .errors import HubSilent, NoRoomError, NotebookError
from .files import Plan
from .hub import Hub
from .inside import plain
from .tagged import expand, inspect, read_notebook
from .words import _

# Bytes that a home has room for besides the copies of the notebook: logs, figures, a checkpoint.
ROOM = 20 << 20


def submit(
    notebook: str | Path,
    parameters: Mapping[str, Any],
    grid: Mapping[str, Sequence[Any]],
    offer: str | None,
    hours: float | None,
    name: str,
) -> str:
    """Start a notebook as a batch job; returns the run's name. See `run.submit`."""
    path = Path(notebook).expanduser().absolute()
    read = read_notebook(path)
    common = {key: plain(key, value) for key, value in parameters.items()}
    sweep = {key: plain(key, value) for key, value in grid.items()}
    each = expand(inspect(read), common, sweep)
    plan = Plan(
        id="",
        notebook=str(path),
        name=name,
        parameters=common,
        grid=sweep,
        tasks=len(each),
        offer=offer,
        hours=None if hours is None else _hours(hours),
    )
    return start(plan, read, each, Hub.of_this_session())


def resume(plan: Plan, unfinished: Sequence[int], hub: Hub) -> str:
    """Start a run that goes on with tasks of another one; returns its name. Raises `BatchError`.

    Each task has the parameters and the checkpoint folder of the one that it goes on with.
    """
    old = files.folder_of(plan.id)
    read = read_notebook(old / files.NOTEBOOK)
    folders = [files.task_folder(old, number) for number in unfinished]
    wish = Plan(
        id="",
        notebook=plan.notebook,
        name=plan.name,
        parameters=plan.parameters,
        grid=plan.grid,
        tasks=len(folders),
        offer=plan.offer,
        hours=plan.hours,
        resumes=plan.id,
        resumed=tuple(unfinished),
    )
    each = [files.read(folder / files.PARAMETERS) for folder in folders]
    kept = [folder / files.CHECKPOINT for folder in folders]
    return start(wish, read, each, hub, kept)


def start(
    plan: Plan,
    notebook: Any,
    parameters: Sequence[Mapping[str, Any]],
    hub: Hub,
    checkpoints: Sequence[Path] = (),
) -> str:
    """Write a run's folder and ask the hub for its job. Raises `BatchError`; then there is none."""
    folder = _new_folder(Path(plan.notebook).stem)
    granted: Mapping[str, Any] = {}
    try:
        _fill(folder, notebook, parameters, checkpoints)
        known = {"id": folder.name, "submitted": time.time(), "server": hub.server}
        plan = Plan(**{**vars(plan), **known})
        files.write_plan(folder, plan)
        granted = _ask(hub, plan)
        offer, hours = granted.get("offer", plan.offer), granted.get("hours", plan.hours)
        files.write_plan(folder, Plan(**{**vars(plan), "offer": offer, "hours": hours}))
    except OSError as error:
        if granted:  # It runs; only what it was granted is not written down.
            return folder.name
        shutil.rmtree(folder, ignore_errors=True)
        raise NoRoomError(_no_room(error.strerror or str(error))) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder.name


def _ask(hub: Hub, plan: Plan) -> Mapping[str, Any]:
    try:
        return hub.submit(plan.id, plan.offer, plan.hours, plan.tasks)
    except HubSilent:
        # It may have heard us all the same; a run without a folder would be a riddle.
        with contextlib.suppress(HubSilent):
            if plan.id in (runs := hub.told().runs):
                return {"job": runs[plan.id].get("job", "")}
        raise


def _new_folder(stem: str) -> Path:
    try:
        files.root().mkdir(mode=0o700, exist_ok=True)
        free = shutil.disk_usage(files.root()).free
        if free < ROOM:
            raise NoRoomError(_no_room(_("{count} MB are free", count=free >> 20)))
        while True:
            folder = files.folder_of(files.new_id(stem, time.time()))
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                return folder
    except OSError as error:
        raise NoRoomError(_no_room(error.strerror or str(error))) from error


def _fill(
    folder: Path,
    notebook: Any,
    parameters: Sequence[Mapping[str, Any]],
    checkpoints: Sequence[Path],
) -> None:
    import nbformat

    files.write_text(folder / files.NOTEBOOK, nbformat.writes(notebook))
    for number, values in enumerate(parameters, 1):
        task = files.task_folder(folder, number)
        task.mkdir(parents=True)
        files.write(task / files.PARAMETERS, values)
        if checkpoints:
            # One folder for all runs that go on with it: the first one's.
            kept = checkpoints[number - 1]
            kept.mkdir(exist_ok=True)
            (task / files.CHECKPOINT).symlink_to(kept.resolve())


def _hours(hours: float) -> float:
    try:
        wanted = float(hours)
    except (TypeError, ValueError) as error:
        raise NotebookError(_("{value} is no number of hours.", value=repr(hours))) from error
    if not 0 < wanted < 10000:
        raise NotebookError(_("{value} is no number of hours.", value=hours))
    return wanted


def _no_room(why: str) -> str:
    sentence = _("The run can't be written into {folder} ({why}). Remove old runs or other files.")
    return sentence.format(folder=files.root(), why=why)

"""A run's folder, ``~/batch/ID/``, and how its files are written and read.

``run.json`` and ``notebook.ipynb`` are the run's; each task has ``tasks/N/``. Who writes replaces a
file as a whole, so that who reads never sees half of one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import NotFoundError
from .words import _

RUN = "run.json"
NOTEBOOK = "notebook.ipynb"
PARAMETERS = "parameters.json"
STATUS = "status.json"
RESULT = "result.ipynb"
LOG = "log.txt"
PROGRESS = "progress.json"
RESULTS = "results.json"
CHECKPOINT = "checkpoint"
ENDING = "ending"
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
TAIL_BYTES = 64 * 1024


@dataclass(frozen=True)
class Plan:
    """What a run was asked to do: ``run.json``.

    Attributes:
        id: the run's name, and its folder's.
        notebook: the path of the notebook that was copied, absolute.
        name: a title for people; the notebook's name without one.
        parameters: what all tasks have.
        grid: values of each name of a sweep.
        tasks: how many there are.
        offer: the offer that was asked for; None for the course's first one.
        hours: that were asked for; None for the offer's own.
        server: the session's server that it was submitted from, which is its course's.
        submitted: when, in seconds since 1970.
        cancelled: whether its person has cancelled it.
        resumes: the run that this one goes on with; empty for none.
        resumed: the tasks of that run that these tasks go on with, in order.
    """

    id: str
    notebook: str
    name: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, list[Any]] = field(default_factory=dict)
    tasks: int = 1
    offer: str | None = None
    hours: float | None = None
    server: str = ""
    submitted: float = 0.0
    cancelled: bool = False
    resumes: str = ""
    resumed: tuple[int, ...] = ()


def root() -> Path:
    """Where a person's runs are."""
    return Path.home() / "batch"


def folder_of(run: str) -> Path:
    """A run's folder. Raises `NotFoundError` for what can't be a run's name."""
    if not ID.fullmatch(run):
        wrong = _("{name} is no name of a batch run. They are folders of ~/batch.", name=repr(run))
        raise NotFoundError(wrong)
    return root() / run


def task_folder(folder: Path, task: int) -> Path:
    """The folder of one task of a run."""
    return folder / "tasks" / str(task)


def new_id(stem: str, now: float) -> str:
    """A name for a run of a notebook of that name: ``train-1122-1830-x7``."""
    words = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:22].strip("-") or "run"
    return f"{words}-{time.strftime('%m%d-%H%M', time.localtime(now))}-{secrets.token_hex(2)}"


def read_plan(folder: Path) -> Plan:
    """What a run was asked to do. Raises `NotFoundError`."""
    found = read(folder / RUN)
    names = Plan.__dataclass_fields__
    try:
        plan = Plan(**{name: value for name, value in found.items() if name in names})
        return Plan(**{**asdict(plan), "resumed": tuple(plan.resumed), "tasks": int(plan.tasks)})
    except (TypeError, ValueError) as error:
        none = _("There is no batch run {name} in ~/batch.", name=folder.name)
        raise NotFoundError(none) from error


def write_plan(folder: Path, plan: Plan) -> None:
    """Raises OSError."""
    write(folder / RUN, asdict(plan))


def plans() -> Iterator[Plan]:
    """Those of all runs in the home, the latest first."""
    found = []
    for path in root().glob(f"*/{RUN}"):
        with contextlib.suppress(NotFoundError):
            plan = read_plan(path.parent)
            if plan.id == path.parent.name and ID.fullmatch(plan.id):
                found.append(plan)
    yield from sorted(found, key=lambda plan: plan.submitted, reverse=True)


def write(path: Path, content: Any) -> None:
    """Replace a file by this as JSON. Raises OSError, and TypeError for what JSON does not have."""
    write_text(path, json.dumps(content, indent=1))


def write_text(path: Path, text: str) -> None:
    """Replace a file as a whole. Raises OSError; then it is as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def read(path: Path) -> dict[str, Any]:
    """A file's JSON object; empty where there is none, or something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a file, of its last 64 KiB; a progress bar's line as it was last."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read(TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n") if line.strip()][
        -lines:
    ]

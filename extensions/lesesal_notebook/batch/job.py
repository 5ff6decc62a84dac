"""``python -m lesesal_notebook.batch.job``: a run's tasks, in the job that the hub has started.

``$LESESAL_SESSION_DIR/session.json`` has the job's variables, and no token. Slurm starts a job for
each task (``SLURM_ARRAY_TASK_ID``); the embedded cluster one for all (``LESESAL_BATCH_TASKS``).
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..datasets import DatasetError, place
from . import files
from .errors import BatchError
from .files import Plan
from .imports import spared
from .stop import Stop

DIRECTORY = "LESESAL_SESSION_DIR"
RUN = "LESESAL_BATCH_RUN"
ARRAY_TASK, TASKS = "SLURM_ARRAY_TASK_ID", "LESESAL_BATCH_TASKS"
_SECRET = ("TOKEN", "SECRET")


class JobError(Exception):
    """The job can't run; the text is a sentence for its log and its run."""


def main() -> None:
    """Run this job's tasks; the exit code is 1 where one of them was not done."""
    stop = Stop()
    stop.listen()
    try:
        environment = _environment()
        plan = files.read_plan(files.folder_of(environment[RUN]))
    except (JobError, BatchError) as error:
        sys.exit(str(error))
    os.environ.update(environment)
    # The environment's own kernel, whatever a home has by that name.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    programs = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])
    numbers = _numbers(os.environ, plan)
    try:
        os.environ.update(place(environment, Path.home()))
    except DatasetError as error:
        for number in numbers:
            _refuse(plan, number, str(error))
        sys.exit(str(error))

    with spared():
        from .task import run_task  # only now: it imports papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)
    # Where kernels are spoken to: a home may be a network's, which has no sockets.
    with tempfile.TemporaryDirectory(prefix="lesesal-") as runtime:
        os.environ["JUPYTER_RUNTIME_DIR"] = runtime
        done = [run_task(plan, n, stop, first=n == numbers[0]) for n in numbers]
    sys.exit(0 if all(done) else 1)


def _environment() -> dict[str, str]:
    """The job's variables, without anything that opens a door. Raises `JobError`."""
    folder = os.environ.get(DIRECTORY, "")
    try:
        text = Path(folder, "session.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
    except (OSError, ValueError) as error:
        raise JobError(
            f"The batch job's files can't be read ({error}). Submit it again."
        ) from error
    if RUN not in found:
        raise JobError(f"{RUN} is not set: a batch job is started by the hub, not by hand.")
    return {
        name: str(value)
        for name, value in found.items()
        if not any(word in name for word in _SECRET)
    }


def _numbers(environment: Mapping[str, str], plan: Plan) -> list[int]:
    given = environment.get(ARRAY_TASK, "")
    if given.isdigit():
        return [int(given)]
    count = environment.get(TASKS, "")
    return list(range(1, (int(count) if count.isdigit() else plan.tasks) + 1))


def _refuse(plan: Plan, number: int, sentence: str) -> None:
    folder = files.task_folder(files.folder_of(plan.id), number)
    now = time.time()
    told = {"state": "failed", "sentence": sentence, "started": now, "ended": now, "updated": now}
    files.write(folder / files.STATUS, told)


if __name__ == "__main__":
    main()

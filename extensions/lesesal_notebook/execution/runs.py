"""A grading run's folder, as a worker reads and writes it (docs/grading-run.md)."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

from ..kernels.sandbox import HOME
from .verdicts import RETRY

FORMAT = 1
KEY = re.compile(r"[0-9]{6}")
"""Of a task."""

ENVIRONMENT = {"NBGRADER_EXECUTION": "autograde"}


class RunError(Exception):
    """The folder is not one that this worker can work on. A sentence says why."""


@dataclass(frozen=True)
class Run:
    """What holds for all tasks of a run.

    Attributes:
        folder: the run's.
        about: what run.json says.
    """

    folder: Path
    about: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Raises RunError."""
        try:
            about = json.loads((folder / "run.json").read_text("utf-8"))
            version = about["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{folder} is no folder of a grading run: {error}") from error
        if version != FORMAT:
            raise RunError(f"{folder} has the format {version}; this worker knows {FORMAT}.")
        return cls(folder.resolve(), about)

    @property
    def limits(self) -> Mapping[str, Any]:
        return self.about["limits"]

    @property
    def preload(self) -> Sequence[str]:
        return self.about.get("preload") or ()

    def keys(self) -> list[str]:
        """All tasks that are in the folder."""
        return sorted(path.name for path in (self.folder / "tasks").iterdir())

    def state(self, key: str) -> str:
        """Of a result that stays; empty where there is none, or one that says to try again."""
        try:
            state = str(json.loads(self._result(key).read_text("utf-8"))["state"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return "" if state == RETRY else state

    def notebooks(self, key: str) -> list[str]:
        """The names of a task's notebooks, in the order in which they run."""
        task = json.loads((self._task(key) / "task.json").read_text("utf-8"))
        return [Path(name).name for name in task["notebooks"]]

    def read(self, key: str, name: str) -> NotebookNode:
        # A run is opened before what is dear is imported.
        from nbformat.v4 import reads_json

        return reads_json((self._task(key) / "notebooks" / name).read_text("utf-8"))

    def sandbox(self, key: str, patience: float = 1.0) -> dict[str, Any]:
        """A `lesesal_notebook.kernels.sandbox.Sandbox` for a notebook of the task.

        ``patience``: how many times as long its limit of wall clock is.
        """
        files = self._task(key) / "files"
        gpus = int(self.about.get("gpus", 0))
        environment = dict(ENVIRONMENT)
        if gpus and "CUDA_VISIBLE_DEVICES" in os.environ:
            environment["CUDA_VISIBLE_DEVICES"] = os.environ["CUDA_VISIBLE_DEVICES"]
        return {
            "kind": self.about.get("sandbox", "namespaces"),
            "limits": {**self.limits, "seconds": patience * self.limits["seconds"]},
            "files": str(files) if files.is_dir() else None,
            "shared": self.about.get("files"),
            "datasets": [
                [one["source"], str(Path(HOME, one["target"]))]
                for one in self.about.get("datasets") or ()
            ],
            "gpus": gpus,
            "environment": [list(pair) for pair in environment.items()],
        }

    def write(
        self, key: str, result: Mapping[str, Any], notebooks: Mapping[str, NotebookNode]
    ) -> None:
        """The notebooks first, then the result by renaming: who finds it finds all of it."""
        target = self._result(key)
        folder = target.with_suffix("")
        shutil.rmtree(folder, ignore_errors=True)
        (folder if notebooks else target.parent).mkdir(parents=True, exist_ok=True)
        for name, notebook in notebooks.items():
            text = json.dumps(notebook, ensure_ascii=False, allow_nan=False)
            (folder / name).write_text(text, "utf-8")
        half = target.with_suffix(f".{os.getpid()}.half")
        half.write_text(json.dumps(result), "utf-8")
        half.rename(target)

    def _task(self, key: str) -> Path:
        return self.folder / "tasks" / key

    def _result(self, key: str) -> Path:
        return self.folder / "results" / f"{key}.json"

"""How submissions are executed, and the folder of a run that says so (docs/grading-run.md)."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from nbgrader.utils import find_all_files

from courses.grades import Limits
from courses.grading.place import Key, Place, drop
from courses.grading.stock import Stock

FORMAT = 1


@dataclass(frozen=True)
class Settings:
    """`run.json`'s part that is not the assignment's.

    Attributes:
        limits: fields of `Limits` that are not the usual ones. A cell's time is that of nbgrader's
            configuration, if it names one.
        preload: modules that are imported once for all.
        datasets: ``{"source", "target"}`` of what is mounted read-only.
        gpus: how many each kernel sees.
        sandbox: ``"namespaces"`` or ``"job"``.
        folder: where the run is written, to be seen by the workers; None for the course directory.
    """

    limits: Mapping[str, float] = field(default_factory=dict)
    preload: tuple[str, ...] = ()
    datasets: tuple[dict[str, str], ...] = ()
    gpus: int = 0
    sandbox: str = "namespaces"
    folder: Path | None = None


class RunFolder:
    """The folder of a run: a new one, or that of a run with these settings that was broken off.

    Attributes:
        begun: by student, the tasks that are in it.
        files: paths of the assignment's own files.
        about: all that holds for each of its tasks, as text; ``rules`` the same wherever it is.
    """

    def __init__(self, stock: Stock, place: Place, settings: Settings) -> None:
        self.path = (settings.folder or place.run).resolve()
        self.limits = _limits(stock.timeout, settings.limits)
        self._place = place
        values = {
            "format": FORMAT,
            "preload": list(settings.preload),
            "files": str(self.path / "files"),
            "datasets": list(settings.datasets),
            "gpus": settings.gpus,
            "limits": asdict(self.limits),
            "sandbox": settings.sandbox,
        }
        self.about = json.dumps(values, indent=1)
        self.rules = json.dumps({**values, "files": None})
        found = self.path / "run.json"
        self.begun: dict[str, Key] = {}
        if found.is_file() and found.read_text(encoding="utf-8") == self.about:
            self.begun = {
                name: key for name, key in place.keys().items() if self.task(key.key).is_dir()
            }
        else:
            shutil.rmtree(self.path, ignore_errors=True)
            place.forget_keys()
        for part in ("tasks", "results"):
            (self.path / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._clear()
        self.files = self._link_files(stock)
        found.write_text(self.about, encoding="utf-8")
        # A worker of a run that is gone may still write a result: it finds nobody by that key.
        numbers = [int(each.key) for each in self.begun.values()]
        self._number = max(numbers, default=secrets.randbelow(900) * 1000)

    def _clear(self) -> None:
        """What an engine that was killed left half made, or half taken away."""
        keys = {each.key for each in self.begun.values()}
        for task in (self.path / "tasks").iterdir():
            if task.name not in keys:
                shutil.rmtree(task, ignore_errors=True)
        for result in (self.path / "results").glob("*.json"):
            if result.stem not in keys:
                result.unlink(missing_ok=True)

    def new_key(self) -> str:
        """One that no task has."""
        self._number += 1
        return f"{self._number:06}"

    def task(self, key: str) -> Path:
        """The folder of a task."""
        return self.path / "tasks" / key

    def result(self, key: str) -> Path:
        """The file that tells what came of a task."""
        return self.path / "results" / f"{key}.json"

    def forget(self, key: str) -> None:
        """Take a task's result away, so that it is executed again."""
        self.result(key).unlink(missing_ok=True)
        shutil.rmtree(self.result(key).with_suffix(""), ignore_errors=True)

    def drop(self, key: str) -> None:
        """Take a task and its result out."""
        drop(self.path, key)

    def close(self) -> None:
        """What is recorded needs no run; what has to be tried again keeps its task."""
        if not any((self.path / "tasks").iterdir()):
            shutil.rmtree(self.path, ignore_errors=True)
            self._place.forget_keys()

    def _link_files(self, stock: Stock) -> set[str]:
        """The assignment's own files, without its notebooks, which have the solutions in them."""
        folder, target = stock.folder("source", "."), self.path / "files"
        excluded = stock.converter.exclude_overwriting.get(stock.coursedir.assignment_id, [])
        paths = {
            os.path.relpath(path, folder)
            for path in find_all_files(str(folder), [*stock.coursedir.ignore, "*.ipynb"])
        } - set(excluded)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(mode=0o755)
        for path in sorted(paths):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link((folder / path).resolve(), target / path)
            except OSError:  # another file system
                shutil.copy(folder / path, target / path)
        return paths


def _limits(timeout: float | None, given: Mapping[str, float]) -> Limits:
    usual = Limits()
    if timeout is not None and timeout != usual.cell_seconds:
        usual = replace(usual, cell_seconds=timeout, seconds=max(usual.seconds, timeout))
    return replace(usual, **given)  # type: ignore[arg-type]

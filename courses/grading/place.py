"""What a course directory keeps of gradings: ``.lesesal/grading/ASSIGNMENT/``.

And in ``.lesesal/tests/ASSIGNMENT/`` of what was only run again, the same but for the lock.

- ``lock``: held while somebody grades the assignment
- ``keys.jsonl``: whose task is which, and of what (a digest)
- ``outcomes.jsonl``: what came of each submission, the last line of a student's counts
- ``run/``: the run (docs/grading-run.md), unless it is elsewhere; gone when all of it is recorded

Lines are appended whole; one that a crash cut off is not read.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from courses.errors import GradeError
from courses.grading.report import Graded, graded_json, graded_of
from courses.language import gettext as _
from lesesal_nbgrader.late import NOTES

GRADING, TESTS = "grading", "tests"


@dataclass(frozen=True)
class Key:
    """Whose task it is. ``notes`` are what was put right when it was made."""

    key: str
    student: str
    digest: str
    notes: tuple[str, ...] = ()


class Place:
    """The folder of one assignment."""

    def __init__(self, root: Path, assignment: str, kind: str = GRADING) -> None:
        self.folder = root / NOTES / kind / assignment
        self._assignment = assignment

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one at a time. Raises `GradeError` when somebody else is at it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise GradeError(
                    _(
                        "Somebody grades {name} just now. Wait until that has ended.",
                        name=self._assignment,
                    )
                ) from error
            yield

    def outcomes(self) -> dict[str, Graded]:
        """By student, what came of the last grading of each."""
        found = {}
        for line in _lines(self.folder / "outcomes.jsonl"):
            with suppress(ValueError, KeyError, TypeError):
                each = graded_of(line)
                found[each.outcome.student] = each
        return found

    def keep_outcome(self, graded: Graded) -> None:
        """Add what came of a submission."""
        _append(self.folder / "outcomes.jsonl", graded_json(graded))

    def keep_only(self, found: Iterable[Graded]) -> None:
        """Write the outcomes anew, so that the file does not grow for ever."""
        _replace(self.folder / "outcomes.jsonl", [graded_json(each) for each in found])

    def keys(self) -> dict[str, Key]:
        """By student, the tasks of a run that has not ended."""
        found = {}
        for line in _lines(self.folder / "keys.jsonl"):
            with suppress(KeyError, TypeError):
                notes = tuple(line["notes"])
                found[line["student"]] = Key(line["key"], line["student"], line["digest"], notes)
        return found

    def keep_key(self, key: Key) -> None:
        """Add a task."""
        about = {"key": key.key, "student": key.student, "digest": key.digest}
        _append(self.folder / "keys.jsonl", {**about, "notes": key.notes})

    def begin_anew(self) -> None:
        """Nothing is known of anybody."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)

    def forget_keys(self) -> None:
        """There is no run any more."""
        (self.folder / "keys.jsonl").unlink(missing_ok=True)

    @property
    def run(self) -> Path:
        """Where the run is, unless it is elsewhere."""
        return self.folder / "run"

    @property
    def scratch(self) -> Path:
        """Where a submission's folder in ``autograded/`` is made: on the same file system."""
        return self.folder / "scratch"


def drop(run: Path, key: str) -> None:
    """Take a task and its result out of a run. The task goes at once: half of one cannot be run."""
    (run / "results" / f"{key}.json").unlink(missing_ok=True)
    shutil.rmtree(run / "results" / key, ignore_errors=True)
    task, gone = run / "tasks" / key, run / "tasks" / f".{key}"
    shutil.rmtree(gone, ignore_errors=True)
    with suppress(FileNotFoundError):
        task.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return
    for line in text.splitlines():
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                yield found


def _append(path: Path, value: dict[str, Any]) -> None:
    # The line break first: a line that was cut off is not continued by this one.
    line = f"\n{json.dumps(value)}\n".encode()
    with path.open("ab", buffering=0) as file:
        file.write(line)


def _replace(path: Path, values: Iterable[dict[str, Any]]) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text("".join(f"{json.dumps(each)}\n" for each in values), encoding="utf-8")
    os.replace(new, path)  # noqa: PTH105 - atomic

"""A submission becomes a task of a run: read, mended, written down. No student code runs here."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from courses.grades import Reason
from courses.grading import intake, notebooks
from courses.grading.intake import Handed, RefusedError
from courses.grading.mend import mend
from courses.grading.source import Source
from courses.grading.stock import Stock
from courses.language import gettext as _


@dataclass(frozen=True)
class Task:
    """A submission, ready to be executed.

    Attributes:
        notebooks: names of the assignment's notebooks that are in it, in the order they run.
        notes: what was put right, a sentence each.
    """

    notebooks: tuple[str, ...]
    notes: tuple[str, ...]


def sanitize(
    handed: Handed,
    student: str,
    target: Path,
    *,
    stock: Stock,
    source: Source,
    theirs: Collection[str],
) -> Task:
    """Write the task of a submission into a folder, which appears whole or not at all.

    The caller has lent nbgrader a gradebook (`courses.grading.stock.lent`).

    Args:
        theirs: paths of the assignment's own files, which stand before a student's of that name.

    Raises `RefusedError`.
    """
    names = [name for name in handed.notebooks if name in source.notebooks]
    if not names:
        raise RefusedError(Reason("missing"))
    new = target.with_name(f".{target.name}")
    shutil.rmtree(new, ignore_errors=True)
    (new / "notebooks").mkdir(parents=True, mode=0o700)
    (new / "files").mkdir()
    notes: list[str] = []
    for name in names:
        try:
            notebook = notebooks.parse(intake.read(handed, f"{name}.ipynb"))
            notes += _mended(notebook, source, name)
            notebook = stock.apply(stock.sanitizing, notebook, student, name)
            raw = notebooks.compact(notebook)
        except notebooks.UnreadableError as error:
            facts = {"notebook": name, "says": str(error)}
            raise RefusedError(Reason("notebook", facts)) from error
        (new / "notebooks" / f"{name}.ipynb").write_bytes(raw)
    for path in handed.others:
        if path not in theirs:
            intake.copy(handed, path, new / "files" / path)
    task = {"notebooks": [f"{name}.ipynb" for name in names]}
    (new / "task.json").write_text(json.dumps(task), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    os.rename(new, target)  # noqa: PTH104 - both are folders of the run
    return Task(tuple(names), tuple(notes))


def _mended(notebook: NotebookNode, source: Source, name: str) -> list[str]:
    notes = mend(notebook, source.notebooks[name])
    if len(source.notebooks) == 1:
        return list(notes)
    return [_("{notebook}: {note}", notebook=name, note=note) for note in notes]

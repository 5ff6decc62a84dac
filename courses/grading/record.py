"""Results go into nbgrader's gradebook, through nbgrader's own preprocessors; one writer, in order.

A submission's rows are committed together, then its notebooks appear in ``autograded/``. Each
attempt is scored afresh: every cell with points gets what this attempt is worth, and nothing of an
earlier one stays but what people wrote.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4.rwbase import split_lines, strip_transient
from nbgrader import utils

from courses.grades import Outcome, PointsOnTest, Reason, State
from courses.grading.book import Book, Rows
from courses.grading.outputs import believable, error, joined
from courses.grading.report import reason_of
from courses.grading.source import Source
from courses.grading.stock import Stock
from courses.language import gettext as _


class Recorder:
    """Records the submissions of one assignment."""

    def __init__(self, book: Book, source: Source, stock: Stock, scratch: Path) -> None:
        self._book, self._source, self._stock = book, source, stock
        # Both on the file system of ``autograded/``, where a folder is moved at once.
        self._scratch, self._gone = scratch, scratch.with_name(f"{scratch.name}.gone")

    def refused(self, student: str, timestamp: datetime | None, reason: Reason) -> Outcome:
        """Nothing of it was run: no points, and nothing to look at by hand."""
        with self._book.submission(student, timestamp) as rows:
            for name in self._source.notebooks:
                self._nothing(rows, name)
        self._remove(student)
        return self._outcome(student, State.REFUSED, reason, rows)

    def executed(
        self,
        student: str,
        timestamp: datetime | None,
        result: Mapping[str, Any],
        *,
        task: Path,
        notebooks: Path,
    ) -> Outcome:
        """Record what a worker says of a task that did not end in a retry.

        Args:
            result: of docs/grading-run.md.
            task: the task's folder; its files go to ``autograded/`` too.
            notebooks: the folder of the executed ones.
        """
        state, evidence = State(result["state"]), [reason_of(each) for each in result["evidence"]]
        names = json.loads((task / "task.json").read_text(encoding="utf-8"))["notebooks"]
        shutil.rmtree(self._scratch, ignore_errors=True)
        shutil.copytree(task / "files", self._scratch)
        with self._book.submission(student, timestamp) as rows:
            present = {name.removesuffix(".ipynb") for name in names}
            for name in self._source.notebooks:
                if name not in present:
                    self._nothing(rows, name)
                    continue
                raw = (notebooks / f"{name}.ipynb").read_bytes()
                notebook = joined(nbformat.from_dict(json.loads(raw)))
                evidence += self._checked(notebook, name)
                self._afresh(rows, name)
                notebook = self._stock.apply(self._stock.grading, notebook, student, name)
                (self._scratch / f"{name}.ipynb").write_text(_written(notebook), encoding="utf-8")
            reason = reason_of(result["reason"])
            if evidence and state is not State.SUSPECT:
                state, reason = State.SUSPECT, evidence[0]
            if state is State.SUSPECT:
                for grade in rows.grades.values():
                    grade.needs_manual_grade = True
        self._publish(student)
        outcome = self._outcome(student, state, reason, rows, evidence, result)
        return replace(outcome, tests=tuple(self._tests(rows, result)))

    def _tests(self, rows: Rows, result: Mapping[str, Any]) -> Iterator[PointsOnTest]:
        """What came of the tests that ran, by the worker's clock and nbgrader's points."""
        several = len(self._source.notebooks) > 1
        for name, source in self._source.notebooks.items():
            told = result.get("notebooks", {}).get(f"{name}.ipynb", {})
            took = told.get("tests", {})
            for cell in source.cells:
                if cell in took and cell in source.scored:
                    called = f"{name}/{cell}" if several else cell
                    score, most = rows.grades[name, cell].auto_score, source.graded[cell].max_score
                    yield PointsOnTest(called, score or 0.0, most, float(took[cell]))

    def _checked(self, notebook: NotebookNode, name: str) -> list[Reason]:
        """Take from a notebook what nbgrader cannot read; say where that was."""
        found = []
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            good = believable(cell)
            if good and utils.is_grade(cell):
                try:
                    utils.determine_grade(cell)
                except (ValueError, KeyError, TypeError, AttributeError):
                    good = False
            if not good:
                says = _("The results of this cell are none that it can give.")
                # In front: nbgrader reads no further.
                cell.outputs = [error(says), *(cell.outputs if believable(cell) else ())]
                grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
                facts = {"notebook": name, "cell": grade_id}
                found.append(Reason("forged", facts))
        return found

    def _nothing(self, rows: Rows, notebook: str) -> None:
        """As nbgrader scores a notebook that was not handed in."""
        self._afresh(rows, notebook)
        for (of, _cell), grade in rows.grades.items():
            if of == notebook:
                grade.auto_score, grade.needs_manual_grade = 0, False
        rows.notebooks[notebook].late_submission_penalty = None

    def _afresh(self, rows: Rows, notebook: str) -> None:
        """Nothing of an earlier attempt stays; what is not scored now is worth nothing."""
        source = self._source.notebooks[notebook]
        for name in source.scored:
            grade = rows.grades[notebook, name]
            grade.auto_score, grade.needs_manual_grade = 0, False
        for name in source.solutions:
            rows.comments[notebook, name].auto_comment = None

    def _outcome(
        self,
        student: str,
        state: State,
        reason: Reason,
        rows: Rows,
        evidence: list[Reason] | tuple[Reason, ...] = (),
        result: Mapping[str, Any] | None = None,
    ) -> Outcome:
        result = result or {}
        return Outcome(
            student=student,
            state=state,
            reason=reason,
            score=rows.score,
            max_score=self._source.max_score,
            evidence=tuple(evidence),
            seconds=float(result.get("seconds", 0)),
            cpu_seconds=float(result.get("cpu_seconds", 0)),
        )

    def _publish(self, student: str) -> None:
        """Put the scratch folder in the place of ``autograded/STUDENT/ASSIGNMENT``."""
        target = self._stock.folder("autograded", student)
        mode = int(str(self._stock.converter.permissions), 8)
        for folder, _folders, files in os.walk(self._scratch):
            for file in files:
                Path(folder, file).chmod(mode)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._remove(student)
        self._scratch.rename(target)
        if self._stock.coursedir.groupshared:
            self._stock.converter.set_permissions(self._source.name, student)

    def clear(self) -> None:
        """Take away what was left on the way."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        shutil.rmtree(self._gone, ignore_errors=True)

    def _remove(self, student: str) -> None:
        target, gone = self._stock.folder("autograded", student), self._gone
        shutil.rmtree(gone, ignore_errors=True)
        if target.is_symlink():
            target.unlink()
        elif target.exists():
            target.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


def _written(notebook: NotebookNode) -> str:
    """As nbformat writes it."""
    plain = strip_transient(split_lines(notebook))
    return (
        json.dumps(
            plain, ensure_ascii=False, indent=1, sort_keys=True, separators=(",", ": ")
        ).encode("utf-8", "backslashreplace")
    ).decode("utf-8") + "\n"

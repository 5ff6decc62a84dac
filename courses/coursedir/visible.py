"""What the visible tests say of a hand-in, for the student, soon after it.

In a course directory of its own, ``gradebooks/.<course>.visible``, whose source is the student
version: hidden tests are not in it, so nothing that is told can come from them. Only what is being
checked is in its ``submitted/``, and nothing of it is kept.
"""

from __future__ import annotations

import ast
import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from courses.coursedir.collect import take
from courses.coursedir.folder import folder_of, locked, unpack
from courses.coursedir.generate import generate
from courses.coursedir.scores import reading, scores
from courses.store import Store, submissions
from courses.store import courses as course_rows

_MADE_OF = "made-of"
_TESTS = """
SELECT notebook.name, base_cell.name, source_cell.source
FROM base_cell
JOIN grade_cells ON grade_cells.id = base_cell.id
JOIN notebook ON notebook.id = base_cell.notebook_id
JOIN assignment ON assignment.id = notebook.assignment_id
JOIN source_cell ON source_cell.notebook_id = notebook.id AND source_cell.name = base_cell.name
WHERE assignment.name = ? AND grade_cells.cell_type = 'code' AND source_cell.locked
ORDER BY notebook.name, base_cell.name
"""


@dataclass(frozen=True)
class Test:
    """A visible test, by nbgrader's name of its cell, and whether the hand-in passed it."""

    name: str
    passed: bool


def folder_for(store: Store, slug: str) -> Path:
    """Where a course's is, or will be."""
    real = folder_of(store, slug)
    return real.with_name(f".{slug}.visible")


def prepare(store: Store, slug: str, name: str, ids: Sequence[str]) -> Path:
    """Make the course directory, or bring it up to date, with just these hand-ins in it.

    What is lost on the disk, or of a name that no folder can have, is left out. Raises `NotFound`
    and `GenerateError`.
    """
    with store.reading() as session:
        course = course_rows.get_course(session, slug)
        directory = course_rows.find_course(session, slug).directory
        found = [
            each
            for each in submissions.of_course(session, slug, assignment=name)
            if each.receipt.id in ids
        ]
    folder = folder_for(store, slug)
    with locked(folder):
        made_of = folder / _MADE_OF
        if not made_of.is_file() or made_of.read_text() != directory:
            shutil.rmtree(folder, ignore_errors=True)
            scratch = folder.with_name(f"{folder.name}.new")
            shutil.rmtree(scratch, ignore_errors=True)
            unpack(store, directory, scratch)
            shutil.rmtree(scratch / "source")
            (scratch / "release").rename(scratch / "source")
            generate(course, scratch, folder)
            shutil.rmtree(scratch)
            made_of.write_text(directory)
        for step in ("submitted", "autograded", ".lesesal"):
            shutil.rmtree(folder / step, ignore_errors=True)
        for each in found:
            with contextlib.suppress(FileNotFoundError, ValueError):
                take(store, folder / "submitted" / each.receipt.user / name, each)
    return folder


def results(folder: Path, name: str) -> dict[str, tuple[Test, ...]]:
    """What the visible tests say, by student. A cell without any code is no test."""
    with reading(folder) as book:
        rows = book.execute(_TESTS, (name,)).fetchall()
    # As `scores` calls them in an assignment of one notebook, and of several.
    tests = {
        called
        for notebook, cell, source in rows
        if _has_code(source)
        for called in (cell, f"{notebook}/{cell}")
    }
    return {
        student: tuple(
            Test(each.name, each.score >= each.max_score)
            for each in scored.tasks
            if each.name in tests
        )
        for student, scored in scores(folder, name).items()
    }


def _has_code(source: str | None) -> bool:
    try:
        return bool(ast.parse(source or "").body)
    except (SyntaxError, ValueError):  # a magic command, for instance
        return True

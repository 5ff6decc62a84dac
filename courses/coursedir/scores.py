"""What a gradebook has on an assignment, read without nbgrader and without waiting for anybody.

The numbers are those of `nbgrader.api`: a manual score takes the automatic one's place, extra
credit is added, what late work costs is taken off.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from courses.coursedir.generate import GRADEBOOK
from courses.submissions import TaskPoints

_GRADES = """
SELECT submitted_assignment.student_id, submitted_assignment.timestamp, notebook.name,
       base_cell.name,
       coalesce(grade.manual_score + coalesce(grade.extra_credit, 0.0),
                grade.auto_score + coalesce(grade.extra_credit, 0.0), 0.0),
       coalesce(grade_cells.max_score, task_cells.max_score, 0.0),
       grade.needs_manual_grade
FROM grade
JOIN base_cell ON base_cell.id = grade.cell_id
LEFT JOIN grade_cells ON grade_cells.id = base_cell.id
LEFT JOIN task_cells ON task_cells.id = base_cell.id
JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
JOIN notebook ON notebook.id = submitted_notebook.notebook_id
JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
JOIN assignment ON assignment.id = submitted_assignment.assignment_id
WHERE assignment.name = ?
ORDER BY notebook.name, base_cell.name
"""
_PENALTIES = """
SELECT submitted_assignment.student_id,
       sum(coalesce(submitted_notebook.late_submission_penalty, 0.0))
FROM submitted_notebook
JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
JOIN assignment ON assignment.id = submitted_assignment.assignment_id
WHERE assignment.name = ?
GROUP BY submitted_assignment.student_id
"""


@dataclass(frozen=True)
class Scored:
    """What one student has in the gradebook.

    Attributes:
        submitted: when the version that is graded was handed in.
        score: what the student gets: what late work costs is off, and it is never below 0.
        penalty: what that is.
        manual: how many tasks wait for somebody to look at them.
        tasks: the points of each, as they are released.
    """

    submitted: datetime | None
    score: float
    max_score: float
    penalty: float
    manual: int
    tasks: tuple[TaskPoints, ...]


def scores(folder: Path, assignment: str) -> dict[str, Scored]:
    """By student; empty before anything was graded."""
    if not (folder / GRADEBOOK).is_file():
        return {}
    with reading(folder) as book:
        penalties = dict(book.execute(_PENALTIES, (assignment,)))
        found: dict[str, list[tuple[str, str, str, float, float, bool]]] = {}
        for student, *row in book.execute(_GRADES, (assignment,)):
            found.setdefault(student, []).append(tuple(row))
    return {student: _scored(rows, penalties.get(student, 0.0)) for student, rows in found.items()}


def due_of(folder: Path, assignment: str) -> datetime | None:
    """The deadline that the gradebook has."""
    with reading(folder) as book:
        row = book.execute("SELECT duedate FROM assignment WHERE name = ?", (assignment,))
        return _moment((row.fetchone() or (None,))[0])


def _scored(rows: list[tuple[str, str, str, float, float, bool]], penalty: float) -> Scored:
    several = len({notebook for _, notebook, *_rest in rows}) > 1
    tasks = tuple(
        TaskPoints(f"{notebook}/{cell}" if several else cell, score, most)
        for _, notebook, cell, score, most, _manual in rows
    )
    return Scored(
        submitted=_moment(rows[0][0]),
        score=max(0.0, sum(each.score for each in tasks) - penalty),
        max_score=sum(each.max_score for each in tasks),
        penalty=penalty,
        manual=sum(bool(row[-1]) for row in rows),
        tasks=tasks,
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """The gradebook of a course directory, to be read only; waits for who writes."""
    place = quote(str(folder / GRADEBOOK))
    with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=20)) as book:
        yield book

"""A course directory of nbgrader's with a small assignment, and students' graded work in it.

Nothing is executed: what a student's code printed is what a test says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from courses.course import Assignment, Course
from courses.coursedir.generate import generate

TESTS = """assert squares(2) == [1, 4]
### BEGIN HIDDEN TESTS
assert squares(7)[6] == 49  # the secret test
### END HIDDEN TESTS"""
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


def _marked(cell: Any, name: str, **metadata: object) -> Any:
    plain = {"grade": False, "solution": False, "locked": False, "task": False}
    cell.metadata["nbgrader"] = {
        **plain,
        "schema_version": 3,
        "grade_id": name,
        "cell_type": cell.cell_type,
        **metadata,
    }
    return cell


def source() -> Any:
    """The author's notebook: a function with tests, two points; a written answer, three."""
    return new_notebook(
        cells=[
            new_markdown_cell("# Squares\n\nSee $x^2$."),
            _marked(new_code_cell("def squares(n):\n    return []"), "squares", solution=True),
            _marked(new_code_cell(TESTS), "squares-test", grade=True, locked=True, points=2),
            _marked(new_markdown_cell("Why?"), "why", grade=True, solution=True, points=3),
        ],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}
        },
    )


def make(folder: Path, slug: str = "optics", assignment: str = "lenses") -> Path:
    """The course directory ``folder``/``slug``, with nobody's work in it."""
    given = folder / "given"
    (given / "source" / assignment).mkdir(parents=True)
    nbformat.write(source(), given / "source" / assignment / "notes.ipynb")
    course = Course(
        slug=slug,
        title="Optics",
        summary="",
        offers=("cpu-small",),
        timezone="UTC",
        assignments=(Assignment(name=assignment, title="Lenses", due=None),),
    )
    generate(course, given, folder / slug)
    return folder / slug


def hand_in(
    directory: Path,
    student: str,
    *,
    assignment: str = "lenses",
    why: str = "Because.",
    outputs: Sequence[Mapping[str, Any]] = (),
    failed: Sequence[Mapping[str, Any]] = (),
    more: Sequence[Any] = (),
    auto_score: float = 2.0,
) -> None:
    """A student's autograded work: ``outputs`` of the function's cell, ``failed`` of its tests'."""
    from nbgrader.api import Gradebook

    notebook = source()
    _title, function, tests, written = notebook.cells
    function.outputs = [new_output(**each) for each in outputs]
    tests.outputs = [new_output(**each) for each in failed]
    written.source = why
    notebook.cells += more
    place = directory / "autograded" / student / assignment
    place.mkdir(parents=True)
    (place / "timestamp.txt").write_text("2026-11-20T12:00:00.000000+00:00")
    nbformat.write(notebook, place / "notes.ipynb")
    with Gradebook(f"sqlite:///{directory / 'gradebook.db'}") as book:
        book.update_or_create_student(student)
        book.update_or_create_submission(assignment, student)
        grade = book.find_grade("squares-test", "notes", assignment, student)
        grade.auto_score = auto_score
        book.find_grade("why", "notes", assignment, student).needs_manual_grade = True
        book.db.commit()

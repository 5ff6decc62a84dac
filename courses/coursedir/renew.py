"""A gradebook is brought up to date with its course, and keeps all grades.

nbgrader refuses to add or remove cells of a notebook that has submissions. Here a course that came
in anew brings a gradebook of its own, without people (`courses.coursedir.generate`); its cells
become the kept gradebook's. What is in both keeps its scores and comments, what is new waits to be
graded, what is gone takes its scores along.

A process of its own, ``python -m courses.coursedir.renew FOLDER``: what to do on its standard input
(`Wanted`), both JSON. It can be killed and run again.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

from courses.coursedir import child
from courses.coursedir.generate import GRADEBOOK
from courses.errors import GradeError


class Wanted(TypedDict, total=False):
    """What is to be done, in this order; what is absent is not.

    Attributes:
        renamed: new names of assignments, by the old ones.
        cells: the path of the gradebook whose cells become this one's.
        due: deadlines by assignment, ISO 8601 in UTC without saying so; null for none.
        forgotten: people of whom nothing stays.
    """

    renamed: dict[str, str]
    cells: str
    due: dict[str, str | None]
    forgotten: list[str]


def change(folder: Path, wanted: Wanted) -> None:
    """Change the gradebook of a course directory. Raises `GradeError`."""
    child.ask("courses.coursedir.renew", folder, wanted, GradeError)


def _main(folder: Path, wanted: Wanted) -> None:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder / GRADEBOOK}") as book:
        for old, new in wanted.get("renamed", {}).items():
            _rename(book, old, new)
        if cells := wanted.get("cells"):
            with Gradebook(f"sqlite:///{cells}") as given:
                for assignment in given.assignments:
                    _take_cells(book, assignment)
        for name, due in wanted.get("due", {}).items():
            if row := _assignment(book, name):
                row.duedate = datetime.fromisoformat(due) if due else None
        book.db.commit()
        for user in wanted.get("forgotten", ()):
            _forget(book, user)


def _assignment(book: Any, name: str) -> Any:
    return next((each for each in book.assignments if each.name == name), None)


def _rename(book: Any, old: str, new: str) -> None:
    row = _assignment(book, old)
    if row is not None and _assignment(book, new) is None:
        row.name = new
        book.db.commit()


def _forget(book: Any, user: str) -> None:
    if any(each.id == user for each in book.students):
        book.remove_student(user)


def _take_cells(book: Any, given: Any) -> None:
    """The notebooks and cells of an assignment, in one transaction."""
    kept = book.update_or_create_assignment(given.name, duedate=given.duedate)
    names = {each.name for each in given.notebooks}
    for gone in [each.name for each in kept.notebooks if each.name not in names]:
        book.remove_notebook(gone, given.name)
    for notebook in given.notebooks:
        own = book.update_or_create_notebook(
            notebook.name, given.name, kernelspec=notebook.kernelspec
        )
        _take_notebook(book, own, notebook)
        _complete(book, kept, own)
        book.db.commit()


def _take_notebook(book: Any, own: Any, given: Any) -> None:
    from nbgrader.api import GradeCell, SolutionCell, SourceCell, TaskCell

    for kind, attribute, fields in (
        (GradeCell, "grade_cells", ("max_score", "cell_type")),
        (SolutionCell, "solution_cells", ()),
        (TaskCell, "task_cells", ("max_score", "cell_type")),
        (SourceCell, "source_cells", ("cell_type", "locked", "source", "checksum")),
    ):
        new = {each.name: each for each in getattr(given, attribute)}
        old = {each.name: each for each in getattr(own, attribute)}
        for gone in old.keys() - new.keys():
            for each in (*getattr(old[gone], "grades", ()), *getattr(old[gone], "comments", ())):
                book.db.delete(each)
            book.db.delete(old[gone])
        for name, cell in new.items():
            mine = old.get(name)
            if mine is None:
                mine = kind(name=name, notebook=own)
                book.db.add(mine)
            for field in fields:
                setattr(mine, field, getattr(cell, field))
    book.db.flush()
    book.db.expire_all()


def _complete(book: Any, assignment: Any, notebook: Any) -> None:
    """What each submission needs for the cells that it has none for, as nbgrader makes it."""
    from nbgrader.api import Comment, Grade, SubmittedNotebook

    graded = [*notebook.grade_cells, *notebook.task_cells]
    said = [*notebook.solution_cells, *notebook.task_cells]
    of_submission = {each.assignment_id: each for each in notebook.submissions}
    for submission in assignment.submissions:
        own = of_submission.get(submission.id)
        if own is None:
            own = SubmittedNotebook(notebook=notebook, assignment=submission)
            book.db.add(own)
            book.db.flush()
        with_grade = {each.cell_id for each in own.grades}
        with_comment = {each.cell_id for each in own.comments}
        for cell in graded:
            if cell.id not in with_grade:
                book.db.add(Grade(cell_id=cell.id, notebook=own))
        for cell in said:
            if cell.id not in with_comment:
                book.db.add(Comment(cell_id=cell.id, notebook=own))


if __name__ == "__main__":
    answer = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints is not the answer
    _main(Path(sys.argv[1]), json.load(sys.stdin))
    json.dump(None, answer)

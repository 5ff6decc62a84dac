"""nbgrader's gradebook, open for a whole run, as far as grading asks it.

nbgrader's own classes and session; only that the course's cells are read once, that a submission's
rows are read and written together, and that nothing is committed before all of a submission is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nbgrader.api import (
    Assignment,
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
    new_uuid,
)
from sqlalchemy import select, text
from sqlalchemy.orm.attributes import set_committed_value

from courses.grading.source import GradedCell, NamedCell, Source, SourceCell, SourceNotebook

# Seconds to wait for somebody else's change to the gradebook, a grader's for one.
_PATIENCE = 60


@dataclass
class Rows:
    """What the gradebook has on one submission, in the making."""

    student: str
    submission: Any
    notebooks: dict[str, Any] = field(default_factory=dict)
    grades: dict[tuple[str, str], Any] = field(default_factory=dict)
    comments: dict[tuple[str, str], Any] = field(default_factory=dict)
    new: list[Any] = field(default_factory=list)
    """Those of which the session knows nothing yet."""

    @property
    def score(self) -> float:
        """As nbgrader reckons it."""
        return sum(map(_score, self.grades.values()))


class Book:
    """One gradebook, and in it the submission that is being recorded. Not for several threads."""

    def __init__(self, url: str, course: str) -> None:
        self._gradebook = Gradebook(url, course)
        session = self._gradebook.db()
        # The rows of one submission are read afresh, and nothing else is kept.
        session.expire_on_commit = False
        self._session = session
        if self._gradebook.engine.dialect.name == "sqlite":
            session.execute(text(f"PRAGMA busy_timeout = {_PATIENCE * 1000}"))
        self.gradebook = self._gradebook
        self.db = _Uncommitted(session)
        self._rows: Rows | None = None
        self._source: Source | None = None
        self._plain = False

    def use(self, source: Source, *, plain: bool) -> None:
        """Answer questions about this assignment from now on.

        Args:
            plain: only nbgrader's own preprocessors ask, of which none but the penalties for late
                work read what the database reckons.
        """
        self._source, self._plain = source, plain
        self._assignment = self._session.get(Assignment, source.id)

    def close(self) -> None:
        """Close the connection."""
        self._gradebook.close()

    @contextmanager
    def submission(self, student: str, timestamp: datetime | None) -> Iterator[Rows]:
        """A student's submission, made if there is none; committed at the block's end.

        An error in the block leaves the gradebook as it was.
        """
        try:
            self._rows = self._load(student, timestamp)
            if not self._plain:
                self._written()
            yield self._rows
            # Rows that are new are written at once, as they are in the end.
            self._session.bulk_save_objects(self._rows.new)
            self._session.commit()
        except BaseException:
            self._session.rollback()
            raise
        finally:
            self._rows = None

    def _load(self, student: str, timestamp: datetime | None) -> Rows:
        session, source = self._session, self._known
        row = session.execute(
            select(Student.id, SubmittedAssignment.id)
            .outerjoin(
                SubmittedAssignment,
                (SubmittedAssignment.student_id == Student.id)
                & (SubmittedAssignment.assignment_id == source.id),
            )
            .where(Student.id == student)
        ).one_or_none()
        new: list[Any] = [] if row else [Student(id=student)]
        if row is None or row[1] is None:
            submission = SubmittedAssignment(
                id=new_uuid(), assignment_id=source.id, student_id=student, timestamp=timestamp
            )
            # As the session would, if it knew of it.
            set_committed_value(submission, "assignment", self._assignment)
            new.append(submission)
            found: list[Any] = []
        else:
            submission = session.get(SubmittedAssignment, row[1])
            found = session.query(SubmittedNotebook).filter_by(assignment_id=submission.id).all()
            if timestamp is not None and submission.timestamp != timestamp:
                submission.timestamp = timestamp
        rows = Rows(student, submission, new=new)
        known = {each.notebook_id: each for each in found}
        ids = [each.id for each in found]
        grades = _by_cell(session.query(Grade).filter(Grade.notebook_id.in_(ids))) if ids else {}
        comments = (
            _by_cell(session.query(Comment).filter(Comment.notebook_id.in_(ids))) if ids else {}
        )
        for notebook in source.notebooks.values():
            of = known.get(notebook.id)
            if of is None:
                of = SubmittedNotebook(
                    id=new_uuid(), notebook_id=notebook.id, assignment_id=submission.id
                )
                new.append(of)
            rows.notebooks[notebook.name] = of
            for graded in (*notebook.grade_cells, *notebook.task_cells):
                rows.grades[notebook.name, graded.name] = _row(Grade, grades, of, graded.id, new)
            commented: list[NamedCell | GradedCell] = [*notebook.solution_cells]
            commented += notebook.task_cells
            for each in commented:
                rows.comments[notebook.name, each.name] = _row(Comment, comments, of, each.id, new)
        return rows

    def _written(self) -> Rows:
        """The submission, with its rows in the database where what asks for them needs them there.

        That is to reckon its score, and what late work costs of it.
        """
        rows = self._now
        if not self._plain or rows.submission.total_seconds_late > 0:
            self._session.add_all(rows.new)
            rows.new.clear()
            self._session.flush()
        return rows

    # What nbgrader's preprocessors ask of the gradebook that they open.

    def __enter__(self) -> Book:
        return self

    def __exit__(self, *_: object) -> None:
        """It stays open."""

    def find_notebook(self, name: str, assignment: str) -> SourceNotebook:
        """The course's notebook."""
        return _there(self._known.notebooks.get(name), name)

    def find_source_cell(self, name: str, notebook: str, assignment: str) -> SourceCell:
        """The course's cell."""
        return _there(self.find_notebook(notebook, assignment).cells.get(name), name)

    def find_graded_cell(self, name: str, notebook: str, assignment: str) -> GradedCell:
        """The course's cell, if it has points."""
        return _there(self.find_notebook(notebook, assignment).graded.get(name), name)

    def find_grade(self, cell: str, notebook: str, assignment: str, student: str) -> Any:
        """The grade of a cell of the submission."""
        return _there(self._now.grades.get((notebook, cell)), cell)

    def find_comment(self, cell: str, notebook: str, assignment: str, student: str) -> Any:
        """The comment on a cell of the submission."""
        return _there(self._now.comments.get((notebook, cell)), cell)

    def find_submission(self, assignment: str, student: str) -> Any:
        """The submission."""
        return self._written().submission

    def find_submission_notebook(self, notebook: str, assignment: str, student: str) -> Any:
        """A notebook of the submission; its score is reckoned by the database."""
        return _there(self._written().notebooks.get(notebook), notebook)

    def __getattr__(self, name: str) -> Any:
        """Whatever else a preprocessor of the course's own asks."""
        return getattr(self.gradebook, name)

    @property
    def _known(self) -> Source:
        if self._source is None:
            raise MissingEntry("No assignment")
        return self._source

    @property
    def _now(self) -> Rows:
        if self._rows is None:
            raise MissingEntry("No submission")
        return self._rows


class _Uncommitted:
    """nbgrader's session, for code that commits after each cell."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def commit(self) -> None:
        """Not before all of the submission is in."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def _row(
    kind: Any, found: Mapping[tuple[str, str], Any], notebook: Any, cell: str, new: list[Any]
) -> Any:
    row = found.get((notebook.id, cell))
    if row is None:
        row = kind(id=new_uuid(), notebook_id=notebook.id, cell_id=cell)
        new.append(row)
    return row


def _by_cell(rows: Iterable[Any]) -> dict[tuple[str, str], Any]:
    return {(row.notebook_id, row.cell_id): row for row in rows}


def _score(grade: Any) -> float:
    """`nbgrader.api.Grade.score`, of a row that is not written yet."""
    points = grade.auto_score if grade.manual_score is None else grade.manual_score
    return 0.0 if points is None else points + (grade.extra_credit or 0.0)


def _there(found: Any, name: str) -> Any:
    if found is None:
        raise MissingEntry(f"No such entry: {name}")
    return found

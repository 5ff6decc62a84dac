"""Running submissions with nothing recorded: the gradebook and ``autograded/`` stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import object_session

from courses.grading.book import Book, Rows
from courses.grading.record import Recorder
from courses.grading.source import Source
from courses.grading.stock import Stock


class _Undone(Exception):
    """What was written to the gradebook is taken back."""


class _Unwritten(Book):
    """A gradebook as it is for a recorder, whose changes do not last."""

    def __init__(self, book: Book) -> None:
        self._book = book

    @contextmanager
    def submission(self, student: str, timestamp: datetime | None) -> Iterator[Rows]:
        """As `Book.submission`, whose rows keep their values after the block."""
        with suppress(_Undone), self._book.submission(student, timestamp) as rows:
            yield rows
            kept = (rows.submission, *rows.notebooks.values(), *rows.grades.values())
            for row in (*kept, *rows.comments.values()):
                if session := object_session(row):
                    session.expunge(row)
            raise _Undone


class Trial(Recorder):
    """Says what a submission would get."""

    def __init__(self, book: Book, source: Source, stock: Stock, scratch: Path) -> None:
        super().__init__(_Unwritten(book), source, stock, scratch)

    def _publish(self, _student: str) -> None:
        """It is in the scratch folder, and goes with it."""

    def _remove(self, _student: str) -> None:
        """What is graded stays."""

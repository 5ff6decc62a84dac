"""Grading: sanitize, have it executed, record.

In a process of its own: nbgrader reads its configuration from the working directory, and changes
``sys.path``. What is not Python starts `lesesal grade DIR ASSIGNMENT --progress-json`
(`courses.grading.report` says what that prints).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from courses.errors import GradeError
from courses.grades import Progress
from courses.grading import source
from courses.grading.book import Book
from courses.grading.place import Place
from courses.grading.record import Recorder
from courses.grading.report import Graded, Report, by_student
from courses.grading.run import Run
from courses.grading.settings import RunFolder, Settings
from courses.grading.stock import Stock, lent
from courses.language import gettext as _
from courses.workers import Workers

__all__ = ["Settings", "grade"]


def grade(
    directory: Path,
    assignment: str,
    *,
    workers: Workers,
    students: Collection[str] | None = None,
    force: bool = False,
    settings: Settings | None = None,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    on_outcome: Callable[[Graded], None] = lambda _graded: None,
) -> Report:
    """Grade an assignment's submissions that are new, or all with ``force``.

    What a run that was broken off has done stays; the same call goes on from there. One that cannot
    be recorded through a fault of ours ends as `State.RETRY`, and the others are graded.

    Args:
        directory: nbgrader's course directory, with a gradebook.
        students: only these.
        on_outcome: told of each submission as it is recorded.

    Raises `GradeError` when nothing can be graded at all, and `WorkersError`.
    """
    began = time.monotonic()
    directory = directory.resolve()
    with ExitStack() as stack:
        stack.enter_context(_inside(directory))
        stock = Stock(directory, assignment)
        root = Path(stock.coursedir.root)
        _check_gradebook(stock.coursedir.db_url, root)
        place = Place(root, assignment)
        stack.enter_context(place.locked())
        book = stack.enter_context(
            closing(Book(stock.coursedir.db_url, stock.coursedir.course_id or "default_course"))
        )
        wanted = source.read(
            book.gradebook,
            assignment,
            stock.folder("source", "."),
            stock.folder("release", "."),
        )
        book.use(wanted)
        stack.enter_context(lent(book))
        run = Run(
            *(stock, wanted, place, RunFolder(stock, place, settings or Settings())),
            Recorder(book, wanted, stock, place.scratch),
            *(workers, on_progress, on_outcome),
        )
        found = run.go(students, force=force)
    return Report(by_student(found), time.monotonic() - began)


@contextmanager
def _inside(directory: Path) -> Iterator[None]:
    if not directory.is_dir():
        raise GradeError(_("There is no folder {folder}.", folder=directory))
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def _check_gradebook(url: str, root: Path) -> None:
    address = make_url(url)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        raise GradeError(
            _(
                "There is no gradebook in {folder}. Generate the assignment first: "
                "nbgrader generate_assignment",
                folder=root,
            )
        )

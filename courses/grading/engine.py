"""Grading: sanitize, have it executed, record.

In a process of its own: nbgrader reads its configuration from the working directory, and changes
``sys.path``. What is not Python starts `lesesal grade DIR ASSIGNMENT --progress-json`
(`courses.grading.report` says what that prints).
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy.engine import make_url

from courses.errors import GradeError
from courses.grades import Progress, State
from courses.grading import source
from courses.grading.again import Again, forget_others
from courses.grading.book import Book
from courses.grading.place import TESTS, Place
from courses.grading.record import Recorder
from courses.grading.report import Graded, Report, by_student
from courses.grading.run import Run
from courses.grading.settings import RunFolder, Settings
from courses.grading.stock import Stock, lent
from courses.grading.trial import Trial
from courses.language import gettext as _
from courses.workers import Workers

__all__ = ["Again", "Settings", "grade"]


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
    again: Again | None = None,
) -> Report:
    """Grade an assignment's submissions that are new, or all with ``force``.

    What a run that was broken off has done stays; the same call goes on from there. One that cannot
    be recorded through a fault of ours ends as `State.RETRY`, and the others are graded.

    Args:
        directory: nbgrader's course directory, with a gradebook.
        students: only these.
        on_outcome: told of each submission as it is recorded, and at the end of those that were so
            before.
        again: record nothing, and see which tests give the same files other points another time.
            The report is of the last time.

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
        tried = Place(root, assignment, TESTS)
        book = stack.enter_context(
            closing(Book(stock.coursedir.db_url, stock.coursedir.course_id or "default_course"))
        )
        wanted = source.read(
            book.gradebook,
            assignment,
            stock.folder("source", "."),
            stock.folder("release", "."),
        )
        book.use(wanted, plain=stock.plain)
        stack.enter_context(lent(book))
        settings = settings or Settings()
        if again:
            place = tried
            place.begin_anew()
            shutil.rmtree(settings.folder or place.run, ignore_errors=True)
        recorder = (Trial if again else Recorder)(book, wanted, stock, place.scratch)
        force, sample = force or bool(again), again.sample if again else None
        for turn in range(again.times if again else 1):
            folder = RunFolder(stock, place, settings)
            tell = partial(_part, on_progress, turn, again.times) if again else on_progress
            run = Run(stock, wanted, place, folder, recorder, workers, tell, on_outcome)
            found = run.go(students, force=force, sample=sample)
        if not again:
            forget_others(tried, place.outcomes())
    return Report(by_student(found), time.monotonic() - began, folder.limits.cell_seconds)


def _part(tell: Callable[[Progress], None], turn: int, times: int, progress: Progress) -> None:
    """Tell how far all times together are."""
    done = Counter(progress.states)
    done[State.GRADED] += turn * progress.total
    tell(replace(progress, total=times * progress.total, states=done))


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

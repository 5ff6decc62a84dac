"""Which submissions are to be graded, and what a run that was broken off has of them."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from nbgrader.utils import parse_utc

from courses.errors import GradeError
from courses.grades import Reason
from courses.grading import intake
from courses.grading.intake import Handed, RefusedError
from courses.grading.stock import Stock
from courses.language import gettext as _


@dataclass(frozen=True)
class Submission:
    """One that is to be graded.

    Attributes:
        handed: its files; None when it is refused for ``reason``.
        timestamp: when it was handed in, in UTC without saying so; None when nobody wrote it down.
    """

    student: str
    handed: Handed | None
    timestamp: datetime | None = None
    reason: Reason = field(default_factory=Reason)


@dataclass(frozen=True)
class Plan:
    """What there is to grade, in nbgrader's order, and whose grade stands as it is."""

    wanted: tuple[Submission, ...]
    unchanged: tuple[str, ...]

    def sample(self, count: int) -> Plan:
        """So many of those that are to be graded, from all over the class."""
        total = len(self.wanted)
        count = min(count, total)
        places = (number * total // count for number in range(count))
        return Plan(tuple(self.wanted[place] for place in places), self.unchanged)


def plan(
    stock: Stock,
    *,
    students: Collection[str] | None,
    force: bool,
    max_bytes: int,
    begun: Collection[str] = (),
) -> Plan:
    """Look through ``submitted/``.

    nbgrader's rule: one is graded that was not yet, or that is newer than what was graded by its
    timestamp.txt, or all with ``force``.

    Args:
        students: only these; None for all. `GradeError` for one who has handed nothing in.
        begun: whose tasks a run that was broken off has; what was graded of them counts as not.
    """
    assignment = stock.coursedir.assignment_id
    found = {_student(stock, path): Path(path) for path in sorted(glob.glob(_everybody(stock)))}  # noqa: PTH207 - nbgrader's pattern
    excluded = set(stock.coursedir.student_id_exclude.split(","))
    found = {name: path for name, path in found.items() if name and name not in excluded}
    if students is not None and (unknown := sorted(set(students) - found.keys())):
        raise GradeError(
            _(
                "Nothing of {names} is in {folder}.",
                names=", ".join(unknown),
                folder=stock.folder("submitted", unknown[0]).parent.parent,
            )
        )
    if not found:
        raise GradeError(
            _(
                "Nobody has handed in {name}: there is nothing in {folder}. Collect first.",
                name=assignment,
                folder=_everybody(stock),
            )
        )
    wanted, unchanged = [], []
    for student, folder in found.items():
        if students is not None and student not in students:
            continue
        submission = _submission(stock, student, folder, max_bytes)
        if force or student in begun or _is_new(stock, submission):
            wanted.append(submission)
        else:
            unchanged.append(student)
    return Plan(tuple(wanted), tuple(unchanged))


def _everybody(stock: Stock) -> str:
    return str(stock.folder("submitted", stock.coursedir.student_id))


def _student(stock: Stock, path: str) -> str:
    directory = stock.coursedir
    pattern = directory.format_path(
        directory.submitted_directory,
        "(?P<student_id>.*)",
        re.escape(directory.assignment_id),
        escape=True,
    )
    match = re.fullmatch(pattern, path)
    return match["student_id"] if match else ""


def _submission(stock: Stock, student: str, folder: Path, max_bytes: int) -> Submission:
    if folder.is_symlink():
        return Submission(student, None, reason=Reason("link", {"file": folder.name}))
    if not folder.is_dir():
        return Submission(student, None, reason=Reason("missing"))
    try:
        handed = intake.look(folder, stock.coursedir.ignore, max_bytes)
    except RefusedError as error:
        return Submission(student, None, _written_time(folder), error.reason)
    return Submission(student, handed, _written_time(folder))


def _is_new(stock: Stock, submission: Submission) -> bool:
    graded = stock.folder("autograded", submission.student)
    if not graded.exists():
        return True
    before = _written_time(graded)
    return None not in (before, submission.timestamp) and submission.timestamp > before  # type: ignore[operator]


def _written_time(folder: Path) -> datetime | None:
    """What timestamp.txt says; None where it says nothing that is a time."""
    handed = Handed(folder, {"timestamp.txt": 0})
    try:
        return parse_utc(intake.timestamp(handed) or None)
    except (RefusedError, ValueError, OverflowError):
        return None

"""Where the people of a course stand: what staff counts, plots and exports, as values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from courses.submissions import TaskPoints, iso


@dataclass(frozen=True)
class Version:
    """A handed-in version, without what is in it.

    Attributes:
        chosen: whether the person has named it as the one to grade.
        feedback: when that was released.
        passed: whether its score passes; None where there is none, or no such mark.
    """

    id: str
    timestamp: datetime
    on_time: bool
    chosen: bool = False
    feedback: datetime | None = None
    score: float | None = None
    max_score: float | None = None
    tasks: tuple[TaskPoints, ...] = ()
    passed: bool | None = None


@dataclass(frozen=True)
class Cell:
    """Where one person stands with one assignment; versions are oldest first."""

    fetched: datetime | None = None
    versions: tuple[Version, ...] = ()

    @property
    def to_grade(self) -> Version | None:
        """The one that the person has chosen, else the last."""
        last = self.versions[-1] if self.versions else None
        return next((each for each in self.versions if each.chosen), last)

    def number(self, version: Version | None) -> int | None:
        """A version's number, from 1."""
        return self.versions.index(version) + 1 if version else None

    @property
    def graded(self) -> Version | None:
        """The last version that has feedback."""
        return next((each for each in reversed(self.versions) if each.feedback), None)


@dataclass(frozen=True)
class Counts:
    """How many of the students have got how far with an assignment."""

    fetched: int
    handed_in: int
    late: int
    graded: int
    passed: int


@dataclass(frozen=True)
class Overview:
    """All cells of a course.

    Attributes:
        students: who takes the course.
        staff: who teaches it.
        released: since when which assignments are out.
        cells: by assignment and person; who has done nothing has none.
    """

    students: tuple[str, ...] = ()
    staff: tuple[str, ...] = ()
    released: Mapping[str, datetime] = field(default_factory=dict)
    cells: Mapping[tuple[str, str], Cell] = field(default_factory=dict)

    def cell(self, assignment: str, user: str) -> Cell:
        return self.cells.get((assignment, user), _NOTHING)

    def of_students(self, assignment: str) -> list[Cell]:
        """One cell for each student, in their order."""
        return [self.cell(assignment, user) for user in self.students]

    def counts(self, assignment: str) -> Counts:
        cells = self.of_students(assignment)
        return Counts(
            fetched=sum(1 for each in cells if each.fetched),
            handed_in=sum(1 for each in cells if each.versions),
            late=sum(1 for each in cells if each.to_grade and not each.to_grade.on_time),
            graded=sum(1 for each in cells if each.graded),
            passed=sum(1 for each in cells if each.graded and each.graded.passed),
        )


_NOTHING = Cell()


def in_tenths(points: Sequence[float], max_score: float) -> list[int]:
    """How many are in each tenth of ``max_score``; an eleventh for more than that, if any are."""
    counts = [0] * 10
    for each in points:
        place = int(10 * each / max_score + 1e-9)
        if each > max_score + 1e-9:
            counts += [0] * (11 - len(counts))
            counts[10] += 1
        else:
            counts[min(place, 9)] += 1
    return counts


@dataclass(frozen=True)
class Grade:
    """A row of the export: one student and one assignment.

    Attributes:
        score, max_score: of the last version with feedback; None where nothing is graded.
        passed: whether that passes; None where nothing is graded, or nobody passes or fails.
        graded_version: which version that is, from 1; None where nothing is graded.
        version_to_grade: which version the person wants to have graded; None where nothing came.
        versions: how many there are.
        submitted, on_time: of the graded version, else of the one to grade; None without any.
        submission: that version's id; empty where nothing came.
    """

    user: str
    assignment: str
    score: float | None
    max_score: float | None
    submitted: datetime | None
    on_time: bool | None
    graded_version: int | None
    version_to_grade: int | None
    versions: int
    submission: str
    passed: bool | None = None


def grades(overview: Overview, assignments: Iterable[str]) -> list[Grade]:
    """A row for each student and assignment, also where nothing was handed in."""
    return [
        _grade(user, name, overview.cell(name, user))
        for name in assignments
        for user in overview.students
    ]


def _grade(user: str, assignment: str, cell: Cell) -> Grade:
    graded, told = cell.graded, cell.graded or cell.to_grade
    return Grade(
        user=user,
        assignment=assignment,
        score=graded.score if graded else None,
        max_score=graded.max_score if graded else None,
        submitted=told.timestamp if told else None,
        on_time=told.on_time if told else None,
        graded_version=cell.number(graded),
        version_to_grade=cell.number(cell.to_grade),
        versions=len(cell.versions),
        submission=told.id if told else "",
        passed=graded.passed if graded else None,
    )


def grade_json(grade: Grade) -> dict[str, object]:
    """A row as the API and the download show it."""
    submitted = iso(grade.submitted) if grade.submitted else None
    return {**grade.__dict__, "submitted": submitted}


def grades_csv(rows: Sequence[Grade]) -> bytes:
    """The rows as a CSV file that spreadsheets open as it is: UTF-8 with its mark, CRLF.

    A cell that a spreadsheet would take for a formula has an apostrophe before it (OWASP, "CSV
    injection").
    """
    out = io.StringIO()
    names = list(Grade.__dataclass_fields__)
    writer = csv.writer(out)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_plain(value) for value in grade_json(row).values()])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text

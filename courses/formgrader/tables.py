"""The overviews: assignments, notebooks, submissions; students and their work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from courses.formgrader.base import Handler

_KINDS = (("", "Overall"), ("code_", "Code"), ("written_", "Written"), ("task_", "Task"))


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        order: what it is sorted by; empty for its text.
        name: the student's, shown in the place of the text when the reader wants it.
    """

    text: str
    href: str = ""
    order: str | float = ""
    name: str = ""


class Table(Handler):
    """A page that is a table."""

    def table(
        self,
        columns: Iterable[str],
        rows: Iterable[Iterable[Cell]],
        crumbs: list[tuple[str, str]],
        *,
        names: bool = False,
    ) -> None:
        """Show it; ``crumbs`` are where it is, ``names`` says that there are some to show."""
        self.show(
            "table.html",
            columns=list(columns),
            rows=[list(row) for row in rows],
            crumbs=crumbs,
            names=names,
            students=crumbs[0][0] == "Students",
        )

    def link(self, *parts: str) -> str:
        """An address of the Formgrader."""
        return "/".join([self.home, *(quote(part, safe="") for part in parts)])


class Assignments(Table):
    """``gradebook``: all assignments."""

    def get(self) -> None:
        rows = []
        for each in self.book.assignments:
            average = self.book.average_assignment_score(each.name)
            due = each.duedate
            rows.append(
                [
                    Cell(each.name, self.link("gradebook", each.name)),
                    Cell(f"{due:%Y-%m-%d %H:%M} UTC" if due else "None"),
                    Cell(str(each.num_submissions), order=each.num_submissions),
                    _points(average, each.max_score),
                ]
            )
        columns = ("Assignment ID", "Due date", "Submissions", "Avg. score")
        self.table(columns, rows, [("Manual Grading", "")])


class Notebooks(Table):
    """``gradebook/A``: an assignment's notebooks."""

    def get(self, assignment: str) -> None:
        rows = []
        for each in self.book.find_assignment(assignment).notebooks:
            averages = [
                _points(
                    getattr(self.book, f"average_notebook_{kind}score")(each.name, assignment),
                    getattr(each, f"max_{kind}score"),
                )
                for kind, _words in _KINDS
            ]
            link = self.link("gradebook", assignment, each.name)
            rows.append([Cell(each.name, link), *averages, _yes(each.needs_manual_grade)])
        columns = [f"Avg. {words.lower()} score" for _kind, words in _KINDS]
        self.table(
            ("Notebook ID", *columns, "Needs manual grade?"),
            rows,
            [("Manual Grading", self.link("gradebook")), (assignment, "")],
        )


class Submissions(Table):
    """``gradebook/A/N``: everybody's work in a notebook, without names at first."""

    def get(self, assignment: str, notebook: str) -> None:
        self.book.find_notebook(notebook, assignment)
        found = self.book.notebook_submission_dicts(notebook, assignment)
        there = [
            each
            for each in sorted(found, key=lambda each: str(each["id"]))
            if self.room.notebook(each["student"], assignment, notebook).is_file()
        ]
        rows = [
            [
                Cell(
                    f"Submission #{number}",
                    self.link("submissions", each["id"], ""),
                    order=number,
                    name=_name(each),
                ),
                *_scores(each),
                _yes(each["needs_manual_grade"]),
                _yes(each["failed_tests"]),
                _yes(each["flagged"]),
            ]
            for number, each in enumerate(there, 1)
        ]
        crumbs = [
            ("Manual Grading", self.link("gradebook")),
            (assignment, self.link("gradebook", assignment)),
            (notebook, ""),
        ]
        columns = ("Needs manual grade?", "Tests failed?", "Flagged?")
        self.table(("Submission ID", *_SCORES, *columns), rows, crumbs, names=True)


class Students(Table):
    """``manage_students``: everybody."""

    def get(self) -> None:
        found = sorted(self.book.student_dicts(), key=lambda each: str(each["id"]))
        rows = [
            [
                Cell(each["id"], self.link("manage_students", each["id"])),
                _points(each["score"], each["max_score"]),
            ]
            for each in found
        ]
        self.table(("Student ID", "Overall score"), rows, [("Students", "")])


class StudentAssignments(Table):
    """``manage_students/S``: one student's work."""

    def get(self, student: str) -> None:
        self.book.find_student(student)
        found = [each.to_dict() for each in self.book.student_submissions(student)]
        rows = [
            [
                Cell(each["name"], self.link("manage_students", student, each["name"])),
                *_scores(each),
                _yes(each["needs_manual_grade"]),
            ]
            for each in sorted(found, key=lambda each: str(each["name"]))
        ]
        crumbs = [("Students", self.link("manage_students")), (student, "")]
        self.table(("Assignment ID", *_SCORES, "Needs manual grade?"), rows, crumbs)


class StudentNotebooks(Table):
    """``manage_students/S/A``: the notebooks of it."""

    def get(self, student: str, assignment: str) -> None:
        rows = []
        for row in self.book.find_submission(assignment, student).notebooks:
            each = row.to_dict()
            there = self.room.notebook(student, assignment, each["name"]).is_file()
            rows.append(
                [
                    Cell(
                        each["name"] if there else f"{each['name']} (file missing)",
                        self.link("submissions", each["id"], "") if there else "",
                    ),
                    *_scores(each),
                    _yes(each["needs_manual_grade"]),
                    _yes(each["failed_tests"]),
                    _yes(each["flagged"]),
                ]
            )
        crumbs = [
            ("Students", self.link("manage_students")),
            (student, self.link("manage_students", student)),
            (assignment, ""),
        ]
        columns = ("Needs manual grade?", "Tests failed?", "Flagged?")
        self.table(("Notebook ID", *_SCORES, *columns), rows, crumbs)


_SCORES = tuple(f"{words} score" for _kind, words in _KINDS)


def _scores(found: Mapping[str, Any]) -> list[Cell]:
    return [_points(found[f"{kind}score"], found[f"max_{kind}score"]) for kind, _words in _KINDS]


def _points(score: float, most: float) -> Cell:
    text = f"{round(score or 0, 2):g} / {round(most or 0, 2):g}"
    return Cell(text, order=score / most if most else 0.0)


def _yes(value: object) -> Cell:
    return Cell("yes" if value else "")


def _name(found: Mapping[str, Any]) -> str:
    if found["last_name"] is None or found["first_name"] is None:
        return str(found["student"])
    return f"{found['last_name']}, {found['first_name']}"


def routes() -> dict[str, type[Handler]]:
    """Addresses below the Formgrader's."""
    return {
        "gradebook/?": Assignments,
        "gradebook/([^/]+)/?": Notebooks,
        "gradebook/([^/]+)/([^/]+)/?": Submissions,
        "manage_students/?": Students,
        "manage_students/([^/]+)/?": StudentAssignments,
        "manage_students/([^/]+)/([^/]+)/?": StudentNotebooks,
    }

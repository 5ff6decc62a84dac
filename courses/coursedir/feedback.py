"""Feedback: nbgrader's pages of graded notebooks, in which nothing of a student's can act.

nbgrader changes the working directory: it runs in a child, ``python -m courses.coursedir.feedback
FOLDER``, one for all students, with what to do on its standard input, both JSON.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from courses.coursedir import child
from courses.coursedir.generate import GRADEBOOK
from courses.errors import GradeError


def generate_feedback(
    directory: Path, assignment: str, students: Iterable[str], *, hidden_tests: bool = True
) -> dict[str, Path]:
    """Make the feedback pages of some students, anew; each gets ``feedback/STUDENT/ASSIGNMENT/``.

    Args:
        directory: the course directory, in which their work is autograded.
        hidden_tests: whether the pages show hidden tests, and what they printed and raised.

    Returns the folder of each student's pages, ``*.html``. Whose pages could not be made is not in
    it, and has none. Raises `GradeError` when nbgrader cannot be run at all.
    """
    wanted = {
        "assignment": assignment,
        "students": sorted(students),
        "hidden_tests": hidden_tests,
    }
    made = child.ask("courses.coursedir.feedback", directory.resolve(), wanted, GradeError)
    return {student: directory / "feedback" / student / assignment for student in made}


def _converter() -> Any:
    from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
    from nbgrader.api import Gradebook, MissingEntry
    from nbgrader.converters import GenerateFeedback
    from nbgrader.preprocessors import GetGrades
    from traitlets import default

    from courses.coursedir.harmless import HarmlessHTML, Reduce, cells_of

    class Feedback(GenerateFeedback):
        """With our exporter, and of a student's files only the time of the submission."""

        preprocessors = (Reduce, GetGrades, CSSHTMLHeaderPreprocessor)

        @default("exporter_class")
        def _our_exporter(self) -> type:
            return HarmlessHTML

        def init_notebooks(self) -> None:
            # nbgrader's own takes names for patterns.
            course = self.coursedir
            folder = self._format_source(course.assignment_id, course.student_id)
            found = sorted(str(each) for each in Path(folder).glob("*.ipynb"))
            self.assignments = {folder: found}

        def init_assignment(self, assignment_id: str, student_id: str) -> None:
            source = Path(self._format_source(assignment_id, student_id))
            target = Path(self._format_dest(assignment_id, student_id))
            target.mkdir(parents=True, exist_ok=True)
            if (source / "timestamp.txt").is_file():
                shutil.copyfile(source / "timestamp.txt", target / "timestamp.txt")

        def convert_single_notebook(self, notebook_filename: str) -> None:
            names = self.init_single_notebook_resources(notebook_filename)["nbgrader"]
            try:
                with Gradebook(self.coursedir.db_url) as book:
                    self._cells = cells_of(book, names["assignment"], names["notebook"])
            except MissingEntry:
                return  # a notebook that is not the assignment's
            super().convert_single_notebook(notebook_filename)

        def init_single_notebook_resources(self, notebook_filename: str) -> dict[str, Any]:
            resources: dict[str, Any] = super().init_single_notebook_resources(notebook_filename)
            return {**resources, "cells": getattr(self, "_cells", frozenset())}

    return Feedback


def _main(folder: Path, wanted: dict[str, Any]) -> list[str]:
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{folder / GRADEBOOK}"
    config.CourseDirectory.assignment_id = wanted["assignment"]
    config.Reduce.hidden_tests = wanted["hidden_tests"]
    converter, made = _converter(), []
    for student in wanted["students"]:
        config.CourseDirectory.student_id = student
        try:
            one = converter(coursedir=CourseDirectory(config=config), config=config)
            one.force = True
            one.start()
        except (NbGraderException, SystemExit):
            continue  # its log, on standard error, says why
        if any((folder / "feedback" / student / wanted["assignment"]).glob("*.html")):
            made.append(student)
    return made


if __name__ == "__main__":
    answer = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints is not the answer
    json.dump(_main(Path(sys.argv[1]), json.load(sys.stdin)), answer)

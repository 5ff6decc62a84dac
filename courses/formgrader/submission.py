"""The page of a student's notebook, with fields for marks and comments; and the way to the next."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import quote

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from tornado.web import HTTPError
from traitlets.config import Config

from courses.coursedir.harmless import HarmlessHTML, Reduce, cells_of
from courses.formgrader.base import TEMPLATES, Handler

_MOST_BYTES = 50_000_000


class Submission(Handler):
    """``submissions/ID/``"""

    def get(self, number: str) -> None:
        found = self.submitted(number)
        names = _names(found)
        path = self.room.notebook(*names)
        if not path.is_file():
            self.sentence(404, "The notebook is not there. Grade the assignment again.")
            return
        if path.stat().st_size > _MOST_BYTES:
            self.sentence(413, "The notebook is too large to be shown. Ask for its files instead.")
            return
        student, assignment, notebook = names
        numbers = _neighbours(self, found)
        self.about(found)
        resources = {
            **self.shared(),
            "cells": cells_of(self.book, assignment, notebook),
            "student": student,
            "assignment_id": assignment,
            "notebook_id": notebook,
            "assignment_link": f"{self.home}/gradebook/{quote(assignment, safe='')}",
            "notebook_link": self.list_of(found),
            "submission_id": found.id,
            "index": numbers.index(found.id) if found.id in numbers else 0,
            "total": len(numbers),
        }
        page, _resources = _exporter().from_filename(str(path), resources=resources)
        self.finish(page)

    def list_of(self, found: Any) -> str:
        """The address of the notebook's submissions."""
        _student, assignment, notebook = _names(found)
        return f"{self.home}/gradebook/{quote(assignment, safe='')}/{quote(notebook, safe='')}"


class Navigation(Submission):
    """``submissions/ID/next`` and its like; after the last comes the list."""

    def get(self, number: str, way: str = "") -> None:
        found = self.submitted(number)
        numbers = _neighbours(self, found, failed=way.endswith("_incorrect"))
        place = numbers.index(found.id) + (1 if way.startswith("next") else -1)
        if not 0 <= place < len(numbers):
            self.redirect(self.list_of(found))
            return
        index = self.get_query_argument("index", "")
        query = f"?index={int(index)}" if index.isdecimal() else ""
        self.redirect(f"{self.home}/submissions/{numbers[place]}/{query}")


class Find(Handler):
    """``find?assignment=A&student=S&task=T``: leads to the page that has the task.

    A task is what the feedback calls it: the cell's name, the notebook's before it where an
    assignment has several.
    """

    def get(self) -> None:
        wanted = {name: self.get_query_argument(name) for name in ("assignment", "student")}
        task = self.get_query_argument("task", "")
        found = self.book.find_submission(wanted["assignment"], wanted["student"])
        for notebook in sorted(found.notebooks, key=lambda each: str(each.name)):
            for cell in (each.name for each in notebook.grades):
                if task in ("", cell, f"{notebook.name}/{cell}"):
                    anchor = f"#{cell}" if task else ""
                    self.redirect(f"{self.home}/submissions/{notebook.id}/{anchor}")
                    return
        raise HTTPError(404)


def _names(found: Any) -> tuple[str, str, str]:
    return found.student.id, found.assignment.assignment.name, found.notebook.name


def _neighbours(handler: Handler, found: Any, *, failed: bool = False) -> list[str]:
    """The ids of all submissions of the same notebook; with ``failed`` those that failed tests."""
    _student, assignment, notebook = _names(found)
    return sorted(
        each["id"]
        for each in handler.book.notebook_submission_dicts(notebook, assignment)
        if each["id"] == found.id
        or (
            handler.room.notebook(each["student"], assignment, notebook).is_file()
            and (not failed or each["failed_tests"])
        )
    )


@cache
def _exporter() -> HarmlessHTML:
    config = Config()
    config.Exporter.default_preprocessors = []
    config.HTMLExporter.template_name = "formgrade"
    config.HTMLExporter.extra_template_basedirs = [str(TEMPLATES)]
    exporter = HarmlessHTML(config=config)
    exporter.register_preprocessor(Reduce, enabled=True)
    exporter.register_preprocessor(CSSHTMLHeaderPreprocessor, enabled=True)
    return exporter


def routes() -> dict[str, type[Handler]]:
    """Addresses below the Formgrader's."""
    return {
        "find": Find,
        "submissions/([^/]+)/?": Submission,
        "submissions/([^/]+)/(next_incorrect|prev_incorrect|next|prev)/?": Navigation,
    }

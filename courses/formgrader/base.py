"""What the Formgrader's handlers share."""

from __future__ import annotations

import json
import logging
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import jinja2
from nbgrader.api import Gradebook, MissingEntry
from tornado.web import HTTPError, RequestHandler

from courses.coursedir.generate import GRADEBOOK
from courses.formgrader import ASSIGNMENT, BASE, NONCE, STATIC, STUDENT, XSRF

TEMPLATES = Path(__file__).parent / "templates"
_LOG = logging.getLogger("formgrader")


class Room:
    """A course directory, and the pages' templates."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def notebook(self, student: str, assignment: str, notebook: str) -> Path:
        """The graded notebook of a student."""
        return self.directory / "autograded" / student / assignment / f"{notebook}.ipynb"


class Handler(RequestHandler):
    """One request, with a view of the gradebook of its own: grading writes to it meanwhile."""

    room: Room

    def initialize(self, room: Room) -> None:
        self.room = room

    @cached_property
    def book(self) -> Any:
        """nbgrader's gradebook, open."""
        return Gradebook(f"sqlite:///{self.room.directory / GRADEBOOK}")

    def on_finish(self) -> None:
        if "book" in self.__dict__:
            self.book.close()

    @property
    def base(self) -> str:
        """The course's address in the classroom."""
        return self.request.headers.get(BASE, "")

    @property
    def home(self) -> str:
        """The Formgrader's."""
        return f"{self.base}/formgrader"

    def shared(self) -> dict[str, Any]:
        """What all pages know."""
        return {
            "base": self.base,
            "home": self.home,
            "static": self.request.headers.get(STATIC, ""),
            "nonce": self.request.headers.get(NONCE, ""),
            "xsrf": self.request.headers.get(XSRF, ""),
        }

    def show(self, template: str, **values: object) -> None:
        """Finish with a page."""
        page = self.room.templates.get_template(template)
        self.finish(page.render({**self.shared(), **values}))

    def about(self, found: Any) -> None:
        """Tell the classroom whose notebook the answer is about."""
        self.set_header(STUDENT, quote(found.student.id, safe=""))
        self.set_header(ASSIGNMENT, quote(found.assignment.assignment.name, safe=""))

    def submitted(self, submission_id: str) -> Any:
        """A student's notebook in the gradebook, by its id."""
        return self.book.find_submission_notebook_by_id(submission_id)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        if isinstance(kwargs.get("exc_info", (None, None))[1], MissingEntry):
            status_code = 404
        super().send_error(status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.sentence(status_code, _SENTENCES.get(status_code, _SENTENCES[500]))

    def sentence(self, status: int, message: str) -> None:
        """Finish with an error that a person can read."""
        self.set_status(status)
        if "/formgrader/api/" in self.request.path:
            self.set_header("Content-Type", "application/json; charset=UTF-8")
            self.finish(json.dumps({"status": status, "message": message}))
        else:
            self.show("error.html", heading=HTTPStatus(status).phrase, message=message)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if not isinstance(value, HTTPError | MissingEntry):
            _LOG.error("%s %s", self.request.method, self.request.path, exc_info=value)


class NoSuchPage(Handler):
    """All other addresses, nbgrader's buttons among them."""

    def prepare(self) -> None:
        address = self.request.path.removeprefix("/formgrader/")
        first, _, rest = address.partition("/")
        if first in ("", "manage_assignments"):
            self.redirect(f"{self.home}/gradebook" if not first else self.base)
        elif first == "manage_submissions":
            self.redirect(f"{self.base}/assignments/{rest.strip('/')}")
        else:
            raise HTTPError(409 if first == "api" and self.request.method != "GET" else 404)


_SENTENCES = {
    400: "The request cannot be understood. Load the page again, and try once more.",
    404: "The gradebook has nothing at this address. Go back to the list of assignments.",
    409: "This is done in the classroom: collect, grade and publish on the assignment's page.",
    500: "The Formgrader could not do that. Try again; if it stays so, tell the people who run"
    " this service.",
}

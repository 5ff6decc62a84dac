"""Marks and comments: read by the page's script, and saved as soon as one is changed."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, Field, FiniteFloat, ValidationError
from tornado.web import HTTPError

from courses.formgrader import CHANGED
from courses.formgrader.base import Handler

_Points = Annotated[FiniteFloat, Field(ge=0, le=1_000_000)]


class _Mark(BaseModel):
    manual_score: _Points | None = None
    extra_credit: _Points | None = None


class _Comment(BaseModel):
    manual_comment: Annotated[str, Field(max_length=100_000)] | None = None


class Marks(Handler):
    """What is answered, and told to the classroom, of one mark or comment."""

    def changed(self, found: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Save, and finish with what is there now."""
        self.book.db.commit()
        self.about(found.notebook)
        told = {
            "notebook": found.notebook.name,
            "task": found.cell.name,
            "before": before,
            "after": after,
        }
        self.set_header(CHANGED, quote(json.dumps(told)))
        self.finish(json.dumps(found.to_dict()))

    def sent(self, model: type[BaseModel]) -> Any:
        """What the page sends."""
        try:
            return model.model_validate_json(self.request.body)
        except ValidationError:
            raise HTTPError(400) from None


class Grades(Handler):
    def get(self) -> None:
        found = self.submitted(self.get_query_argument("submission_id"))
        self.finish(json.dumps([each.to_dict() for each in found.grades]))


class Comments(Handler):
    def get(self) -> None:
        found = self.submitted(self.get_query_argument("submission_id"))
        self.finish(json.dumps([each.to_dict() for each in found.comments]))


class Grade(Marks):
    def get(self, number: str) -> None:
        self.finish(json.dumps(self.book.find_grade_by_id(number).to_dict()))

    def put(self, number: str) -> None:
        sent = self.sent(_Mark)
        found = self.book.find_grade_by_id(number)
        before = {"manual_score": found.manual_score, "extra_credit": found.extra_credit}
        found.manual_score, found.extra_credit = sent.manual_score, sent.extra_credit
        # As nbgrader does: what has no score at all waits for one.
        found.needs_manual_grade = found.manual_score is None and found.auto_score is None
        self.changed(found, before, sent.model_dump())


class Comment(Marks):
    def get(self, number: str) -> None:
        self.finish(json.dumps(self.book.find_comment_by_id(number).to_dict()))

    def put(self, number: str) -> None:
        sent = self.sent(_Comment)
        found = self.book.find_comment_by_id(number)
        before = {"comment": found.manual_comment}
        found.manual_comment = sent.manual_comment
        self.changed(found, before, {"comment": sent.manual_comment})


class Flag(Handler):
    def post(self, number: str) -> None:
        found = self.submitted(number)
        found.flagged = not found.flagged
        self.book.db.commit()
        self.finish(json.dumps(found.to_dict()))


def routes() -> dict[str, type[Handler]]:
    """Addresses below the Formgrader's: nbgrader's own, which its scripts ask."""
    return {
        "api/grades": Grades,
        "api/comments": Comments,
        "api/grade/([^/]+)": Grade,
        "api/comment/([^/]+)": Comment,
        "api/submitted_notebook/([^/]+)/flag": Flag,
    }

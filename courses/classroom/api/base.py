"""What the API's handlers have in common."""

from __future__ import annotations

import json
from datetime import datetime

from courses.classroom.handlers import ApiHandler
from courses.submissions import iso


def moment(value: datetime | None) -> str | None:
    return None if value is None else iso(value)


class JsonHandler(ApiHandler):
    """Answers with JSON, lists too (which ``RequestHandler.write`` refuses)."""

    def write_json(self, value: object) -> None:
        self.write_text(json.dumps(value, ensure_ascii=False))

    def write_text(self, text: str) -> None:
        """Answer with JSON that is written already."""
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(text)

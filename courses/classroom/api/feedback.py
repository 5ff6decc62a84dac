"""Feedback on submissions."""

from __future__ import annotations

import math
from datetime import datetime
from typing import cast

from courses.classroom.desks import Upload
from courses.classroom.handlers import Handler
from courses.classroom.uploads import UploadHandler
from courses.course import Caller
from courses.errors import Malformed
from courses.language import gettext as _
from courses.submissions import iso


class FeedbackOn(UploadHandler):
    def expect(self, who: Caller, *names: str) -> Upload:
        slug, submission_id = names
        score, max_score = self._points("score"), self._points("max_score")
        if (score is None) is not (max_score is None):
            raise Malformed(_("Give both score and max_score, or neither."))
        return self.shared.desks.feedback.give(who, slug, submission_id, score, max_score)

    async def put(self, slug: str, submission_id: str) -> None:
        self.finish({"feedback": iso(cast(datetime, await self.receive()))})

    async def get(self, slug: str, submission_id: str) -> None:
        who = await self.person()
        path = await self.work(self.shared.desks.feedback.read, who, slug, submission_id)
        await self.send_file(path, f"{submission_id}-feedback.zip")

    def _points(self, name: str) -> float | None:
        text = self.get_query_argument(name, None)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise Malformed(
                _("{name} is '{text}'; it must be a number, 0 or more.", name=name, text=text)
            )
        return value


def routes() -> dict[str, type[Handler]]:
    """Addresses below the API's."""
    return {r"courses/([^/]+)/submissions/([^/]+)/feedback": FeedbackOn}

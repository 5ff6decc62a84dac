"""The grades of a course, for programs."""

from __future__ import annotations

from courses.classroom.api.base import JsonHandler
from courses.classroom.handlers import Handler
from courses.overview import grade_json


class Grades(JsonHandler):
    async def get(self, slug: str) -> None:
        who = await self.person()
        found = await self.work(self.shared.desks.overview.grades, who, slug)
        self.write_json([grade_json(each) for each in found])


def routes() -> dict[str, type[Handler]]:
    """Addresses below the API's."""
    return {r"courses/([^/]+)/grades": Grades}

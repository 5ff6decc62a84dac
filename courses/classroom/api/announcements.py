"""What staff has announced."""

from __future__ import annotations

from courses.announcements import Announcement
from courses.classroom.api.base import JsonHandler, moment
from courses.classroom.handlers import Handler
from courses.submissions import iso


def announcement_json(announcement: Announcement) -> dict[str, object]:
    """One announcement."""
    return {
        "id": announcement.id,
        "title": announcement.title,
        "text": announcement.text,
        "author": announcement.author,
        "written": iso(announcement.written),
        "until": moment(announcement.until),
    }


class Announcements(JsonHandler):
    async def get(self, slug: str) -> None:
        found = await self.work(self.shared.desks.announcements.of, await self.person(), slug)
        self.write_json([announcement_json(each) for each in found])


def routes() -> dict[str, type[Handler]]:
    """Addresses below the API's."""
    return {r"courses/([^/]+)/announcements": Announcements}

"""The audit of a course."""

from __future__ import annotations

from urllib.parse import urlencode

from tornado.web import authenticated

from courses.classroom import record_views, views
from courses.classroom.asked import wanted_of
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage


class Audit(PersonalPage):
    @authenticated
    async def get(self, slug: str) -> None:
        wanted = wanted_of(self)
        found = await self.work(self.shared.desks.record.page, self.who, slug, wanted)
        filters = {
            "person": wanted.person,
            "action": wanted.action,
            "assignment": wanted.assignment,
        }
        query = urlencode({name: value for name, value in filters.items() if value})
        self.show(
            "audit.html",
            course=found.course,
            back=self.base(slug),
            zone=views.zone_words(found.course),
            **record_views.page(found, wanted, self.base(slug), query),
        )


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {"courses/([^/]+)/audit": Audit}

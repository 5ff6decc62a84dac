"""A course's page, as a student sees it and as staff does."""

from __future__ import annotations

from tornado.web import authenticated

from courses.classroom import views
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.store.audit import now


class CoursePage(PersonalPage):
    @authenticated
    async def get(self, slug: str) -> None:
        who, desk = self.who, self.shared.desks.courses
        course, role = await self.work(desk.one, who, slug)
        (session,) = await self.sessions(course)
        values: dict[str, object] = {
            "course": course,
            "session": session,
            "xsrf": self.xsrf,
            "zone": views.zone_words(course),
        }
        if role.grades:
            room = await self.work(desk.classroom, who, slug)
            self.show("staff.html", **values, **views.staff(room, now(), self.base(slug)))
        else:
            found = await self.work(desk.standings, who, slug)
            at = now()
            rows = [views.assignment(each, course, at, self.base(slug)) for each in found]
            self.show("course.html", **values, assignments=rows)


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {"courses/([^/]+)": CoursePage}

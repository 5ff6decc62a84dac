"""A course's page, as a student sees it and as staff does."""

from __future__ import annotations

from tornado.web import authenticated

from courses import words
from courses.classroom import staff_views, views
from courses.classroom.handlers import Handler
from courses.classroom.pages.announcements import announced
from courses.classroom.pages.base import PersonalPage
from courses.course import Role
from courses.store.audit import now


class CoursePage(PersonalPage):
    @authenticated
    async def get(self, slug: str) -> None:
        who, desk = self.who, self.shared.desks.courses
        course, role = await self.work(desk.one, who, slug)
        (session,) = await self.sessions(course)
        said = await self.work(self.shared.desks.announcements.of, who, slug)
        values: dict[str, object] = {
            "course": course,
            "announcements": announced(course, said),
            "session": session,
            "xsrf": self.xsrf,
            "zone": views.zone_words(course),
            "role": words.role(role),
            "teaches": role is Role.INSTRUCTOR,
        }
        if role.grades:
            # In this order, what comes in between the two is told twice, and not never.
            seen = await self.shared.live.seen(slug)
            course, overview = await self.work(self.shared.desks.overview.course, who, slug)
            shown = staff_views.course(course, overview, now(), self.base(slug))
            self.show("staff.html", **values, **shown, base=self.base(slug), seen=seen)
        else:
            found = await self.work(desk.standings, who, slug)
            at = now()
            rows = [views.assignment(each, course, at, self.base(slug)) for each in found]
            self.show("course.html", **values, assignments=rows)


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {"courses/([^/]+)": CoursePage}

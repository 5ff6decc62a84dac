"""The first page: one's courses."""

from __future__ import annotations

from tornado.web import authenticated

from courses.classroom import views
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.store.audit import now


class Home(PersonalPage):
    @authenticated
    async def get(self) -> None:
        who, at, desk = self.who, now(), self.shared.desks.courses
        courses = await self.work(desk.of, who)
        cards = []
        sessions = await self.sessions(*(course for course, _ in courses))
        for (course, role), session in zip(courses, sessions, strict=True):
            standings = await self.work(desk.standings, who, course.slug)
            view = views.card(course, role, standings, at)
            cards.append({**view, "address": self.base(course.slug), "session": session})
        self.show("home.html", cards=cards, xsrf=self.xsrf)


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {"": Home}

"""The first page: one's courses."""

from __future__ import annotations

from tornado.web import authenticated

from courses.classroom import home_views, views
from courses.classroom.handlers import Handler
from courses.classroom.pages.announcements import announced
from courses.classroom.pages.base import PersonalPage
from courses.store.audit import now


class Home(PersonalPage):
    @authenticated
    async def get(self) -> None:
        who, at, desk = self.who, now(), self.shared.desks.courses
        courses = await self.work(desk.of, who)
        cards, found = [], []
        sessions = await self.sessions(*(course for course, _ in courses))
        for (course, role), session in zip(courses, sessions, strict=True):
            standings = await self.work(desk.standings, who, course.slug)
            found.append((course, role, standings))
            view = views.card(course, role, standings, at)
            cards.append({**view, "address": self.base(course.slug), "session": session})
        boards = await self.work(self.shared.desks.announcements.of_courses, who)
        said = [view for course, board in boards for view in announced(course, board)]
        due = home_views.due(found, at, self.base)
        self.show("home.html", cards=cards, due=due, announcements=said, xsrf=self.xsrf)


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {"": Home}

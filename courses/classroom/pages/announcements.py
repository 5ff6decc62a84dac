"""Announcements: staff's board of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tornado.web import authenticated

from courses import words
from courses.announcements import Announcement
from courses.classroom.asked import number
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.classroom.statuses import status_of
from courses.classroom.views import View
from courses.course import Course
from courses.deadlines import moment
from courses.errors import Malformed


def announced(course: Course, found: Iterable[Announcement]) -> list[View]:
    """Announcements as pages show them."""
    zone = course.timezone
    return [
        {
            "id": each.id,
            "course": course.title,
            "title": each.title,
            "paragraphs": [part for part in each.text.split("\n") if part.strip()],
            "author": each.author,
            "written": words.short_date(each.written, zone),
            "until": words.short_date(each.until, zone) if each.until else None,
        }
        for each in found
    ]


class Board(PersonalPage):
    @authenticated
    async def get(self, slug: str) -> None:
        await self.show_board(slug, {"title": "", "text": "", "until": ""})

    @authenticated
    async def post(self, slug: str) -> None:
        desk = self.shared.desks.announcements
        typed = {name: self.get_body_argument(name, "") for name in ("title", "text", "until")}
        until = (lambda zone: moment(typed["until"], zone)) if typed["until"] else None
        try:
            await self.work(desk.announce, self.who, slug, typed["title"], typed["text"], until)
        except Malformed as error:
            self.set_status(status_of(error))
            await self.show_board(slug, typed, str(error))
        else:
            self.redirect(f"{self.base(slug)}/announcements", status=303)

    async def show_board(self, slug: str, typed: Mapping[str, str], problem: str = "") -> None:
        board = self.shared.desks.announcements.board
        course, found = await self.work(board, self.who, slug)
        self.show(
            "announcements.html",
            course=course,
            back=self.base(slug),
            address=f"{self.base(slug)}/announcements",
            announcements=announced(course, found),
            typed=typed,
            problem=problem,
            zone=words.zone(course.timezone),
            xsrf=self.xsrf,
        )


class TakeDown(PersonalPage):
    @authenticated
    async def post(self, slug: str, announcement: str) -> None:
        take_down = self.shared.desks.announcements.take_down
        await self.work(take_down, self.who, slug, number(announcement))
        self.redirect(f"{self.base(slug)}/announcements", status=303)


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {
        "courses/([^/]+)/announcements": Board,
        "courses/([^/]+)/announcements/([^/]+)/take-down": TakeDown,
    }

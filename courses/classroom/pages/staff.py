"""What staff sees of an assignment and of a person; the numbers as they come in."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tornado.web import authenticated

from courses import words
from courses.classroom import grading_views, record_views, staff_views, views
from courses.classroom.desks.overview import MOST_CHANGES
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.course import Course
from courses.errors import NotFound
from courses.language import gettext as _
from courses.overview import Overview
from courses.store.audit import now

ASSIGNMENT = "courses/([^/]+)/assignments/([^/]+)"
# Below what proxies allow a request to take; then the page asks again, and is who it was.
_SECONDS = 25.0


class Numbers(PersonalPage):
    """What is new on the course's page: at once, or when something is, or nothing after a while."""

    @authenticated
    async def get(self, slug: str) -> None:
        desk, who = self.shared.desks.overview, self.who
        await self.work(desk.may_follow, who, slug)
        seen = self.get_query_argument("seen", "")
        news = await self.shared.live.news(slug, seen, _SECONDS)
        # Who has lost the role meanwhile is told nothing more.
        course = await self.work(desk.may_follow, who, slug)
        if news is None:
            self.set_status(204)
            return
        macros: Any = self.shared.templates.get_template("staff-parts.html").module
        zone, base, found = course.timezone, self.base(slug), news.overview
        names = [each.name for each in course.assignments]
        self.finish(
            {
                "seen": news.seen,
                "anew": news.anew,
                "counts": {name: staff_views.counts(found, name) for name in names},
                "cells": [
                    [*key, macros.cell(staff_views.cell(found.cell(*key), zone, base)).strip()]
                    for key in news.cells
                    if key[0] in names
                ],
            }
        )


class AssignmentPage(PersonalPage):
    """What is shown of an assignment; subclasses say what."""

    async def look(self, slug: str, name: str) -> tuple[Course, Overview]:
        course, overview = await self.work(self.shared.desks.overview.course, self.who, slug)
        if name not in {each.name for each in course.assignments}:
            raise NotFound(_("There is no such assignment in this course. Look at its list."))
        return course, overview


class Assignment(AssignmentPage):
    @authenticated
    async def get(self, slug: str, name: str) -> None:
        course, overview = await self.look(slug, name)
        value = next(each for each in course.assignments if each.name == name)
        stored = await self.work(self.shared.desks.releases.stored, self.who, slug)
        board = await self.work(self.shared.desks.grading.board, self.who, slug, name)
        progress = self.shared.grading.progress(board.run.id) if board.run else None
        self.show(
            "staff-assignment.html",
            course=course,
            back=self.base(slug),
            xsrf=self.xsrf,
            zone=views.zone_words(course),
            stored=words.short_date(stored, course.timezone) if stored else None,
            run=grading_views.run(board.run, progress, course.timezone),
            seen=grading_views.seen(board.run, progress),
            summary=grading_views.summary(board, self.base(slug)),
            tests=grading_views.tests(board),
            **staff_views.assignment(course, value, overview, now(), self.base(slug)),
        )


class Release(PersonalPage):
    """The button: the student version that came in with the course goes out."""

    @authenticated
    async def post(self, slug: str, name: str) -> None:
        await self.work(self.shared.desks.releases.release_stored, self.who, slug, name)
        self.back_to(slug, name)

    def back_to(self, slug: str, name: str) -> None:
        self.redirect(f"{self.base(slug)}/assignments/{quote(name, safe='')}", status=303)


class TakeBack(Release):
    """The button: it comes back."""

    @authenticated
    async def post(self, slug: str, name: str) -> None:
        await self.work(self.shared.desks.releases.withdraw, self.who, slug, name)
        self.back_to(slug, name)


class History(PersonalPage):
    """All of one person in a course."""

    @authenticated
    async def get(self, slug: str, user: str) -> None:
        found = await self.work(self.shared.desks.overview.history, self.who, slug, user)
        course, base = found.course, self.base(slug)
        zone = course.timezone
        self.show(
            "staff-history.html",
            course=course,
            back=base,
            person=user,
            role=words.role(found.role) if found.role else None,
            zone=views.zone_words(course),
            assignments=staff_views.history(found, base),
            rows=[record_views.row(each, zone, base) for each in found.changes],
            everything=len(found.changes) < MOST_CHANGES,
            audit=f"{base}/audit?person={quote(user, safe='')}",
        )


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {
        "courses/([^/]+)/live": Numbers,
        "courses/([^/]+)/history/([^/]+)": History,
        ASSIGNMENT: Assignment,
        f"{ASSIGNMENT}/release": Release,
        f"{ASSIGNMENT}/take-back": TakeBack,
    }

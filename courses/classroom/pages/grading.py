"""Collect, grade, publish: buttons, how far it is, and what came of it."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from tornado.web import authenticated

from courses.classroom import grading_views, views
from courses.classroom.grading import GradingRuns
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.classroom.pages.staff import ASSIGNMENT
from courses.store.grading import Kind, Run

# Below what proxies allow a request to take, as for the course's numbers.
_SECONDS = 25.0


class _AssignmentPage(PersonalPage):
    def address(self, slug: str, name: str) -> str:
        return f"{self.base(slug)}/assignments/{quote(name, safe='')}"


class _Asking(_AssignmentPage):
    """A button; subclasses say what for."""

    kind: Kind

    @authenticated
    async def post(self, slug: str, name: str) -> None:
        everybody = self.get_body_argument("everybody", "") == "yes"
        desk = self.shared.desks.grading
        await self.work(desk.ask, self.who, slug, name, self.kind, everybody=everybody)
        self.shared.grading.wake()
        self.redirect(f"{self.address(slug, name)}#grading", status=303)


class Collect(_Asking):
    kind = Kind.COLLECT


class Grade(_Asking):
    kind = Kind.GRADE


class Tests(_Asking):
    """Some of what was handed in is run again and again, to see which tests differ."""

    kind = Kind.TESTS


class Publish(_Asking):
    """First what it would do, then the button."""

    kind = Kind.PUBLISH

    @authenticated
    async def get(self, slug: str, name: str) -> None:
        board, planned = await self.work(self.shared.desks.grading.plan, self.who, slug, name)
        self.show(
            "publish.html",
            course=board.course,
            assignment=board.assignment,
            address=self.address(slug, name),
            xsrf=self.xsrf,
            **grading_views.publishing(board, planned, self.base(slug)),
        )


class Preview(_Asking):
    """What grading everybody's again would change, tried in a copy."""

    kind = Kind.PREVIEW

    @authenticated
    async def get(self, slug: str, name: str) -> None:
        board, found = await self.work(self.shared.desks.grading.trial, self.who, slug, name)
        self.show(
            "regrade.html",
            course=board.course,
            assignment=board.assignment,
            address=self.address(slug, name),
            xsrf=self.xsrf,
            **grading_views.trial(board, found, self.base(slug)),
        )


class Stop(_AssignmentPage):
    """The button: what is under way ends."""

    @authenticated
    async def post(self, slug: str, name: str) -> None:
        number = await self.work(
            self.shared.desks.grading.stop, self.who, slug, name, self.shared.grading.progress
        )
        self.shared.grading.stop(number)
        self.redirect(f"{self.address(slug, name)}#grading", status=303)


class Far(PersonalPage):
    """How far it is: at once when the page has seen another state, else when that changes."""

    @authenticated
    async def get(self, slug: str, name: str) -> None:
        desk, runs, who = self.shared.desks.grading, self.shared.grading, self.who
        known = self.get_query_argument("seen", "")
        run = await self.work(desk.run, who, slug, name)
        if run and not run.stage.over:
            await runs.changed(partial(_same, run, runs, known), _SECONDS)
            run = await self.work(desk.run, who, slug, name)
        progress = runs.progress(run.id) if run else None
        macros: Any = self.shared.templates.get_template("grading-parts.html").module
        line = grading_views.run(run, progress, "UTC")
        self.finish(
            {
                "seen": grading_views.seen(run, progress),
                "over": line["over"],
                "html": macros.far(line).strip(),
            }
        )


class Outcomes(_AssignmentPage):
    """What came of each person's work."""

    @authenticated
    async def get(self, slug: str, name: str) -> None:
        board = await self.work(self.shared.desks.grading.board, self.who, slug, name)
        show = self.get_query_argument("show", "")
        self.show(
            "outcomes.html",
            course=board.course,
            assignment=board.assignment,
            address=self.address(slug, name),
            formgrader=f"{self.base(slug)}/formgrader/",
            zone=views.zone_words(board.course),
            **grading_views.outcomes(board, show, self.base(slug)),
        )


def _same(run: Run, runs: GradingRuns, known: str) -> bool:
    return grading_views.seen(run, runs.progress(run.id)) == known


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {
        f"{ASSIGNMENT}/collect": Collect,
        f"{ASSIGNMENT}/grade": Grade,
        f"{ASSIGNMENT}/publish": Publish,
        f"{ASSIGNMENT}/preview": Preview,
        f"{ASSIGNMENT}/tests": Tests,
        f"{ASSIGNMENT}/stop": Stop,
        f"{ASSIGNMENT}/progress": Far,
        f"{ASSIGNMENT}/outcomes": Outcomes,
    }

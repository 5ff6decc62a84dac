"""What staff takes along, and what is drawn: grades as files, an assignment's plots."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache

from tornado.web import authenticated

from courses import language
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.classroom.pages.staff import ASSIGNMENT, AssignmentPage
from courses.classroom.staff_views import Progress, progress_of
from courses.errors import NotFound
from courses.language import gettext as _
from courses.overview import grade_json, grades_csv

# A picture of its own: nothing in it runs, nothing in it loads.
_PLOT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
_KEPT = 256


class GradesCsv(PersonalPage):
    @authenticated
    async def get(self, slug: str) -> None:
        rows = await self.work(self.shared.desks.overview.grades, self.who, slug)
        self.set_header("Content-Disposition", f'attachment; filename="grades-{slug}.csv"')
        self.set_header("Content-Type", "text/csv; charset=UTF-8")
        self.finish(grades_csv(rows))


class GradesJson(PersonalPage):
    @authenticated
    async def get(self, slug: str) -> None:
        rows = await self.work(self.shared.desks.overview.grades, self.who, slug)
        self.set_header("Content-Disposition", f'attachment; filename="grades-{slug}.json"')
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(json.dumps([grade_json(each) for each in rows], ensure_ascii=False))


class Plot(AssignmentPage):
    """One of an assignment's plots; subclasses say which."""

    kind = ""

    @authenticated
    async def get(self, slug: str, name: str) -> None:
        course, overview = await self.look(slug, name)
        due = next(each.due for each in course.assignments if each.name == name)
        drawn = await self.work(
            _draw,
            self.kind,
            progress_of(overview, name),
            len(overview.students),
            due,
            course.timezone,
            language.current(),
        )
        self.set_header("Content-Security-Policy", _PLOT_POLICY)
        self.set_header("Content-Type", "image/svg+xml; charset=UTF-8")
        self.finish(drawn)


class HandInsPlot(Plot):
    kind = "hand-ins"


class ScoresPlot(Plot):
    kind = "scores"


class TasksPlot(Plot):
    kind = "tasks"


@lru_cache(_KEPT)
def _draw(
    kind: str, found: Progress, students: int, due: datetime | None, zone: str, in_language: str
) -> str:
    """A plot, drawn once for what it shows and the language it is read in."""
    # matplotlib takes its time and its memory: a classroom where nobody looks at plots has neither.
    from courses import plots

    try:
        return {
            "hand-ins": lambda: plots.hand_ins(found.first, students, due, zone),
            "scores": lambda: plots.scores(found.points, found.max_score),
            "tasks": lambda: plots.tasks(found.tasks),
        }[kind]()
    except ValueError:
        raise NotFound(_("There is nothing to draw yet.")) from None


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {
        r"courses/([^/]+)/grades\.csv": GradesCsv,
        r"courses/([^/]+)/grades\.json": GradesJson,
        rf"{ASSIGNMENT}/plots/hand-ins\.svg": HandInsPlot,
        rf"{ASSIGNMENT}/plots/scores\.svg": ScoresPlot,
        rf"{ASSIGNMENT}/plots/tasks\.svg": TasksPlot,
    }

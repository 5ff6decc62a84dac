"""Courses and their assignments."""

from __future__ import annotations

from courses.classroom import grading_views
from courses.classroom.api.base import JsonHandler, moment
from courses.classroom.api.handins import submission_json
from courses.classroom.desks import Standing
from courses.classroom.handlers import ApiHandler, Handler


def assignment_json(standing: Standing) -> dict[str, object]:
    """An assignment as the caller stands with it."""
    assignment = standing.assignment
    return {
        "name": assignment.name,
        "title": assignment.title,
        "due": moment(assignment.due),
        "extended": assignment.extended,
        "late": assignment.late.value,
        "penalty_per_day": assignment.penalty_per_day,
        "grace_minutes": assignment.grace_minutes,
        "max_bytes": assignment.max_bytes,
        "max_files": assignment.max_files,
        "kinds": list(assignment.kinds),
        "released": moment(standing.released),
        "fetched": moment(standing.fetched),
        "submissions": [
            {**submission_json(each), "check": check_json(standing, each.receipt.id)}
            for each in standing.submissions
        ],
    }


def check_json(standing: Standing, submission: str) -> dict[str, object] | None:
    """What the visible tests say of a hand-in; None where nobody asks them, or they say nothing."""
    if submission not in standing.checks:
        return None
    found = standing.checks[submission]
    said = grading_views.check(True, found)
    if said is None:
        return None
    told = ("waiting", "passed", "count", "says")
    known = {"passed": 0, "count": 0, "says": "", **said}
    failed = [name for name, passed in found.tests if not passed] if found else []
    return {**{name: known[name] for name in told}, "failed": failed}


class Courses(JsonHandler):
    async def get(self) -> None:
        found = await self.work(self.shared.desks.courses.of, await self.person())
        self.write_json(
            [
                {"slug": course.slug, "title": course.title, "role": role.value}
                for course, role in found
            ]
        )


class Assignments(JsonHandler):
    async def get(self, slug: str) -> None:
        found = await self.work(self.shared.desks.courses.standings, await self.person(), slug)
        self.write_json([assignment_json(each) for each in found])


class Directory(ApiHandler):
    async def get(self, slug: str) -> None:
        path = await self.work(self.shared.desks.releases.directory, await self.person(), slug)
        await self.send_file(path, f"{slug}.zip")


def routes() -> dict[str, type[Handler]]:
    """Addresses below the API's."""
    return {
        "courses": Courses,
        r"courses/([^/]+)/assignments": Assignments,
        r"courses/([^/]+)/directory": Directory,
    }

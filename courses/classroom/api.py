"""The exchange API: docs/exchange-api.md, row by row."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import cast

from courses.classroom.desk import Standing, Upload
from courses.classroom.handlers import ApiHandler, Handler, NoSuchApi
from courses.classroom.uploads import UploadHandler
from courses.errors import Malformed
from courses.submissions import Receipt, Submission, iso, receipt_json


def moment(value: datetime | None) -> str | None:
    return None if value is None else iso(value)


def submission_json(submission: Submission) -> dict[str, object]:
    """A submission in its owner's list."""
    feedback = submission.feedback
    return {
        "id": submission.receipt.id,
        "timestamp": iso(submission.receipt.timestamp),
        "on_time": submission.receipt.on_time,
        "feedback": iso(feedback.released) if feedback else None,
        "score": feedback.score if feedback else None,
        "max_score": feedback.max_score if feedback else None,
    }


def assignment_json(standing: Standing) -> dict[str, object]:
    """An assignment as the caller stands with it."""
    assignment = standing.assignment
    return {
        "name": assignment.name,
        "title": assignment.title,
        "due": moment(assignment.due),
        "late": assignment.late.value,
        "max_bytes": assignment.max_bytes,
        "released": moment(standing.released),
        "fetched": moment(standing.fetched),
        "submissions": [submission_json(each) for each in standing.submissions],
    }


class JsonHandler(ApiHandler):
    """Answers with JSON, lists too (which ``RequestHandler.write`` refuses)."""

    def write_json(self, value: object) -> None:
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(json.dumps(value, ensure_ascii=False))


class Health(Handler):
    """For whoever watches the service; needs no token."""

    async def get(self) -> None:
        await self.work(self._look)
        self.finish({"status": "ok"})

    def _look(self) -> None:
        with self.shared.desk.store.reading() as session:
            session.connection()


class Courses(JsonHandler):
    async def get(self) -> None:
        found = await self.work(self.shared.desk.courses, await self.person())
        self.write_json(
            [
                {"slug": course.slug, "title": course.title, "role": role.value}
                for course, role in found
            ]
        )


class Assignments(JsonHandler):
    async def get(self, slug: str) -> None:
        found = await self.work(self.shared.desk.standings, await self.person(), slug)
        self.write_json([assignment_json(each) for each in found])


class Release(UploadHandler):
    def expect(self, user: str, *names: str) -> Upload:
        return self.shared.desk.release(user, *names)

    async def put(self, slug: str, name: str) -> None:
        self.finish({"released": iso(cast(datetime, await self.receive()))})

    async def delete(self, slug: str, name: str) -> None:
        await self.work(self.shared.desk.withdraw, await self.person(), slug, name)
        self.set_status(204)

    async def get(self, slug: str, name: str) -> None:
        path = await self.work(self.shared.desk.fetch, await self.person(), slug, name)
        await self.send_file(path, f"{name}.zip")


class Submissions(UploadHandler, JsonHandler):
    def expect(self, user: str, *names: str) -> Upload:
        return self.shared.desk.submit(user, *names)

    async def post(self, slug: str, name: str) -> None:
        self.finish(receipt_json(cast(Receipt, await self.receive())))

    async def get(self, slug: str, name: str) -> None:
        user = await self.person()
        found = await self.work(self.shared.desk.submissions, user, slug, name)
        self.write_json([{**submission_json(each), "user": each.receipt.user} for each in found])


class Archive(ApiHandler):
    async def get(self, slug: str, submission_id: str) -> None:
        user = await self.person()
        path = await self.work(self.shared.desk.archive, user, slug, submission_id)
        await self.send_file(path, f"{submission_id}.zip")


class ReceiptOf(ApiHandler):
    async def get(self, slug: str, submission_id: str) -> None:
        user = await self.person()
        found = await self.work(self.shared.desk.submission, user, slug, submission_id)
        self.finish(receipt_json(found.receipt))


class FeedbackOn(UploadHandler):
    def expect(self, user: str, *names: str) -> Upload:
        slug, submission_id = names
        score, max_score = self._points("score"), self._points("max_score")
        if (score is None) is not (max_score is None):
            raise Malformed("Give both score and max_score, or neither.")
        return self.shared.desk.give_feedback(user, slug, submission_id, score, max_score)

    async def put(self, slug: str, submission_id: str) -> None:
        self.finish({"feedback": iso(cast(datetime, await self.receive()))})

    async def get(self, slug: str, submission_id: str) -> None:
        user = await self.person()
        path = await self.work(self.shared.desk.feedback, user, slug, submission_id)
        await self.send_file(path, f"{submission_id}-feedback.zip")

    def _points(self, name: str) -> float | None:
        text = self.get_query_argument(name, None)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value < math.inf:
            raise Malformed(f"{name} is {text!r}; it must be a number, 0 or more.")
        return value


class Directory(ApiHandler):
    async def get(self, slug: str) -> None:
        path = await self.work(self.shared.desk.directory, await self.person(), slug)
        await self.send_file(path, f"{slug}.zip")


def routes() -> dict[str, type[Handler]]:
    """The API's addresses, below the service's prefix."""
    course, assignment = r"api/courses/([^/]+)", r"/assignments/([^/]+)"
    submission = r"/submissions/([^/]+)"
    return {
        "api/health": Health,
        "api/courses": Courses,
        f"{course}/assignments": Assignments,
        f"{course}{assignment}/release": Release,
        f"{course}{assignment}/submissions": Submissions,
        f"{course}{submission}": Archive,
        f"{course}{submission}/receipt": ReceiptOf,
        f"{course}{submission}/feedback": FeedbackOn,
        f"{course}/directory": Directory,
        "api(?:/.*)?": NoSuchApi,
    }

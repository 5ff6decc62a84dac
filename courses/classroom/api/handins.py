"""Submissions and their receipts."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

from courses.classroom.api.base import JsonHandler
from courses.classroom.desks import Upload
from courses.classroom.desks.handins import Accepted
from courses.classroom.handlers import ApiHandler, Handler
from courses.classroom.uploads import UploadHandler
from courses.course import Caller
from courses.submissions import Submission, iso


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
        "tasks": [asdict(each) for each in feedback.tasks] if feedback else [],
        "to_grade": submission.to_grade,
    }


class Submissions(UploadHandler, JsonHandler):
    def expect(self, who: Caller, *names: str) -> Upload:
        return self.shared.desks.handins.submit(who, *names)

    async def post(self, slug: str, name: str) -> None:
        accepted = cast(Accepted, await self.receive())
        if accepted.new:
            self.shared.checks.wake()
        else:
            self.set_status(200)
        self.write_text(accepted.receipt)

    async def get(self, slug: str, name: str) -> None:
        who = await self.person()
        found = await self.work(self.shared.desks.handins.all, who, slug, name)
        self.write_json([{**submission_json(each), "user": each.receipt.user} for each in found])


class Archive(ApiHandler):
    async def get(self, slug: str, submission_id: str) -> None:
        who = await self.person()
        archive = await self.work(self.shared.desks.handins.archive, who, slug, submission_id)
        await self.send_file(archive, f"{submission_id}.zip")


class ReceiptOf(JsonHandler):
    async def get(self, slug: str, submission_id: str) -> None:
        who = await self.person()
        found = await self.work(self.shared.desks.handins.one, who, slug, submission_id)
        self.write_text(found.signed)


class Choice(JsonHandler):
    async def put(self, slug: str, submission_id: str) -> None:
        who = await self.person()
        await self.work(self.shared.desks.handins.choose, who, slug, submission_id)
        self.set_status(204)

    async def delete(self, slug: str, submission_id: str) -> None:
        who = await self.person()
        await self.work(self.shared.desks.handins.choose_last, who, slug, submission_id)
        self.set_status(204)


class Keys(JsonHandler):
    async def get(self) -> None:
        self.write_text(await self.work(self.shared.desks.handins.receipt_keys))


def routes() -> dict[str, type[Handler]]:
    """Addresses below the API's."""
    return {
        r"courses/([^/]+)/assignments/([^/]+)/submissions": Submissions,
        r"courses/([^/]+)/submissions/([^/]+)": Archive,
        r"courses/([^/]+)/submissions/([^/]+)/receipt": ReceiptOf,
        r"courses/([^/]+)/submissions/([^/]+)/choice": Choice,
        "receipt-keys": Keys,
    }

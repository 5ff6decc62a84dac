"""One submission: its receipt, and what was submitted."""

from __future__ import annotations

from tornado.web import authenticated

from courses.classroom import grading_views, views
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.course import Course
from courses.submissions import Submission

SUBMISSION = "courses/([^/]+)/submissions/([^/]+)"


class SubmissionPage(PersonalPage):
    """What is shown of one submission; subclasses say what."""

    async def look(
        self, slug: str, submission_id: str
    ) -> tuple[Course, Submission, dict[str, object]]:
        look = self.shared.desks.handins.with_course
        course, submission = await self.work(look, self.who, slug, submission_id)
        values: dict[str, object] = {
            "course": course,
            "back": self.base(slug),
            "address": f"{self.base(slug)}/submissions/{submission_id}",
            "zone": views.zone_words(course),
        }
        return course, submission, values


class ReceiptPage(SubmissionPage):
    @authenticated
    async def get(self, slug: str, submission_id: str) -> None:
        course, submission, values = await self.look(slug, submission_id)
        check = self.shared.desks.grading.check
        wanted, found = await self.work(check, self.who, slug, submission_id)
        told = grading_views.check(wanted, found)
        self.show("receipt.html", **values, **views.receipt(submission, course), check=told)


class ReceiptFile(SubmissionPage):
    @authenticated
    async def get(self, slug: str, submission_id: str) -> None:
        _course, submission, _values = await self.look(slug, submission_id)
        name = f"receipt-{slug}-{submission_id}.json"
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(submission.signed)


class ArchiveFile(SubmissionPage):
    @authenticated
    async def get(self, slug: str, submission_id: str) -> None:
        archive = await self.work(self.shared.desks.handins.archive, self.who, slug, submission_id)
        await self.send_file(archive, f"{slug}-{submission_id}.zip")


class Choice(PersonalPage):
    @authenticated
    async def post(self, slug: str, submission_id: str) -> None:
        desk = self.shared.desks.handins
        last = self.get_body_argument("grade", "this") == "last"
        choose = desk.choose_last if last else desk.choose
        await self.work(choose, self.who, slug, submission_id)
        self.redirect(self.base(slug), status=303)


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {
        SUBMISSION: ReceiptPage,
        rf"{SUBMISSION}/receipt\.json": ReceiptFile,
        rf"{SUBMISSION}/choice": Choice,
        rf"{SUBMISSION}/archive\.zip": ArchiveFile,
    }

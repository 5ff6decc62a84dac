"""Feedback, as nbgrader wrote it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlencode

from tornado.web import authenticated

from courses import archives, words
from courses.archives import Limits
from courses.classroom import views
from courses.classroom.handlers import Handler
from courses.classroom.pages.receipts import SUBMISSION, SubmissionPage
from courses.errors import NotFound
from courses.language import gettext as _

# Feedback shows a student's own output, which may be any HTML: nothing in it runs, nothing in it
# loads, and it has no origin, so that it could not use anybody's cookies either.
_FEEDBACK_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "frame-ancestors 'self'"
)
_MAX_FEEDBACK_PAGE = 64_000_000


class FeedbackPage(SubmissionPage):
    @authenticated
    async def get(self, slug: str, submission_id: str) -> None:
        course, submission, values = await self.look(slug, submission_id)
        path = await self.work(self.shared.desks.feedback.read, self.who, slug, submission_id)
        assert submission.feedback is not None  # noqa: S101  what was just read
        names = await self.work(_html_files, path, self.shared.desks.staff_max_bytes)
        wanted = self.get_query_argument("notebook", names[0] if names else "")
        if names and wanted not in names:
            raise NotFound(_("There is no feedback on a notebook of this name."))
        address = str(values["address"])
        zone = course.timezone
        self.show(
            "feedback.html",
            **values,
            receipt=submission.receipt,
            title=views.title_of(course, submission.receipt.assignment),
            when=words.short_date(submission.receipt.timestamp, zone),
            released=words.short_date(submission.feedback.released, zone),
            score=views.score(
                submission.feedback, views.grading_of(course, submission.receipt.assignment)
            ),
            notebooks=[
                {
                    "name": PurePosixPath(name).stem,
                    "address": f"{address}/feedback?notebook={quote(name, safe='')}",
                    "current": name == wanted,
                }
                for name in names
            ],
            tasks=[
                {
                    "name": each.name,
                    "points": words.number(each.score),
                    "of": words.number(each.max_score),
                    "complain": f"{address}/complaint?{urlencode({'task': each.name})}",
                }
                for each in submission.feedback.tasks
            ],
            mine=submission.receipt.user == self.user_name(),
            shown=f"{address}/feedback/{quote(wanted)}" if names else "",
        )


class FeedbackFile(SubmissionPage):
    """nbgrader's page itself, in a policy under which it is only ink."""

    @authenticated
    async def get(self, slug: str, submission_id: str, name: str) -> None:
        path = await self.work(self.shared.desks.feedback.read, self.who, slug, submission_id)
        if not name.endswith(".html"):
            raise NotFound(_("Only the pages of the feedback are shown here."))
        try:
            page = await self.work(archives.read, path, name, _MAX_FEEDBACK_PAGE)
        except KeyError:
            raise NotFound(_("There is no feedback on a notebook of this name.")) from None
        self.set_header("Content-Security-Policy", _FEEDBACK_POLICY)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish(page)


def _html_files(path: Path, limit: int) -> list[str]:
    files = archives.inspect(path, Limits(limit))
    return sorted(each.path for each in files if each.path.endswith(".html"))


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {
        f"{SUBMISSION}/feedback": FeedbackPage,
        f"{SUBMISSION}/feedback/(.+)": FeedbackFile,
    }

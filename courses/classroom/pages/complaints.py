"""Complaints about grades."""

from __future__ import annotations

from urllib.parse import urlencode

from tornado.web import authenticated

from courses import words
from courses.classroom import views
from courses.classroom.asked import number
from courses.classroom.handlers import Handler
from courses.classroom.pages.base import PersonalPage
from courses.classroom.pages.receipts import SUBMISSION
from courses.classroom.views import View
from courses.complaints import Complaint
from courses.course import Course


def complaint(value: Complaint, course: Course, base: str) -> View:
    """A complaint as pages show it; ``base`` is the course's address."""
    zone = course.timezone
    found = {"assignment": value.assignment, "student": value.user, "task": value.task}
    return {
        "id": value.id,
        "user": value.user,
        "title": views.title_of(course, value.assignment),
        "address": f"{base}/submissions/{value.submission}/complaint",
        "task": value.task,
        "marks": f"{base}/formgrader/find?{urlencode(found)}",
        "text": value.text,
        "opened": words.short_date(value.opened, zone),
        "answer": value.answer,
        "answered_by": value.answered_by,
        "closed": words.short_date(value.closed, zone) if value.closed else None,
    }


class Complain(PersonalPage):
    """What is said about one submission's grade."""

    @authenticated
    async def get(self, slug: str, submission_id: str) -> None:
        desk, base = self.shared.desks.complaints, self.base(slug)
        about = await self.work(desk.about, self.who, slug, submission_id)
        receipt = about.submission.receipt
        self.show(
            "complaint.html",
            course=about.course,
            back=base,
            submission=f"{base}/submissions/{submission_id}",
            title=views.title_of(about.course, receipt.assignment),
            owner=receipt.user,
            score=views.score(
                about.submission.feedback, views.grading_of(about.course, receipt.assignment)
            ),
            feedback=about.submission.feedback is not None,
            complaints=[complaint(each, about.course, base) for each in about.complaints],
            may_complain=about.may_complain,
            chosen=self.get_query_argument("task", ""),
            may_answer=about.may_answer,
            zone=views.zone_words(about.course),
            xsrf=self.xsrf,
        )

    @authenticated
    async def post(self, slug: str, submission_id: str) -> None:
        text = self.get_body_argument("text", "", strip=False)
        task = self.get_body_argument("task", "")
        complain = self.shared.desks.complaints.complain
        await self.work(complain, self.who, slug, submission_id, text, task)
        address = f"{self.base(slug)}/submissions/{submission_id}/complaint"
        self.redirect(address, status=303)


class Complaints(PersonalPage):
    """All of a course, for staff."""

    @authenticated
    async def get(self, slug: str) -> None:
        course, found = await self.work(self.shared.desks.complaints.of_course, self.who, slug)
        base = self.base(slug)
        self.show(
            "complaints.html",
            course=course,
            back=base,
            complaints=[complaint(each, course, base) for each in found],
            zone=views.zone_words(course),
        )


class Answer(PersonalPage):
    @authenticated
    async def post(self, slug: str, complaint_id: str) -> None:
        text = self.get_body_argument("text", "", strip=False)
        answer = self.shared.desks.complaints.answer
        done = await self.work(answer, self.who, slug, number(complaint_id), text)
        address = f"{self.base(slug)}/submissions/{done.submission}/complaint"
        self.redirect(address, status=303)


def routes() -> dict[str, type[Handler]]:
    """Addresses below the service's prefix."""
    return {
        f"{SUBMISSION}/complaint": Complain,
        "courses/([^/]+)/complaints": Complaints,
        "courses/([^/]+)/complaints/([^/]+)/answer": Answer,
    }

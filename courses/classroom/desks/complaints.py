"""Complaints about grades: opened by whom they concern, answered by staff."""

from __future__ import annotations

from dataclasses import dataclass

from courses import complaints as rules
from courses.classroom.desks.handins import HandIns
from courses.complaints import Complaint
from courses.course import Caller, Course
from courses.store import access, complaints
from courses.store import courses as course_rows
from courses.store.audit import now
from courses.submissions import Submission


@dataclass(frozen=True)
class About:
    """A submission and what was said about its grade.

    Attributes:
        may_complain: what the one who looks can complain of: tasks by name, empty for the whole.
        may_answer: whether the one who looks can answer.
    """

    course: Course
    submission: Submission
    complaints: tuple[Complaint, ...]
    may_complain: tuple[str, ...]
    may_answer: bool


class Complaints(HandIns):
    """What people say about their grades, and the answers."""

    def about(self, who: Caller, slug: str, submission_id: str) -> About:
        """What was said about one submission's grade, for its owner and for staff."""
        course, submission = self.with_course(who, slug, submission_id)
        with self.store.reading() as session:
            found = tuple(complaints.on_submission(session, submission_id))
            role = access.role_of(session, slug, who.name)
        tasks = submission.feedback.tasks if submission.feedback else ()
        open_ones = {each.task for each in found if each.closed is None}
        possible = ("", *(each.name for each in tasks)) if submission.feedback else ()
        mine = submission.receipt.user == who.name
        return About(
            course,
            submission,
            found,
            may_complain=tuple(each for each in possible if mine and each not in open_ones),
            may_answer=bool(role and role.grades),
        )

    def complain(
        self, who: Caller, slug: str, submission_id: str, text: str, task: str = ""
    ) -> None:
        """A person complains about the grade of own work, or of one task in it."""
        with self.store.writing() as session:
            user = self._own(session, who, slug, submission_id)
            said = rules.words_of(text)
            complaints.complain(session, slug, submission_id, said, task=task, user=user, at=now())

    def of_course(self, who: Caller, slug: str) -> tuple[Course, list[Complaint]]:
        """All complaints of a course, for staff; the open ones first."""
        with self.looking(who, slug, "complaints") as session:
            return course_rows.get_course(session, slug), complaints.of_course(session, slug)

    def answer(self, who: Caller, slug: str, number: int, text: str) -> Complaint:
        """Staff answers a complaint, which closes it."""
        with self.store.writing() as session:
            access.staff(session, slug, who)
            said = rules.words_of(text)
            return complaints.answer(session, slug, number, said, actor=who.name, at=now())

"""What a person may do in the classroom, and its being done.

Each method takes the name of who asks, as the hub has told it, decides from the store, and raises
an error of `courses.errors` or does it. They block on the disk: call them from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from courses import archives, words
from courses.archives import Limits
from courses.course import Assignment, Course, Enrolment, Role
from courses.errors import DeadlinePassed, NotAllowed, NotFound
from courses.store import Incoming, Store, people, releases, submissions
from courses.store import courses as course_rows
from courses.store.audit import now
from courses.submissions import Feedback, Receipt, Submission


@dataclass(frozen=True)
class Upload:
    """What may be sent, decided before the first byte of it is read.

    Attributes:
        max_bytes: the most that the archive may measure.
        finish: takes the archive when all of it is there; the answer is the response's body.
    """

    max_bytes: int
    finish: Callable[[Incoming], object]


@dataclass(frozen=True)
class Standing:
    """Where one person stands with one assignment."""

    assignment: Assignment
    released: datetime | None
    fetched: datetime | None
    submissions: tuple[Submission, ...]


@dataclass(frozen=True)
class Classroom:
    """A course as its staff sees it."""

    course: Course
    released: dict[str, datetime]
    people: tuple[Enrolment, ...]
    fetched: dict[tuple[str, str], datetime]
    submissions: tuple[Submission, ...]


class Desk:
    """The classroom's counter.

    Args:
        store: what is remembered.
        staff_max_bytes: the most that an archive from staff may measure (a release, feedback), and
            the most that comes out of it.
    """

    def __init__(self, store: Store, staff_max_bytes: int) -> None:
        self.store = store
        self.staff_max_bytes = staff_max_bytes

    def courses(self, user: str) -> list[tuple[Course, Role]]:
        """The person's courses, by title."""
        with self.store.reading() as session:
            return people.courses_of(session, user)

    def course(self, user: str, slug: str) -> tuple[Course, Role]:
        """A course of the person's."""
        with self.store.reading() as session:
            role = self._role(session, slug, user)
            return course_rows.get_course(session, slug), role

    def standings(self, user: str, slug: str) -> list[Standing]:
        """The assignments that the person sees, in the course's order."""
        with self.store.reading() as session:
            role = self._role(session, slug, user)
            course = course_rows.get_course(session, slug)
            released = releases.releases(session, slug)
            fetched = releases.fetches(session, slug)
            own = submissions.of_course(session, slug, user=user)
        return [
            Standing(
                assignment,
                released[assignment.name].released if assignment.name in released else None,
                fetched.get((assignment.name, user)),
                tuple(each for each in own if each.receipt.assignment == assignment.name),
            )
            for assignment in course.assignments
            if role is Role.INSTRUCTOR or assignment.name in released
        ]

    def classroom(self, user: str, slug: str) -> Classroom:
        """All that staff sees of a course."""
        with self.store.reading() as session:
            self._staff(session, slug, user)
            return Classroom(
                course_rows.get_course(session, slug),
                {name: each.released for name, each in releases.releases(session, slug).items()},
                tuple(people.people(session, slug)),
                releases.fetches(session, slug),
                tuple(submissions.of_course(session, slug)),
            )

    def release(self, user: str, slug: str, name: str) -> Upload:
        """Staff releases an assignment; the answer is the time."""
        with self.store.reading() as session:
            self._staff(session, slug, user)
            course_rows.find_assignment(session, slug, name)

        def finish(incoming: Incoming) -> datetime:
            archives.inspect(incoming.path, Limits(self.staff_max_bytes))
            blob, at = incoming.keep(), now()
            with self.store.writing() as session:
                self._staff(session, slug, user)
                releases.release(session, slug, name, blob.sha256, actor=user, at=at)
            return at

        return Upload(self.staff_max_bytes, finish)

    def withdraw(self, user: str, slug: str, name: str) -> None:
        """Staff takes a release back."""
        with self.store.writing() as session:
            self._staff(session, slug, user)
            if not releases.withdraw(session, slug, name, actor=user, at=now()):
                raise NotFound(_not_released(name))

    def fetch(self, user: str, slug: str, name: str) -> Path:
        """The released archive; remembers that the person has fetched it."""
        with self.store.writing() as session:
            self._role(session, slug, user)
            self._released(session, slug, name)
            releases.remember_fetch(session, slug, name, user, now())
            return self.store.blobs.path(releases.releases(session, slug)[name].sha256)

    def submit(self, user: str, slug: str, name: str) -> Upload:
        """A person hands work in; the answer is the `Receipt`."""
        with self.store.reading() as session:
            limit = self._accepting(session, user, slug, name, now()).max_bytes

        def finish(incoming: Incoming) -> Receipt:
            at = now()
            files = archives.inspect(incoming.path, Limits(limit))
            blob = incoming.keep()
            with self.store.writing() as session:
                assignment = self._accepting(session, user, slug, name, at)
                return submissions.record(
                    session, slug, assignment, user=user, at=at, blob=blob, files=files
                )

        return Upload(limit, finish)

    def submissions(self, user: str, slug: str, name: str) -> list[Submission]:
        """All people's submissions to an assignment, for staff; oldest first."""
        with self.store.reading() as session:
            self._staff(session, slug, user)
            course_rows.find_assignment(session, slug, name)
            return submissions.of_course(session, slug, assignment=name)

    def submission(self, user: str, slug: str, submission_id: str) -> Submission:
        """One submission, for its owner and for staff."""
        with self.store.reading() as session:
            role = self._role(session, slug, user)
            found = submissions.find(session, slug, submission_id)
        if role is not Role.INSTRUCTOR and found.receipt.user != user:
            raise NotAllowed("This submission is another person's. Look at the list of yours.")
        return found

    def archive(self, user: str, slug: str, submission_id: str) -> Path:
        """What was submitted, byte for byte."""
        return self.store.blobs.path(self.submission(user, slug, submission_id).receipt.sha256)

    def give_feedback(
        self,
        user: str,
        slug: str,
        submission_id: str,
        score: float | None,
        max_score: float | None,
    ) -> Upload:
        """Staff releases feedback on a submission; the answer is the time."""
        with self.store.reading() as session:
            self._staff(session, slug, user)
            submissions.find(session, slug, submission_id)

        def finish(incoming: Incoming) -> datetime:
            archives.inspect(incoming.path, Limits(self.staff_max_bytes))
            feedback = Feedback(now(), incoming.keep().sha256, score, max_score)
            with self.store.writing() as session:
                self._staff(session, slug, user)
                submissions.put_feedback(session, slug, submission_id, feedback, actor=user)
            return feedback.released

        return Upload(self.staff_max_bytes, finish)

    def feedback(self, user: str, slug: str, submission_id: str) -> Path:
        """The feedback's archive, for the submission's owner and for staff."""
        found = self.submission(user, slug, submission_id).feedback
        if found is None:
            raise NotFound("Feedback on this submission is not released yet. Come back later.")
        return self.store.blobs.path(found.sha256)

    def directory(self, user: str, slug: str) -> Path:
        """The course directory as it was synchronised, for staff."""
        with self.store.reading() as session:
            self._staff(session, slug, user)
            return self.store.blobs.path(course_rows.find_course(session, slug).directory)

    def _role(self, session: Session, slug: str, user: str) -> Role:
        course_rows.find_course(session, slug)
        role = people.role_of(session, slug, user)
        if role is None:
            raise NotAllowed(
                f"You are not enrolled in {slug!r}. Ask the people who teach it to enrol you."
            )
        return role

    def _staff(self, session: Session, slug: str, user: str) -> None:
        if self._role(session, slug, user) is not Role.INSTRUCTOR:
            raise NotAllowed(f"Only the people who teach {slug!r} can do this.")

    def _released(self, session: Session, slug: str, name: str) -> None:
        course_rows.find_assignment(session, slug, name)
        if name not in releases.releases(session, slug):
            raise NotFound(_not_released(name))

    def _accepting(
        self, session: Session, user: str, slug: str, name: str, at: datetime
    ) -> Assignment:
        self._role(session, slug, user)
        self._released(session, slug, name)
        row = course_rows.find_assignment(session, slug, name)
        assignment = row.value()
        if not assignment.accepts(at) and assignment.due is not None:
            due = words.date(assignment.due, row.course.timezone)
            raise DeadlinePassed(
                f"{assignment.title} was due on {due}, and does not take late work. "
                "Ask the people who teach the course for more time."
            )
        return assignment


def _not_released(name: str) -> str:
    return f"The assignment {name!r} is not released. Ask the people who teach the course."

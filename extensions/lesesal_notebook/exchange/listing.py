"""`nbgrader list`, and what the Assignment List and Formgrader pages show."""

from __future__ import annotations

import dataclasses
import fnmatch
from pathlib import Path
from typing import Any

from nbgrader.exchange.abc import ExchangeList as ABCExchangeList

from .base import Exchange
from .notes import feedback_note
from .values import Assignment, Submission, for_people

Info = dict[str, Any]


class ExchangeList(Exchange, ABCExchangeList):
    """Gives the lists of nbgrader's own exchange, key for key, with more keys where it is useful.

    Released and fetched assignments: `course_id, assignment_id, status, path, notebooks`, and
    `title, due, deadline`; the last, None without one, is what `due.js` shows. With `cached`
    (one's own) or `inbound` (everybody's, for staff), one entry per student and assignment with
    `submissions`, whose entries have `timestamp, has_local_feedback, has_exchange_feedback,
    feedback_updated, local_feedback_path` and `on_time, score, max_score, check`; the last, None
    where the visible tests are not run at once, is shown by `due.js` too.
    """

    def init_src(self) -> None:
        """A blank course means all courses of this person."""
        wanted = self.course or "*"
        known = [wanted] if "*" not in wanted else self.classroom.courses()
        self.found = [
            (course, one)
            for course in known
            if fnmatch.fnmatchcase(course, wanted)
            for one in sorted(self.classroom.assignments(course), key=lambda one: one.name)
            if fnmatch.fnmatchcase(one.name, self.assignment or "*")
        ]

    def copy_files(self) -> None:
        """Nothing is copied."""

    def list_files(self) -> list[Info]:
        if self.inbound or self.cached:
            entries = self.submitted()
            self.log.info("Submitted assignments:")
            for entry in entries:
                for info in entry["submissions"]:
                    self.log.info(_submission_line(info))
        else:
            entries = self.released()
            self.log.info("Released assignments:")
            for info in entries:
                self.log.info(_released_line(info))
        return entries

    def remove_files(self) -> list[Info]:
        """Take releases back. Submissions stay: they are what proves that somebody handed in."""
        if self.inbound or self.cached:
            self.fail("Submissions are kept in the classroom and can't be removed from here.")
        entries = self.released()
        self.log.info("Removing released assignments:")
        for info in entries:
            self.classroom.delete_release(info["course_id"], info["assignment_id"])
            self.log.info(_released_line(info))
            info["status"] = "removed"
        return entries

    def released(self) -> list[Info]:
        """One entry per assignment that is released now."""
        return [self.released_info(course, one) for course, one in self.found if one.released]

    def released_info(self, course: str, assignment: Assignment) -> Info:
        folder = self.assignment_folder(course, assignment.name)
        fetched = folder.is_dir() and not self.other_course(folder, course)
        return {
            "course_id": course,
            "assignment_id": assignment.name,
            "status": "fetched" if fetched else "released",
            "path": str(folder),
            "notebooks": _notebooks(folder) if fetched else [],
            "title": assignment.title,
            "due": for_people(assignment.due) if assignment.due else None,
            "deadline": deadline_info(assignment),
        }

    def submitted(self) -> list[Info]:
        """One entry per student and assignment with submissions, oldest first."""
        entries = []
        for course, assignment in self.found:
            for student, theirs in sorted(self.by_student(course, assignment).items()):
                if self.wants_student(student):
                    infos = [self.submission_info(course, assignment, student, x) for x in theirs]
                    entries.append(
                        {
                            "course_id": course,
                            "student_id": student,
                            "assignment_id": assignment.name,
                            "status": "submitted",
                            "submissions": infos,
                        }
                    )
        return entries

    def by_student(self, course: str, assignment: Assignment) -> dict[str, list[Submission]]:
        if not self.inbound:
            return {self.user: list(assignment.submissions)} if assignment.submissions else {}
        everybody: dict[str, list[Submission]] = {}
        for one in self.classroom.submissions(course, assignment.name):
            everybody.setdefault(one.user, []).append(one)
        return everybody

    def submission_info(
        self, course: str, assignment: Assignment, student: str, submission: Submission
    ) -> Info:
        folder = self.feedback_folder(course, assignment.name, submission)
        has_local = student == self.user and any(folder.glob("*.html"))
        released = submission.feedback
        return {
            "course_id": course,
            "student_id": student,
            "assignment_id": assignment.name,
            "timestamp": submission.timestamp,
            "status": "submitted",
            # nbgrader's own names a copy of the submission here; the classroom has the only one.
            "path": None,
            "notebooks": [],
            "has_local_feedback": has_local,
            "has_exchange_feedback": released is not None,
            "feedback_updated": bool(
                has_local and released and feedback_note(folder) != released.isoformat()
            ),
            "local_feedback_path": str(folder) if has_local else None,
            "on_time": submission.on_time,
            "score": submission.score,
            "max_score": submission.max_score,
            "check": dataclasses.asdict(submission.check) if submission.check else None,
        }


def deadline_info(assignment: Assignment) -> Info | None:
    """The person's own deadline, and what happens after it."""
    if assignment.due is None:
        return None
    return {
        "due": assignment.due.isoformat(),
        "extended": assignment.extended,
        "late": assignment.late,
        "penalty_per_day": assignment.penalty_per_day,
        "grace_minutes": assignment.grace_minutes,
    }


def _notebooks(folder: Path) -> list[Info]:
    return [
        {"notebook_id": path.stem, "path": str(path)} for path in sorted(folder.glob("*.ipynb"))
    ]


def _released_line(info: Info) -> str:
    line = f"{info['course_id']} {info['assignment_id']}"
    if info["due"]:
        line += f" due {info['due']}"
        line += " (extended for you)" if info["deadline"]["extended"] else ""
    return line + (" (already downloaded)" if info["status"] == "fetched" else "")


def _submission_line(info: Info) -> str:
    line = "{course_id} {student_id} {assignment_id} {timestamp}".format(**info)
    if not info["on_time"]:
        line += " late"
    if info["has_local_feedback"] and not info["feedback_updated"]:
        line += " (feedback already fetched)"
    elif info["has_exchange_feedback"]:
        line += " (feedback ready to be fetched)"
    else:
        line += " (no feedback available)"
    if check := info["check"]:
        passed = "{passed} of {count} visible tests passed".format(**check)
        line += f", {'visible tests are being run' if check['waiting'] else passed}"
    if info["score"] is not None:
        line += f" {info['score']:g} of {info['max_score']:g} points"
    return line

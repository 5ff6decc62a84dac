"""From what the desk answers to what the templates show: every choice of words is here.

Templates only place these values; they are plain dicts and strings, ready to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from courses import receipts, words
from courses.classroom import times
from courses.classroom.desks import Standing
from courses.course import Course, Role
from courses.deadlines import cost, lateness, rule
from courses.grades import Grading
from courses.language import gettext as _
from courses.language import ngettext
from courses.submissions import Feedback, Submission

View = dict[str, object]


def zone_words(course: Course) -> str:
    """``Oslo time`` for ``Europe/Oslo``."""
    return words.zone(course.timezone)


def score(feedback: Feedback | None, grading: Grading) -> View | None:
    """Points, when there are some, and whether they pass."""
    if feedback is None or feedback.score is None or feedback.max_score is None:
        return None
    return points(
        feedback.score, feedback.max_score, grading.passed(feedback.score, feedback.max_score)
    )


def points(score: float, max_score: float, passed: bool | None) -> View:
    """Points, as the templates place them; ``passed`` is as `courses.grades.Grading` has it."""
    verdict = "" if passed is None else _("passed") if passed else _("not passed")
    return {
        "points": words.number(score),
        "of": words.number(max_score),
        "passed": passed,
        "verdict": verdict,
    }


def grading_of(course: Course, assignment: str) -> Grading:
    """How an assignment is graded; one that has left the course has no mark to pass."""
    found = (each.grading for each in course.assignments if each.name == assignment)
    return next(found, Grading())


def card(course: Course, role: Role, standings: Sequence[Standing], now: datetime) -> View:
    """A course on the first page, with the next deadline in words."""
    ahead = [
        each
        for each in standings
        if each.released and each.assignment.due and each.assignment.due > now
    ]
    view: View = {
        "role": words.role(role),
        "title": course.title,
        "summary": course.summary,
        "next": None,
        "note": _note(role, standings),
    }
    if ahead:
        first = min(ahead, key=lambda each: each.assignment.due or now)
        due = first.assignment.due
        assert due is not None  # noqa: S101  chosen so above
        view["next"] = {
            "title": first.assignment.title,
            "when": times.near(due, now, course.timezone),
            "distance": words.distance(due, now),
            "handed_in": bool(first.submissions) and role is Role.STUDENT,
        }
    return view


def _note(role: Role, standings: Sequence[Standing]) -> str:
    released = sum(1 for each in standings if each.released)
    if not released:
        return _("Nothing is released yet.")
    if role is Role.STUDENT and not all(each.submissions for each in standings):
        return _("No deadline ahead.")
    if role is Role.STUDENT:
        return _("Everything is handed in.")
    return ngettext(
        "{count} assignment released, no deadline ahead.",
        "{count} assignments released, no deadline ahead.",
        released,
    )


def assignment(standing: Standing, course: Course, now: datetime, base: str) -> View:
    """An assignment on the student's page; ``base`` is the course's address."""
    value, zone = standing.assignment, course.timezone
    backs = [each.feedback for each in standing.submissions if each.feedback]
    count = len(standing.submissions)
    fetched = _("Fetched") if standing.fetched else _("Not fetched yet")
    handed_in = _("Not handed in yet")
    if count:
        handed_in = ngettext("Handed in once", "Handed in {count} times", count)
    return {
        "name": value.name,
        "title": value.title,
        "due": times.long(value.due, zone) if value.due else None,
        "distance": words.distance(value.due, now) if value.due else "",
        "extended": value.extended,
        "rule": rule(value),
        "score": score(backs[-1], value.grading) if backs else None,
        "steps": [
            _step(_("Released") if standing.released else _("Taken back"), standing.released, zone),
            _step(fetched, standing.fetched, zone),
            _step(handed_in, standing.submissions[-1].receipt.timestamp if count else None, zone),
            _step(
                _("Feedback is here") if backs else _("No feedback yet"),
                backs[-1].released if backs else None,
                zone,
            ),
        ],
        # Which one is graded is a question where there are several, and settled with the feedback.
        "several": count > 1,
        "choosable": count > 1 and not backs,
        "submissions": [
            {
                "id": each.receipt.id,
                "to_grade": each.to_grade,
                "chosen": each.chosen,
                "when": words.short_date(each.receipt.timestamp, zone, seconds=True),
                "on_time": each.receipt.on_time,
                # The receipt is as it was signed; this is by the deadline that holds now.
                "cost": cost(lateness(value, each.receipt.timestamp, zone)),
                "address": f"{base}/submissions/{each.receipt.id}",
                "feedback": each.feedback is not None,
                "score": score(each.feedback, value.grading),
            }
            for each in reversed(standing.submissions)
        ],
    }


def _step(text: str, at: datetime | None, zone: str) -> View:
    return {"words": text, "when": words.short_date(at, zone) if at else "", "done": at is not None}


def receipt(submission: Submission, course: Course) -> View:
    """A receipt's page."""
    value, zone = submission.receipt, course.timezone
    return {
        "receipt": value,
        "title": title_of(course, value.assignment),
        "when": words.short_date(value.timestamp, zone, seconds=True),
        "due": words.date(value.due, zone) if value.due else None,
        "files": [
            {"path": each.path, "size": words.size(each.bytes), "sha256": each.sha256}
            for each in value.files
        ],
        "feedback": submission.feedback is not None,
        "key": receipts.read(submission.signed).key,
    }


def title_of(course: Course, name: str) -> str:
    """An assignment's title; its name when it is withdrawn."""
    return next((each.title for each in course.assignments if each.name == name), name)

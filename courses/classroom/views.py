"""From what the desk answers to what the templates show: every choice of words is here.

Templates only place these values; they are plain dicts and strings, ready to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from courses import words
from courses.classroom.desks import Classroom, Standing
from courses.course import Course, Role
from courses.submissions import Feedback, Submission

View = dict[str, object]


def zone_words(course: Course) -> str:
    """``Oslo time`` for ``Europe/Oslo``."""
    if course.timezone in ("UTC", "Etc/UTC"):
        return "UTC"
    return f"{course.timezone.rsplit('/', 1)[-1].replace('_', ' ')} time"


def score(feedback: Feedback | None) -> View | None:
    """Points, when there are some."""
    if feedback is None or feedback.score is None or feedback.max_score is None:
        return None
    return {"points": words.number(feedback.score), "of": words.number(feedback.max_score)}


def card(course: Course, role: Role, standings: Sequence[Standing], now: datetime) -> View:
    """A course on the first page, with the next deadline in words."""
    ahead = [
        each
        for each in standings
        if each.released and each.assignment.due and each.assignment.due > now
    ]
    view: View = {
        "role": role.value.capitalize(),
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
            "when": words.deadline(due, now, course.timezone),
            "distance": words.distance(due, now),
            "handed_in": bool(first.submissions) and role is Role.STUDENT,
        }
    return view


def _note(role: Role, standings: Sequence[Standing]) -> str:
    released = sum(1 for each in standings if each.released)
    if not released:
        return "Nothing is released yet."
    if role is Role.STUDENT and not all(each.submissions for each in standings):
        return "No deadline ahead."
    if role is Role.STUDENT:
        return "Everything is handed in."
    return f"{released} assignment{'' if released == 1 else 's'} released, no deadline ahead."


def assignment(standing: Standing, course: Course, now: datetime, base: str) -> View:
    """An assignment on the student's page; ``base`` is the course's address."""
    value, zone = standing.assignment, course.timezone
    backs = [each.feedback for each in standing.submissions if each.feedback]
    count = len(standing.submissions)
    handed_in = {0: "Not handed in yet", 1: "Handed in", 2: "Handed in twice"}.get(
        count, f"Handed in {count} times"
    )
    return {
        "name": value.name,
        "title": value.title,
        "due": words.date(value.due, zone) if value.due else None,
        "distance": words.distance(value.due, now) if value.due else "",
        "refuses": not value.accepts(datetime.max.replace(tzinfo=now.tzinfo)),
        "score": score(backs[-1]) if backs else None,
        "steps": [
            _step("Released", standing.released, zone),
            _step("Fetched" if standing.fetched else "Not fetched yet", standing.fetched, zone),
            _step(handed_in, standing.submissions[-1].receipt.timestamp if count else None, zone),
            _step(
                "Feedback is here" if backs else "No feedback yet",
                backs[-1].released if backs else None,
                zone,
            ),
        ],
        "submissions": [
            {
                "id": each.receipt.id,
                "when": words.short_date(each.receipt.timestamp, zone, seconds=True),
                "on_time": each.receipt.on_time,
                "address": f"{base}/submissions/{each.receipt.id}",
                "feedback": each.feedback is not None,
                "score": score(each.feedback),
            }
            for each in reversed(standing.submissions)
        ],
    }


def _step(text: str, at: datetime | None, zone: str) -> View:
    return {"words": text, "when": words.short_date(at, zone) if at else "", "done": at is not None}


def staff(room: Classroom, now: datetime, base: str) -> View:
    """The staff's page: an overview of the assignments, and a table of people by assignment."""
    course, zone = room.course, room.course.timezone
    students = {each.user for each in room.people if each.role is Role.STUDENT}
    by_cell: dict[tuple[str, str], list[Submission]] = {}
    for each in room.submissions:
        by_cell.setdefault((each.receipt.assignment, each.receipt.user), []).append(each)

    def people_with(name: str, test: str) -> int:
        found = [by_cell.get((name, user), []) for user in students]
        if test == "late":
            return sum(1 for each in found if each and not each[-1].receipt.on_time)
        if test == "feedback":
            return sum(1 for each in found if any(one.feedback for one in each))
        return sum(1 for each in found if each)

    overview = [
        {
            "name": each.name,
            "title": each.title,
            "due": words.short_date(each.due, zone) if each.due else None,
            "distance": words.distance(each.due, now) if each.due else "",
            "released": words.short_date(room.released[each.name], zone)
            if each.name in room.released
            else None,
            "fetched": sum(1 for user in students if (each.name, user) in room.fetched),
            "handed_in": people_with(each.name, "any"),
            "late": people_with(each.name, "late"),
            "feedback": people_with(each.name, "feedback"),
        }
        for each in course.assignments
    ]
    rows = [
        {
            "user": person.user,
            "staff": person.role.grades,
            "cells": [
                _cell(
                    by_cell.get((each.name, person.user), []),
                    (each.name, person.user) in room.fetched,
                    zone,
                    base,
                )
                for each in course.assignments
            ],
        }
        for person in room.people
    ]
    return {"overview": overview, "rows": rows, "students": len(students)}


def _cell(submissions: Sequence[Submission], fetched: bool, zone: str, base: str) -> View:
    """The last submission of a person; the feedback shown is on the last one that has some."""
    if not submissions:
        return {"when": None, "fetched": fetched}
    last = submissions[-1]
    graded = next((each for each in reversed(submissions) if each.feedback), None)
    return {
        "when": words.short_date(last.receipt.timestamp, zone),
        "on_time": last.receipt.on_time,
        "versions": len(submissions),
        "address": f"{base}/submissions/{last.receipt.id}",
        "graded_address": f"{base}/submissions/{graded.receipt.id}" if graded else "",
        "feedback": graded is not None,
        "score": score(graded.feedback) if graded else None,
        "fetched": fetched,
    }


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
    }


def title_of(course: Course, name: str) -> str:
    """An assignment's title; its name when it is withdrawn."""
    return next((each.title for each in course.assignments if each.name == name), name)

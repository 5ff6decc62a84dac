"""What staff's pages show of a course, in words: plain values, ready to be placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from courses import words
from courses.classroom import times
from courses.classroom.desks.overview import History
from courses.classroom.views import View, grading_of, points, score, title_of
from courses.course import Assignment, Course
from courses.grades import Grading
from courses.overview import Cell, Overview, Version, in_tenths
from courses.submissions import Submission, TaskPoints


def course(course: Course, overview: Overview, now: datetime, base: str) -> View:
    """A course's page: its assignments with their counts, its people with their cells."""
    zone = course.timezone
    rows = [
        {
            "name": each.name,
            "title": each.title,
            "address": f"{base}/assignments/{each.name}",
            "due": times.short(each.due, zone) if each.due else None,
            "distance": words.distance(each.due, now) if each.due else "",
            "released": _when(overview.released.get(each.name), zone),
            "counts": counts(overview, each.name),
            "marked": each.grading.pass_percent is not None,
        }
        for each in course.assignments
    ]
    people = [
        {
            "user": user,
            "address": f"{base}/history/{quote(user, safe='')}",
            "staff": user in overview.staff,
            "cells": [
                {"assignment": each.name, **cell(overview.cell(each.name, user), zone, base)}
                for each in course.assignments
            ],
        }
        for user in (*overview.staff, *overview.students)
    ]
    return {
        "overview": rows,
        "rows": people,
        "students": len(overview.students),
        "marked": any(row["marked"] for row in rows),
    }


def counts(overview: Overview, assignment: str) -> dict[str, int]:
    """An assignment's numbers, by the name of their column."""
    found = overview.counts(assignment)
    return {
        "fetched": found.fetched,
        "handed_in": found.handed_in,
        "late": found.late,
        "graded": found.graded,
        "passed": found.passed,
    }


def cell(cell: Cell, zone: str, base: str) -> View:
    """The version that counts of a person; the feedback shown is on the last one that has some."""
    shown, graded = cell.to_grade, cell.graded
    if shown is None:
        return {"when": None, "fetched": cell.fetched is not None}
    return {
        "when": words.short_date(shown.timestamp, zone),
        "on_time": shown.on_time,
        "number": cell.number(shown),
        "versions": len(cell.versions),
        "address": f"{base}/submissions/{shown.id}",
        "graded_address": f"{base}/submissions/{graded.id}" if graded else "",
        "feedback": graded is not None,
        "score": _score(graded),
        "fetched": cell.fetched is not None,
    }


def _score(version: Version | None) -> View | None:
    if version is None or version.score is None or version.max_score is None:
        return None
    return points(version.score, version.max_score, version.passed)


@dataclass(frozen=True)
class Progress:
    """What an assignment's plots show.

    Attributes:
        first: when each student who handed in did so first, in that order.
        points: of each who is graded, on the last version that is.
        max_score: what could be had; 0 when nothing is graded.
        tasks: the mean points of each task, over those for whom staff's side sent them.
    """

    first: tuple[datetime, ...]
    points: tuple[float, ...]
    max_score: float
    tasks: tuple[TaskPoints, ...]


def progress_of(overview: Overview, assignment: str) -> Progress:
    """How far the students are."""
    cells = overview.of_students(assignment)
    graded = [each.graded for each in cells if each.graded]
    scored = [each for each in graded if each.score is not None and each.max_score]
    return Progress(
        first=tuple(sorted(each.versions[0].timestamp for each in cells if each.versions)),
        points=tuple(each.score or 0.0 for each in scored),
        max_score=max((each.max_score or 0.0 for each in scored), default=0.0),
        tasks=_means([each.tasks for each in graded if each.tasks]),
    )


def _means(everybody: Sequence[Sequence[TaskPoints]]) -> tuple[TaskPoints, ...]:
    found: dict[str, list[TaskPoints]] = {}
    for one in everybody:
        for task in one:
            found.setdefault(task.name, []).append(task)
    return tuple(
        TaskPoints(
            name,
            sum(each.score for each in of_task) / len(of_task),
            max(each.max_score for each in of_task),
        )
        for name, of_task in found.items()
    )


def assignment(
    course: Course, value: Assignment, overview: Overview, now: datetime, base: str
) -> View:
    """An assignment's page: its numbers, and those of its plots as tables."""
    zone, found = course.timezone, progress_of(overview, value.name)
    return {
        "assignment": value,
        "address": f"{base}/assignments/{value.name}",
        "due": times.long(value.due, zone) if value.due else None,
        "distance": words.distance(value.due, now) if value.due else "",
        "released": _when(overview.released.get(value.name), zone),
        "counts": counts(overview, value.name),
        "students": len(overview.students),
        "days": _days(found.first, zone),
        "bins": _bins(found),
        "mean": words.number(sum(found.points) / len(found.points)) if found.points else "",
        "most": words.number(found.max_score),
        "tasks": [
            {
                "name": each.name,
                "score": words.number(each.score),
                "max_score": words.number(each.max_score),
                "lost": words.number(max(0.0, each.max_score - each.score)),
            }
            for each in found.tasks
        ],
    }


def _days(moments: Sequence[datetime], zone: str) -> list[View]:
    """How many had handed in by the end of each day on which somebody did."""
    clock, found = ZoneInfo(zone), {}
    for count, each in enumerate(moments, 1):
        found[each.astimezone(clock).date()] = each, count
    return [{"day": words.day(each, zone), "count": count} for each, count in found.values()]


def _bins(found: Progress) -> list[View]:
    if not found.points:
        return []
    width = found.max_score / 10
    return [
        {
            "from": words.number(width * place),
            "to": words.number(width * (place + 1)) if place < 10 else "",
            "count": count,
        }
        for place, count in enumerate(in_tenths(found.points, found.max_score))
    ]


def history(found: History, base: str) -> list[View]:
    """One person's way through each assignment; withdrawn ones last, where something came in."""
    course, zone = found.course, found.course.timezone
    due = {each.name: each.due for each in found.assignments}
    names = [each.name for each in course.assignments]
    names += sorted({each.receipt.assignment for each in found.submissions} - set(names))
    return [
        {
            "title": title_of(course, name),
            "due": times.short(own, zone) if (own := due.get(name)) else None,
            "extended": due.get(name) != _due(course, name),
            "fetched": _when(found.overview.cell(name, found.user).fetched, zone),
            "versions": [
                _version(number, each, grading_of(found.course, name), zone, base)
                for number, each in enumerate(
                    (each for each in found.submissions if each.receipt.assignment == name), 1
                )
            ],
        }
        for name in names
    ]


def _version(number: int, submission: Submission, grading: Grading, zone: str, base: str) -> View:
    receipt, feedback = submission.receipt, submission.feedback
    return {
        "number": number,
        "chosen": submission.chosen,
        "when": words.short_date(receipt.timestamp, zone, seconds=True),
        "on_time": receipt.on_time,
        "files": len(receipt.files),
        "address": f"{base}/submissions/{receipt.id}",
        "feedback": _when(feedback.released, zone) if feedback else None,
        "score": score(feedback, grading),
    }


def _due(course: Course, name: str) -> datetime | None:
    return next((each.due for each in course.assignments if each.name == name), None)


def _when(moment: datetime | None, zone: str) -> str | None:
    return words.short_date(moment, zone) if moment else None

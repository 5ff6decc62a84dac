"""What the staff's page on deadlines shows."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from courses import words
from courses.classroom import times
from courses.classroom.desks.deadlines import Plan
from courses.classroom.views import View
from courses.course import Assignment, Role
from courses.deadlines import Extension, rule


def page(plan: Plan, now: datetime, chosen: View) -> View:
    """The whole page.

    Args:
        chosen: what the form begins with: ``assignment``, ``whom``, ``due``, ``reason``.
    """
    course = plan.course
    titles = {each.name: each.title for each in course.assignments}
    return {
        "course": course,
        "zone": words.zone(course.timezone),
        "rows": [_assignment(each, plan, now) for each in course.assignments],
        "extensions": [_extension(each, titles, course.timezone) for each in plan.extensions],
        "groups": [
            {
                "name": each.name,
                "members": " ".join(each.members),
                "count": len(each.members),
            }
            for each in plan.groups
        ],
        "extendable": [each for each in course.assignments if each.due],
        "people": [each.user for each in plan.people if each.role is Role.STUDENT],
        "staff": [each.user for each in plan.people if each.role is not Role.STUDENT],
        "chosen": chosen,
    }


def chosen(plan: Plan, assignment: str, whom: str) -> View:
    """What the form begins with: an extension to change, or an assignment's deadline."""
    zone = ZoneInfo(plan.course.timezone)
    found = [
        each for each in plan.extensions if (each.assignment, whom_of(each)) == (assignment, whom)
    ]
    dues = {each.name: each.due for each in plan.course.assignments}
    due = found[0].due if found else dues.get(assignment)
    return {
        "assignment": assignment,
        "whom": whom,
        "due": due.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if due else "",
        "reason": found[0].reason if found else "",
    }


def whom_of(extension: Extension) -> str:
    """Who has it, as the form sends it."""
    return f"group:{extension.group}" if extension.group else f"person:{extension.user}"


def _assignment(value: Assignment, plan: Plan, now: datetime) -> View:
    return {
        "name": value.name,
        "title": value.title,
        "due": times.short(value.due, plan.course.timezone) if value.due else None,
        "distance": words.distance(value.due, now) if value.due else "",
        "rule": rule(value),
        "count": sum(1 for each in plan.extensions if each.assignment == value.name),
    }


def _extension(value: Extension, titles: dict[str, str], zone: str) -> View:
    return {
        "assignment": value.assignment,
        "title": titles[value.assignment],
        "whom": whom_of(value),
        "user": value.user,
        "group": value.group,
        "due": times.short(value.due, zone),
        "reason": value.reason,
        "given_by": value.given_by,
        "given": words.short_date(value.given, zone),
    }

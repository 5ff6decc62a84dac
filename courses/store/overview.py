"""Where the people of a course stand, in few queries and without what they handed in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from courses.course import Role
from courses.overview import Cell, Overview, Version
from courses.store import people, releases
from courses.store.audit import AuditRow
from courses.store.courses import AssignmentRow, CourseRow, gradings_of
from courses.store.submissions import ChoiceRow, FeedbackRow, SubmissionRow
from courses.submissions import TaskPoints


def overview(session: Session, slug: str) -> Overview:
    """All cells of a course."""
    fetched = releases.fetches(session, slug)
    versions = _versions(session, slug)
    everybody = people.people(session, slug)
    return Overview(
        students=tuple(each.user for each in everybody if each.role is Role.STUDENT),
        staff=tuple(each.user for each in everybody if each.role.grades),
        released={name: each.released for name, each in releases.releases(session, slug).items()},
        cells={key: Cell(fetched.get(key), tuple(versions[key])) for key in {*fetched, *versions}},
    )


def marks(session: Session, slugs: Collection[str]) -> dict[str, tuple[int, int]]:
    """What differs when anything in a course has changed, by one query for all that are asked for.

    Every change leaves a row in the audit. The count is there because a row with a lower number
    may come to be seen after one with a higher.
    """
    rows = session.execute(
        select(AuditRow.course, func.max(AuditRow.id), func.count())
        .where(AuditRow.course.in_(slugs))
        .group_by(AuditRow.course)
    )
    return {course: (last, count) for course, last, count in rows}


def _versions(session: Session, slug: str) -> defaultdict[tuple[str, str], list[Version]]:
    rows = session.execute(
        select(
            AssignmentRow.name,
            SubmissionRow.user,
            SubmissionRow.id,
            SubmissionRow.timestamp,
            SubmissionRow.on_time,
            ChoiceRow.submission_id.is_not(None),
            FeedbackRow.released,
            FeedbackRow.score,
            FeedbackRow.max_score,
            FeedbackRow.tasks,
        )
        .join(AssignmentRow, AssignmentRow.id == SubmissionRow.assignment_id)
        .join(CourseRow, CourseRow.id == AssignmentRow.course_id)
        .outerjoin(FeedbackRow, FeedbackRow.submission_id == SubmissionRow.id)
        .outerjoin(ChoiceRow, ChoiceRow.submission_id == SubmissionRow.id)
        .where(CourseRow.slug == slug)
        .order_by(SubmissionRow.timestamp, SubmissionRow.id)
    )
    gradings = gradings_of(session, slug)
    found: defaultdict[tuple[str, str], list[Version]] = defaultdict(list)
    for name, user, key, at, on_time, chosen, feedback, score, max_score, tasks in rows:
        points = tuple(TaskPoints(**each) for each in tasks or ())
        passed = gradings[name].passed(score, max_score)
        version = Version(key, at, on_time, chosen, feedback, score, max_score, points, passed)
        found[name, user].append(version)
    return found

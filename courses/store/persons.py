"""One person in all courses: what is held, and its removal."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, cast, delete, func, or_, select, update
from sqlalchemy.orm import Session

from courses.store.announcements import AnnouncementRow
from courses.store.audit import AuditRow, note
from courses.store.checks import CheckRow
from courses.store.complaints import ComplaintRow
from courses.store.courses import AssignmentRow, CourseRow
from courses.store.deadlines import ExtensionRow
from courses.store.grading import OutcomeRow, RunRow
from courses.store.groups import GroupRow, MemberRow
from courses.store.joining import GuestRow
from courses.store.people import EnrolmentRow
from courses.store.releases import FetchRow
from courses.store.submissions import ChoiceRow, FeedbackRow, SubmissionRow


@dataclass(frozen=True)
class Forgotten:
    """What became of what was held on a person.

    Attributes:
        called: what the record calls the person from now on; empty when nothing was held.
        submissions, enrolments: how many were removed.
        kept: course and assignment, where an open complaint needs what was handed in.
    """

    called: str
    submissions: int
    enrolments: int
    kept: Sequence[tuple[str, str]]


def forget(session: Session, user: str, *, actor: str, at: datetime) -> Forgotten:
    """Remove what is held on a person, in all courses; give the record another name for the rest.

    What an open complaint of the person needs stays under the person's name: the hand-ins to that
    assignment with their feedback and complaints, the enrolment in that course, so that the answer
    can be read, and that course's record. Contents that nothing
    names any more go with ``lesesal store verify --collect``.
    """
    called = f"removed-{secrets.token_hex(4)}"
    needed = session.execute(
        select(AssignmentRow.id, CourseRow.slug, AssignmentRow.name)
        .join(CourseRow, CourseRow.id == AssignmentRow.course_id)
        .join(SubmissionRow, SubmissionRow.assignment_id == AssignmentRow.id)
        .join(ComplaintRow, ComplaintRow.submission_id == SubmissionRow.id)
        .where(SubmissionRow.user == user, ComplaintRow.closed.is_(None))
        .distinct()
        .order_by(CourseRow.slug, AssignmentRow.name)
    ).all()
    kept_ids = [number for number, _slug, _name in needed]
    kept_courses = {slug for _number, slug, _name in needed}
    slugs = set(session.scalars(select(AuditRow.course).where(_names(user)).distinct()))
    removed = _remove_work(session, user, kept_ids)
    enrolled = _remove_membership(session, user, kept_courses)
    for table, column in (
        (AnnouncementRow, AnnouncementRow.author),
        (ComplaintRow, ComplaintRow.answered_by),
        (ExtensionRow, ExtensionRow.given_by),
        (RunRow, RunRow.asked_by),
    ):
        session.execute(update(table).where(column == user).values({column: called}))
    session.execute(update(GuestRow).where(GuestRow.name == user).values(shown=called))
    _rename_in_record(session, user, called, kept_courses)
    if not (slugs or removed or enrolled):
        return Forgotten("", 0, 0, ())
    for slug in sorted(slugs):
        note(session, actor, "forget", slug, at, subject=user if slug in kept_courses else called)
    kept = [(slug, name) for _number, slug, name in needed]
    return Forgotten(called, removed, enrolled, kept)


def held(session: Session, user: str) -> dict[str, list[dict[str, Any]]]:
    """What the tables hold on a person, beside hand-ins and the record; plain values."""
    enrolments = session.execute(
        select(CourseRow.slug, EnrolmentRow.role, EnrolmentRow.since)
        .join(EnrolmentRow, EnrolmentRow.course_id == CourseRow.id)
        .where(EnrolmentRow.user == user)
        .order_by(CourseRow.slug)
    )
    of_assignments = select(CourseRow.slug, AssignmentRow.name).join(
        AssignmentRow, AssignmentRow.course_id == CourseRow.id
    )
    fetches = session.execute(
        of_assignments.add_columns(FetchRow.fetched)
        .join(FetchRow, FetchRow.assignment_id == AssignmentRow.id)
        .where(FetchRow.user == user)
    )
    extensions = session.execute(
        of_assignments.add_columns(ExtensionRow.due, ExtensionRow.reason)
        .join(ExtensionRow, ExtensionRow.assignment_id == AssignmentRow.id)
        .where(ExtensionRow.user == user)
    )
    groups = session.execute(
        select(CourseRow.slug, GroupRow.name)
        .join(GroupRow, GroupRow.course_id == CourseRow.id)
        .join(MemberRow, MemberRow.group_id == GroupRow.id)
        .where(MemberRow.user == user)
    )
    tests = session.execute(
        of_assignments.add_columns(
            CheckRow.submission_id, CheckRow.at, CheckRow.state, CheckRow.tests
        )
        .join(SubmissionRow, SubmissionRow.assignment_id == AssignmentRow.id)
        .join(CheckRow, CheckRow.submission_id == SubmissionRow.id)
        .where(SubmissionRow.user == user)
    )
    return {
        "enrolments": _rows(enrolments, "course", "role", "since"),
        "fetches": _rows(fetches, "course", "assignment", "fetched"),
        "extensions": _rows(extensions, "course", "assignment", "due", "reason"),
        "groups": _rows(groups, "course", "group"),
        "gradings": _gradings(session, user),
        "visible_tests": _rows(tests, "course", "assignment", "submission", "at", "state", "tests"),
    }


def _gradings(session: Session, user: str) -> list[dict[str, Any]]:
    """That something was assessed, and what came of it once staff has published that."""
    found = session.execute(
        select(CourseRow.slug, AssignmentRow.name, OutcomeRow, FeedbackRow.released)
        .join(AssignmentRow, AssignmentRow.course_id == CourseRow.id)
        .join(OutcomeRow, OutcomeRow.assignment_id == AssignmentRow.id)
        .outerjoin(FeedbackRow, FeedbackRow.submission_id == OutcomeRow.submission_id)
        .where(OutcomeRow.user == user)
        .order_by(CourseRow.slug, AssignmentRow.name)
    )
    rows = []
    for course, assignment, outcome, published in found:
        row: dict[str, Any] = {"course": course, "assignment": assignment}
        row["submission"] = outcome.submission_id
        # Graded again since, it is another assessment, which is not published yet.
        out = published if published and published >= outcome.at else None
        row |= {"at": outcome.at, "published": out}
        if out:
            row |= {"state": outcome.state, "reason": outcome.reason, "evidence": outcome.evidence}
            row |= {"score": outcome.score, "max_score": outcome.max_score}
        rows.append(row)
    return rows


def courses_with_work(session: Session, user: str) -> list[str]:
    """The courses in which a person has handed something in."""
    query = (
        select(CourseRow.slug)
        .join(AssignmentRow, AssignmentRow.course_id == CourseRow.id)
        .join(SubmissionRow, SubmissionRow.assignment_id == AssignmentRow.id)
        .where(SubmissionRow.user == user)
    )
    return sorted(session.scalars(query.distinct()))


def _rows(found: Any, *names: str) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in found]


def _remove_work(session: Session, user: str, kept: Sequence[int]) -> int:
    """Hand-ins and what belongs to them, but for the assignments to keep; how many."""
    going = select(SubmissionRow.id).where(
        SubmissionRow.user == user, SubmissionRow.assignment_id.not_in(kept)
    )
    count = session.scalar(select(func.count()).select_from(going.subquery())) or 0
    for table in (FeedbackRow, ComplaintRow, ChoiceRow, OutcomeRow, CheckRow):
        session.execute(delete(table).where(table.submission_id.in_(going)))
    session.execute(
        delete(SubmissionRow).where(
            SubmissionRow.user == user, SubmissionRow.assignment_id.not_in(kept)
        )
    )
    for own in (FetchRow, ExtensionRow):
        session.execute(delete(own).where(own.user == user, own.assignment_id.not_in(kept)))
    return count


def _remove_membership(session: Session, user: str, kept_courses: set[str]) -> int:
    """Enrolments, but for those of courses to keep, and groups; how many enrolments."""
    found = session.scalars(
        select(EnrolmentRow)
        .join(CourseRow, CourseRow.id == EnrolmentRow.course_id)
        .where(EnrolmentRow.user == user, CourseRow.slug.not_in(kept_courses))
    ).all()
    for row in found:
        session.delete(row)
    session.execute(delete(MemberRow).where(MemberRow.user == user))
    session.flush()
    return len(found)


def _names(user: str) -> ColumnElement[bool]:
    """Rows of the record that have the person's name anywhere."""
    quoted = json.dumps(user)
    return or_(
        AuditRow.actor == user,
        AuditRow.subject == user,
        *(
            cast(column, String).contains(quoted, autoescape=True)
            for column in (AuditRow.detail, AuditRow.before, AuditRow.after)
        ),
    )


def _rename_in_record(session: Session, user: str, called: str, kept_courses: set[str]) -> None:
    """What happened stays told; who it was, and what concerned the person, does not."""
    for row in session.scalars(select(AuditRow).where(_names(user))):
        if row.course in kept_courses:
            continue
        if row.subject == user:
            assignment = row.detail.get("assignment")
            row.before = row.after = None
            row.detail = {"assignment": assignment} if assignment else {}
            row.subject = called
        else:
            row.before, row.after, row.detail = (
                _renamed(value, user, called) for value in (row.before, row.after, row.detail)
            )
        if row.actor == user:
            row.actor = called
    session.flush()


def _renamed(value: Any, user: str, called: str) -> Any:
    if isinstance(value, dict):
        return {name: _renamed(each, user, called) for name, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, user, called) for each in value]
    return called if value == user else value

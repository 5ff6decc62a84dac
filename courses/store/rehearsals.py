"""Synthetic students leave the classroom: their rows go, and the audit says so."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from courses.rehearsal import is_synthetic
from courses.store.audit import note
from courses.store.courses import CourseRow
from courses.store.people import EnrolmentRow
from courses.store.releases import FetchRow
from courses.store.submissions import ChoiceRow, FeedbackRow, SubmissionRow


def forget(session: Session, *, actor: str, at: datetime) -> list[str]:
    """Remove all that synthetic students have, in all courses; return their names.

    What they handed in stays as a blob that nothing names: another's may be the same bytes.
    """
    names = {
        name
        for column in (EnrolmentRow.user, FetchRow.user, SubmissionRow.user)
        for name in session.scalars(select(column).distinct())
        if is_synthetic(name)
    }
    if not names:
        return []
    courses = session.scalars(
        select(CourseRow.slug)
        .join(EnrolmentRow, EnrolmentRow.course_id == CourseRow.id)
        .where(EnrolmentRow.user.in_(names))
        .distinct()
    ).all()
    theirs = select(SubmissionRow.id).where(SubmissionRow.user.in_(names))
    session.execute(delete(FeedbackRow).where(FeedbackRow.submission_id.in_(theirs)))
    for table in (ChoiceRow, SubmissionRow, FetchRow, EnrolmentRow):
        session.execute(delete(table).where(table.user.in_(names)))
    for slug in courses:
        note(session, actor, "rehearsal-over", slug, at, students=len(names))
    return sorted(names)

"""A roster is applied, exactly as it was shown."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from courses import roster
from courses.course import Enrolment, Role
from courses.errors import Malformed, Outdated
from courses.language import gettext as _
from courses.roster import Plan, Roster
from courses.store import groups, people


def apply(
    session: Session,
    slug: str,
    found: Roster,
    *,
    actor: str,
    at: datetime,
    remove: bool,
    basis: str,
) -> Plan:
    """Apply a roster, if it still does what was shown.

    Args:
        basis: of the `Plan` that was shown.

    Raises `Outdated`, and `Malformed` for a roster with problems.
    """
    people.lock(session, slug)
    enrolled, known = people.people(session, slug), groups.groups(session, slug)
    plan = roster.plan(found, enrolled, known, remove=remove)
    if plan.problems:
        raise Malformed(_("This roster has problems. Correct the file and upload it again."))
    if plan.basis != basis:
        raise Outdated(
            _(
                "The people of this course have changed since you looked. "
                "Nothing was done. Upload the file again to see what it changes now."
            )
        )
    # New instructors first: the last one of before may be among those who go.
    for step in sorted(plan.steps, key=lambda each: each.after is not Role.INSTRUCTOR):
        if step.after is None:
            people.leave(session, slug, step.user, actor=actor, at=at)
        else:
            people.enrol(session, Enrolment(slug, step.user, step.after), actor=actor, at=at)
            session.flush()
    for each in plan.groups:
        groups.put_group(session, slug, each.name, each.members, actor=actor, at=at)
    return plan

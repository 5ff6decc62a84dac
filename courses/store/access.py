"""Who may do what in a course: every rule, as a query that answers or raises.

Each takes the open transaction, the course's slug and who asks. They raise `NotFound` when there is
no such course, and `NotAllowed` with what to do about it.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from courses.course import Caller, Role
from courses.errors import NotAllowed
from courses.store.courses import CourseRow, find_course
from courses.store.people import EnrolmentRow


def role_of(session: Session, slug: str, user: str) -> Role | None:
    """The person's role; ``None`` when there is no such course or the person is not in it."""
    role = session.scalar(
        select(EnrolmentRow.role).join(CourseRow).where(CourseRow.slug == slug).filter_by(user=user)
    )
    return None if role is None else Role(role)


def member(session: Session, slug: str, who: Caller) -> Role:
    """Who is enrolled, as anything."""
    find_course(session, slug)
    role = role_of(session, slug, who.name)
    if role is None:
        raise NotAllowed(
            f"You are not enrolled in {slug!r}. Ask the people who teach it to enrol you."
        )
    return role


def staff(session: Session, slug: str, who: Caller) -> Role:
    """Who grades: instructors and teaching assistants."""
    role = member(session, slug, who)
    if not role.grades:
        raise NotAllowed(f"Only the people who teach {slug!r} can do this.")
    return role


def teacher(session: Session, slug: str, who: Caller) -> None:
    """Who changes the course: instructors."""
    if staff(session, slug, who) is not Role.INSTRUCTOR:
        raise NotAllowed(f"Only the instructors of {slug!r} can do this. Ask one of them.")


def looker(session: Session, slug: str, who: Caller) -> bool:
    """Who sees all that is handed in: staff, and the site's operators.

    Returns whether it is an operator's look, which the audit tells of.
    """
    find_course(session, slug)
    role = role_of(session, slug, who.name)
    if who.operator and not (role and role.grades):
        return True
    staff(session, slug, who)
    return False


def owner(session: Session, slug: str, who: Caller, user: str) -> bool:
    """Who sees one person's work: that person while enrolled, and whoever `looker` lets.

    Returns what `looker` does; False for the person.
    """
    if who.name == user:
        member(session, slug, who)
        return False
    if role_of(session, slug, who.name) is Role.STUDENT and not who.operator:
        raise NotAllowed("This submission is another person's. Look at the list of yours.")
    return looker(session, slug, who)

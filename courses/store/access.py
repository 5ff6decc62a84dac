"""Who may do what in a course: every rule, as a query that answers or raises.

Each takes the open transaction, the course's slug and who asks. They raise `NotFound` when there is
no such course, and `NotAllowed` with what to do about it.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from courses.course import Caller, Role
from courses.errors import NotAllowed
from courses.language import gettext as _
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
            _(
                "You are not enrolled in '{course}'. Ask the people who teach it to enrol you.",
                course=slug,
            )
        )
    return role


def staff(session: Session, slug: str, who: Caller) -> Role:
    """Who grades: instructors and teaching assistants."""
    role = member(session, slug, who)
    if not role.grades:
        raise NotAllowed(_("Only the people who teach '{course}' can do this.", course=slug))
    return role


def teacher(session: Session, slug: str, who: Caller) -> None:
    """Who changes the course: instructors."""
    if staff(session, slug, who) is not Role.INSTRUCTOR:
        raise NotAllowed(
            _("Only the instructors of '{course}' can do this. Ask one of them.", course=slug)
        )


def manager(session: Session, slug: str, who: Caller) -> None:
    """Who changes who is in the course: its instructors, and the site's operators."""
    find_course(session, slug)
    if not who.operator:
        teacher(session, slug, who)


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


def author(session: Session, slug: str, who: Caller, user: str) -> None:
    """Who decides about one's own work: the person alone, while enrolled."""
    if who.name != user:
        owner(session, slug, who, user)
        raise NotAllowed(_("Only the person whose work it is can do this."))
    member(session, slug, who)


def owner(session: Session, slug: str, who: Caller, user: str) -> bool:
    """Who sees one person's work: that person while enrolled, and whoever `looker` lets.

    Returns what `looker` does; False for the person.
    """
    if who.name == user:
        member(session, slug, who)
        return False
    if role_of(session, slug, who.name) is Role.STUDENT and not who.operator:
        raise NotAllowed(_("This submission is another person's. Look at the list of yours."))
    return looker(session, slug, who)

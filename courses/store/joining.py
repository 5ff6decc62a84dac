"""Join codes and their guests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from courses import joining
from courses.course import Course, Enrolment, Role
from courses.errors import BadName, NotFound, Refused
from courses.joining import CodeState, CodeWish, Guest, JoinCode
from courses.language import gettext as _
from courses.store import people
from courses.store.audit import note
from courses.store.base import Base, Moment
from courses.store.courses import CourseRow, find_course, get_course
from courses.store.people import EnrolmentRow


class JoinCodeRow(Base):
    """A join code. Its ``code`` may be changed for another; its seats stay taken."""

    __tablename__ = "join_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), index=True)
    code: Mapped[str] = mapped_column(String(16), unique=True)
    role: Mapped[str] = mapped_column(String(20))
    until: Mapped[datetime] = mapped_column(Moment)
    seats: Mapped[int]
    guests_until: Mapped[datetime | None] = mapped_column(Moment)
    closed: Mapped[datetime | None] = mapped_column(Moment)

    course: Mapped[CourseRow] = relationship()


class GuestRow(Base):
    """An account that a join code made. The row stays, so that nobody else gets its name.

    ``account`` is the Unix account that was lent, ``closed`` when the hub had forgotten the guest.
    """

    __tablename__ = "guests"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    shown: Mapped[str] = mapped_column(String(60))
    passphrase: Mapped[str] = mapped_column(String(200))
    code_id: Mapped[int] = mapped_column(ForeignKey("join_codes.id"), index=True)
    made: Mapped[datetime] = mapped_column(Moment)
    account: Mapped[str | None] = mapped_column(String(64), unique=True)
    closed: Mapped[datetime | None] = mapped_column(Moment)

    code: Mapped[JoinCodeRow] = relationship()


def make_code(session: Session, slug: str, wish: CodeWish, *, actor: str, at: datetime) -> JoinCode:
    """A new join code. Raises `Refused`, `NotFound`."""
    _check(wish, at)
    row = JoinCodeRow(
        course_id=find_course(session, slug).id,
        code=joining.new_code(),
        role=wish.role.value,
        until=wish.until,
        seats=wish.seats,
        guests_until=wish.guests_until,
    )
    session.add(row)
    session.flush()
    after = {
        "role": row.role,
        "until": wish.until,
        "seats": wish.seats,
        "guests_until": wish.guests_until,
    }
    # Not the code itself: it is a key, and the audit is read by more people.
    note(session, actor, "make-code", slug, at, after=after, code=row.id)
    return _value(session, row)


def _check(wish: CodeWish, at: datetime) -> None:
    if wish.role not in joining.CODE_ROLES:
        raise Refused(_("A link cannot make somebody an instructor. Enrol instructors by name."))
    if not 1 <= wish.seats <= joining.MOST_SEATS:
        raise Refused(_("A code has between 1 and {most} seats.", most=joining.MOST_SEATS))
    if wish.until <= at:
        raise Refused(_("The code would be over before it begins. Choose a later end."))
    if wish.guests_until is not None:
        if wish.role is not Role.STUDENT:
            raise Refused(_("A code that makes accounts can only make students."))
        if wish.guests_until < wish.until:
            raise Refused(_("The accounts would end before the code does. Choose a later end."))


def codes(session: Session, slug: str) -> list[JoinCode]:
    """All codes of a course, the newest first."""
    rows = session.scalars(
        select(JoinCodeRow)
        .filter_by(course_id=find_course(session, slug).id)
        .order_by(JoinCodeRow.id.desc())
    )
    return [_value(session, row) for row in rows.all()]


def code_of(session: Session, slug: str, code_id: int) -> JoinCode:
    """One code of a course. Raises `NotFound`."""
    return _value(session, _row(session, slug, code_id))


def rotate(session: Session, slug: str, code_id: int, *, actor: str, at: datetime) -> JoinCode:
    """Give a code another link; the old one stops at once. Raises `NotFound`."""
    row = _row(session, slug, code_id)
    row.code = joining.new_code()
    note(session, actor, "rotate-code", slug, at, code=code_id)
    session.flush()
    return _value(session, row)


def close(session: Session, slug: str, code_id: int, *, actor: str, at: datetime) -> None:
    """Let a code take in nobody more. Raises `NotFound`."""
    row = _row(session, slug, code_id)
    if row.closed is None:
        row.closed = at
        note(session, actor, "close-code", slug, at, after={"closed": at}, code=code_id)


def look_up(session: Session, text: str) -> tuple[Course, JoinCode]:
    """The code behind a link, and where it leads. Raises `BadName`, `NotFound`."""
    row = _by_text(session, text)
    return get_course(session, row.course.slug), _value(session, row)


def join(session: Session, text: str, user: str, *, at: datetime) -> str:
    """Somebody who has an account follows a link; returns the course's slug.

    Nothing changes for who is in the course already. Raises `BadName`, `NotFound`, `Refused`.
    """
    row = _by_text(session, text, lock=True)
    slug = row.course.slug
    if not session.scalar(
        select(EnrolmentRow.id).filter_by(course_id=row.course_id, user=user).limit(1)
    ):
        _check_seat(session, row, at)
        enrolment = Enrolment(slug, user, Role(row.role))
        people.enrol(session, enrolment, actor=user, at=at, code_id=row.id)
    return slug


def check_guest(session: Session, text: str, shown: str, *, at: datetime) -> None:
    """Raise what `join_as_guest` raises, and change nothing."""
    _room_for_guest(session, text, shown, at)


def join_as_guest(
    session: Session, text: str, shown: str, passphrase: str, *, at: datetime
) -> Guest:
    """Make an account for somebody who has none, and enrol it.

    Args:
        shown: what the guest typed as a name.
        passphrase: its hash (`courses.joining.hash_passphrase`).

    Raises `BadName`, `NotFound`, `Refused`.
    """
    row, stem = _room_for_guest(session, text, shown, at, lock=True)
    guest = GuestRow(
        name=_free_name(session, stem),
        shown=shown.strip(),
        passphrase=passphrase,
        code_id=row.id,
        made=at,
    )
    session.add(guest)
    session.flush()
    slug = row.course.slug
    note(session, guest.name, "make-guest", slug, at, code=row.id, subject=guest.name)
    enrolment = Enrolment(slug, guest.name, Role.STUDENT)
    people.enrol(session, enrolment, actor=guest.name, at=at, code_id=row.id)
    return _guest(guest)


def _room_for_guest(
    session: Session, text: str, shown: str, at: datetime, *, lock: bool = False
) -> tuple[JoinCodeRow, str]:
    """The code, and what the guest's name begins with."""
    row = _by_text(session, text, lock=lock)
    if row.guests_until is None:
        raise Refused(_("This link makes no accounts. Log in with the account that you have."))
    stem = joining.guest_stem(shown)
    _check_seat(session, row, at)
    made = select(func.count()).select_from(GuestRow).filter_by(code_id=row.id)
    # Taking guests out of the course does not make room for more accounts.
    if (session.scalar(made) or 0) >= row.seats:
        raise _full()
    return row, stem


def guest(session: Session, name: str) -> Guest | None:
    """A guest by the hub's name; None when there never was one."""
    row = session.get(GuestRow, name)
    return None if row is None else _guest(row)


def guests(session: Session, slug: str = "") -> list[Guest]:
    """All guests that there ever were, by name; of one course where it is named."""
    query = select(GuestRow).order_by(GuestRow.name)
    if slug:
        query = query.join(JoinCodeRow).join(CourseRow).where(CourseRow.slug == slug)
    return [_guest(row) for row in session.scalars(query)]


def passphrase_of(session: Session, name: str) -> str | None:
    """The hash of a guest's passphrase."""
    return session.scalar(select(GuestRow.passphrase).filter_by(name=name))


def leaving(session: Session, at: datetime) -> list[Guest]:
    """Guests whose time is over, and whom the hub has not forgotten yet."""
    rows = session.scalars(
        select(GuestRow)
        .join(JoinCodeRow)
        .where(GuestRow.closed.is_(None), JoinCodeRow.guests_until <= at)
        .order_by(GuestRow.name)
    )
    return [_guest(row) for row in rows.all()]


def has_left(session: Session, name: str, *, actor: str, at: datetime) -> None:
    """Remember that the hub has forgotten a guest."""
    row = session.get_one(GuestRow, name)
    if row.closed is None:
        row.closed = at
        note(session, actor, "end-guest", row.code.course.slug, at, subject=name)


def account_of(session: Session, name: str, pool: Sequence[str], *, at: datetime) -> str | None:
    """The Unix account that a guest has, lent from the pool at the first call; None: all are lent.

    An account stays its guest's: whoever gets it next would find the files (`take_back`).
    """
    row = session.get(GuestRow, name, with_for_update=True)
    if row is None:
        return None
    if row.account is None:
        taken = set(session.scalars(select(GuestRow.account).where(GuestRow.account.is_not(None))))
        row.account = next((each for each in pool if each not in taken), None)
        if row.account:
            note(
                session, name, "lend-account", row.code.course.slug, at,
                subject=name, after={"account": row.account},
            )  # fmt: skip
    return row.account


def lent(session: Session) -> dict[str, str]:
    """The Unix account of each guest who has one."""
    query = select(GuestRow.name, GuestRow.account).where(GuestRow.account.is_not(None))
    return {name: account for name, account in session.execute(query) if account}


def take_back(session: Session, account: str, *, actor: str, at: datetime) -> str:
    """Let an account be lent again, after its files were removed; returns whose it was.

    Raises `NotFound`, and `Refused` while the guest's time is not over.
    """
    row = session.scalar(select(GuestRow).filter_by(account=account))
    if row is None:
        raise NotFound(_("No guest has the account {account}.", account=account))
    if row.closed is None:
        raise Refused(_("{guest} still uses {account}.", guest=row.name, account=account))
    row.account = None
    note(
        session, actor, "take-back-account", row.code.course.slug, at,
        subject=row.name, before={"account": account},
    )  # fmt: skip
    return row.name


def _check_seat(session: Session, row: JoinCodeRow, at: datetime) -> None:
    """Raise `Refused` unless the code takes in one more."""
    state = _value(session, row).state(at)
    if state is CodeState.FULL:
        raise _full()
    if state is not CodeState.OPEN:
        raise Refused(_("This link is no longer open. Ask the people who teach the course."))


def _full() -> Refused:
    return Refused(_("All seats of this link are taken. Ask the people who teach the course."))


def _free_name(session: Session, stem: str) -> str:
    alike = GuestRow.name.startswith(stem, autoescape=True)
    taken = set(session.scalars(select(GuestRow.name).where(alike)))
    if stem not in taken:
        return stem
    return next(name for n in range(2, len(taken) + 3) if (name := f"{stem}-{n}") not in taken)


def _by_text(session: Session, text: str, *, lock: bool = False) -> JoinCodeRow:
    """The row of a code. Those who lock it wait for each other (SQLite lets only one write)."""
    missing = _("This link leads to no course. It may have been changed: ask for the new one.")
    try:
        code = joining.tidy_code(text)
    except BadName:
        raise NotFound(missing) from None
    query = select(JoinCodeRow).filter_by(code=code)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound(missing)
    return row


def _row(session: Session, slug: str, code_id: int) -> JoinCodeRow:
    row = session.get(JoinCodeRow, code_id)
    if row is None or row.course_id != find_course(session, slug).id:
        raise NotFound(_("This course has no such join code."))
    return row


def _value(session: Session, row: JoinCodeRow) -> JoinCode:
    used = select(func.count()).select_from(EnrolmentRow).filter_by(code_id=row.id)
    wish = CodeWish(Role(row.role), row.until, row.seats, row.guests_until)
    return JoinCode(row.id, row.course.slug, row.code, wish, session.scalar(used) or 0, row.closed)


def _guest(row: GuestRow) -> Guest:
    assert row.code.guests_until is not None  # noqa: S101  it made the guest
    return Guest(
        row.name, row.shown, row.code.course.slug, row.code.guests_until, row.closed is not None
    )

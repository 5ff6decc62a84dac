"""Who is in a course: the rules that hold for the whole of it, and the codes' seats."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from classroom_kit import NOW, course, enrol, put

from courses import roster
from courses.classroom.desks.people import People
from courses.course import Caller, Role
from courses.errors import CourseError, Malformed, NotFound, Outdated, Refused
from courses.joining import CodeWish, JoinCode
from courses.store import Store, access, audit, joining, people, rosters

SOON, LATER = NOW + timedelta(hours=1), NOW + timedelta(days=2)
WISH = CodeWish(Role.STUDENT, SOON, seats=2, guests_until=LATER)


@pytest.fixture
def optics(store: Store) -> Store:
    put(store, course())
    enrol(store, "optics", teacher="instructor", student1="student")
    return store


def make(store: Store, wish: CodeWish = WISH) -> JoinCode:
    with store.writing() as session:
        return joining.make_code(session, "optics", wish, actor="teacher", at=NOW)


def roles(store: Store) -> dict[str, str]:
    with store.reading() as session:
        return {each.user: each.role.value for each in people.people(session, "optics")}


def leave(store: Store, user: str) -> None:
    with store.writing() as session:
        people.leave(session, "optics", user, actor="teacher", at=NOW)


def test_leaving(optics: Store) -> None:
    leave(optics, "student1")
    assert roles(optics) == {"teacher": "instructor"}
    with optics.reading() as session:
        last = audit.changes(session, "optics")[-1]
    assert (last.action, last.detail["user"]) == ("unenrol", "student1")
    with pytest.raises(NotFound):
        leave(optics, "student1")


def test_the_last_instructor_stays(optics: Store) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: leave(optics, "teacher"),
        lambda: enrol(optics, "optics", teacher="student"),
    ]
    for attempt in attempts:
        with pytest.raises(Refused, match="last instructor"):
            attempt()
    enrol(optics, "optics", second="instructor")
    enrol(optics, "optics", teacher="assistant")
    with pytest.raises(Refused):
        leave(optics, "second")
    assert roles(optics) == {"second": "instructor", "teacher": "assistant", "student1": "student"}


def apply(store: Store, data: bytes, basis: str, *, remove: bool = False) -> None:
    with store.writing() as session:
        found = roster.read(data)
        rosters.apply(session, "optics", found, actor="teacher", at=NOW, remove=remove, basis=basis)


def test_a_roster_is_applied_as_it_was_shown(optics: Store) -> None:
    desk, teacher = People(optics, 1), Caller("teacher")
    data = b"user,role\nteacher,assistant\nstudent2,\nsecond,instructor\n"
    shown = desk.preview(teacher, "optics", data, remove=True).plan
    assert [(each.user, each.kind) for each in shown.steps] == [
        ("student2", "new"),
        ("second", "new"),
        ("teacher", "role"),
        ("student1", "removed"),
    ]
    assert roles(optics) == {"teacher": "instructor", "student1": "student"}
    for other_basis, remove in (("", True), (shown.basis, False)):
        with pytest.raises(Outdated):
            apply(optics, data, other_basis, remove=remove)
    enrol(optics, "optics", student3="student")
    with pytest.raises(Outdated, match="have changed since"):
        desk.apply(teacher, "optics", data, remove=True, basis=shown.basis)
    leave(optics, "student3")
    desk.apply(teacher, "optics", data, remove=True, basis=shown.basis)
    assert roles(optics) == {"second": "instructor", "teacher": "assistant", "student2": "student"}


def test_a_roster_with_problems_does_nothing(optics: Store) -> None:
    data = b"user\nstudent2\na b\n"
    with optics.reading() as session:
        plan = roster.plan(roster.read(data), people.people(session, "optics"), remove=False)
    with pytest.raises(Malformed):
        apply(optics, data, plan.basis)
    assert "student2" not in roles(optics)


def join(store: Store, code: str, user: str) -> str:
    with store.writing() as session:
        return joining.join(session, code, user, at=NOW)


def test_a_code_takes_in_as_many_as_it_has_seats(optics: Store) -> None:
    code = make(optics)
    assert join(optics, code.code.upper(), "student2") == "optics"
    # Who is in already takes no seat and keeps the role.
    assert join(optics, code.code, "teacher") == join(optics, code.code, "student2") == "optics"
    assert roles(optics)["teacher"] == "instructor"
    join(optics, code.code, "student3")
    with pytest.raises(Refused, match="seats"):
        join(optics, code.code, "student4")
    leave(optics, "student3")
    join(optics, code.code, "student4")
    with optics.reading() as session:
        assert joining.codes(session, "optics")[0].used == 2
        # A code is a key: it is not in what more people read.
        assert code.code not in repr(audit.changes(session, "optics"))


def test_many_at_once(optics: Store) -> None:
    code = make(optics, CodeWish(Role.STUDENT, SOON, seats=5))

    def attempt(number: int) -> bool:
        try:
            return bool(join(optics, code.code, f"p{number}"))
        except Refused:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(16))) == 5


def test_rotated_and_closed(optics: Store) -> None:
    code = make(optics)
    join(optics, code.code, "student2")
    with optics.writing() as session:
        fresh = joining.rotate(session, "optics", code.id, actor="teacher", at=NOW)
    assert (fresh.id, fresh.used) == (code.id, 1)
    with pytest.raises(NotFound):
        join(optics, code.code, "student3")
    join(optics, fresh.code, "student3")
    with optics.writing() as session:
        joining.close(session, "optics", code.id, actor="teacher", at=NOW)
    with pytest.raises(Refused, match="no longer open"):
        join(optics, fresh.code, "student4")


def test_over(optics: Store) -> None:
    code = make(optics)
    with optics.writing() as session, pytest.raises(Refused, match="no longer open"):
        joining.join(session, code.code, "student2", at=SOON)


@pytest.mark.parametrize(
    "wish",
    [
        CodeWish(Role.INSTRUCTOR, SOON, 2),
        CodeWish(Role.STUDENT, NOW, 2),
        CodeWish(Role.STUDENT, SOON, 0),
        CodeWish(Role.STUDENT, SOON, 1001),
        CodeWish(Role.ASSISTANT, SOON, 2, LATER),
        CodeWish(Role.STUDENT, SOON, 2, NOW),
    ],
)
def test_codes_that_may_not_be(optics: Store, wish: CodeWish) -> None:
    with pytest.raises(Refused):
        make(optics, wish)


def as_guest(store: Store, code: str, shown: str) -> str:
    with store.writing() as session:
        return joining.join_as_guest(session, code, shown, "hash", at=NOW).name


def test_guests(optics: Store) -> None:
    code = make(optics)
    assert as_guest(optics, code.code, "Ada") == "guest-ada"
    assert as_guest(optics, code.code, "ada!") == "guest-ada-2"
    with pytest.raises(Refused, match="seats"):
        as_guest(optics, code.code, "Ben")
    # Room in the course makes no room for more accounts.
    leave(optics, "guest-ada")
    with pytest.raises(Refused, match="seats"):
        as_guest(optics, code.code, "Ben")
    with optics.reading() as session:
        assert access.role_of(session, "optics", "guest-ada-2") is Role.STUDENT
        assert joining.leaving(session, LATER - timedelta(seconds=1)) == []
        assert [each.name for each in joining.leaving(session, LATER)] == [
            "guest-ada",
            "guest-ada-2",
        ]
    with optics.writing() as session:
        joining.has_left(session, "guest-ada", actor="classroom", at=LATER)
    with optics.reading() as session:
        assert [each.name for each in joining.leaving(session, LATER)] == ["guest-ada-2"]
    # Nobody else ever gets the name.
    assert as_guest(optics, make(optics).code, "Ada") == "guest-ada-3"


def test_a_code_without_guests(optics: Store) -> None:
    code = make(optics, CodeWish(Role.STUDENT, SOON, 2))
    with pytest.raises(Refused, match="makes no accounts"):
        as_guest(optics, code.code, "Ada")
    assert len(roles(optics)) == 2


def test_accounts_are_lent_and_taken_back(optics: Store) -> None:
    code = make(optics)
    first, second = as_guest(optics, code.code, "Ada"), as_guest(optics, code.code, "Ben")

    def lent(name: str) -> str | None:
        with optics.writing() as session:
            return joining.account_of(session, name, ["ws01"], at=NOW)

    def back() -> str:
        with optics.writing() as session:
            return joining.take_back(session, "ws01", actor="operator", at=NOW)

    assert [lent(first), lent(first), lent(second), lent("student1")] == [
        "ws01",
        "ws01",
        None,
        None,
    ]
    with pytest.raises(Refused, match="still uses"):
        back()
    with optics.writing() as session:
        joining.has_left(session, first, actor="classroom", at=LATER)
    # Its files are still there: nobody gets it before an operator says so.
    assert lent(second) is None
    assert back() == first
    assert lent(second) == "ws01"
    with pytest.raises(CourseError), optics.writing() as session:
        joining.take_back(session, "nope", actor="operator", at=NOW)


def test_the_desk_asks_who(optics: Store) -> None:
    enrol(optics, "optics", helper="assistant")
    desk = People(optics, 1)
    teacher, helper, student = Caller("teacher"), Caller("helper"), Caller("student1")
    operator = Caller("boss", operator=True)
    code = desk.make_code(teacher, "optics", CodeWish(Role.STUDENT, audit.now() + timedelta(1), 2))
    assert desk.room(teacher, "optics").codes == desk.room(operator, "optics").codes == (code,)
    assert (desk.room(helper, "optics").changes, desk.room(helper, "optics").codes) == (False, ())
    calls: list[Callable[[Caller], object]] = [
        lambda who: desk.enrol(who, "optics", "x", Role.STUDENT),
        lambda who: desk.remove(who, "optics", "student1"),
        lambda who: desk.preview(who, "optics", b"user\n", remove=False),
        lambda who: desk.apply(who, "optics", b"user\n", remove=False, basis=""),
        lambda who: desk.make_code(who, "optics", WISH),
        lambda who: desk.rotate_code(who, "optics", code.id),
        lambda who: desk.close_code(who, "optics", code.id),
        lambda who: desk.code(who, "optics", code.id),
    ]
    before = roles(optics)
    for call in calls:
        for who in (helper, student, Caller("stranger")):
            with pytest.raises(CourseError, match=r"(Only the|not enrolled)"):
                call(who)
    with pytest.raises(CourseError, match="Only the"):
        desk.room(student, "optics")
    assert roles(optics) == before
    assert desk.enrol(operator, "optics", "x", Role.STUDENT)

"""Extensions and groups: whose deadline is when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from classroom_kit import EARLIER, LATER, NOW, course, enrol, put

from courses.deadlines import Group
from courses.errors import Malformed, NotFound, Refused
from courses.store import Store, deadlines, groups
from courses.store.audit import changes
from courses.store.courses import find_assignment

DAY = timedelta(days=1)


@pytest.fixture
def optics(store: Store) -> Store:
    put(store, course())
    enrol(store, "optics", ada="instructor", ben="student", cleo="student")
    return store


def extend(
    store: Store, due: datetime, *, user: str = "", group: str = "", name: str = "mirrors"
) -> None:
    with store.writing() as session:
        deadlines.extend(
            session,
            "optics",
            name,
            user=user,
            group=group,
            due=due,
            reason="ill",
            actor="ada",
            at=NOW,
        )


def withdraw(store: Store, *, user: str = "", group: str = "", name: str = "mirrors") -> None:
    with store.writing() as session:
        deadlines.withdraw(session, "optics", name, user=user, group=group, actor="ada", at=NOW)


def lab(store: Store, *members: str, name: str = "lab 1") -> Group:
    with store.writing() as session:
        return groups.put_group(session, "optics", name, members, actor="ada", at=NOW)


def dues(store: Store, name: str = "mirrors") -> dict[str, tuple[datetime | None, bool]]:
    """Each person's deadline, asked for in all three ways."""
    users = ("ada", "ben", "cleo")
    with store.reading() as session:
        row = find_assignment(session, "optics", name)
        each = {user: deadlines.assignment_for(session, row, user) for user in users}
        assert deadlines.assignment_for_each(session, row, users) == each
        for user in users:
            assert each[user] in deadlines.assignments_for(session, "optics", user)
    return {user: (value.due, value.extended) for user, value in each.items()}


def test_the_latest_of_all_that_concern_a_person(optics: Store) -> None:
    nobody = (EARLIER, False)
    assert dues(optics) == {"ada": nobody, "ben": nobody, "cleo": nobody}
    extend(optics, EARLIER + DAY, user="ben")
    assert dues(optics) == {"ada": nobody, "ben": (EARLIER + DAY, True), "cleo": nobody}
    lab(optics, "ben", "cleo")
    extend(optics, EARLIER + 2 * DAY, group="lab 1")
    both = (EARLIER + 2 * DAY, True)
    assert dues(optics) == {"ada": nobody, "ben": both, "cleo": both}
    lab(optics, "ben", name="lab 2")
    extend(optics, EARLIER + 3 * DAY, group="lab 2")
    assert dues(optics) == {"ada": nobody, "ben": (EARLIER + 3 * DAY, True), "cleo": both}
    lab(optics, "cleo", name="lab 2")
    assert dues(optics)["ben"] == both
    withdraw(optics, group="lab 1")
    assert dues(optics)["ben"] == (EARLIER + DAY, True)
    assert dues(optics, "prisms") == {"ada": nobody, "ben": nobody, "cleo": nobody}


def test_the_assignments_own_deadline_may_overtake(optics: Store) -> None:
    extend(optics, EARLIER + DAY, user="ben")
    mirrors = replace(course().assignments[1], due=EARLIER + 2 * DAY)
    put(optics, course(assignments=(mirrors,)), content="d")
    assert dues(optics)["ben"] == (EARLIER + 2 * DAY, False)
    put(optics, course(assignments=(replace(mirrors, due=None),)), content="e")
    assert dues(optics)["ben"] == (None, False)


def test_given_again_it_changes(optics: Store) -> None:
    extend(optics, EARLIER + DAY, user="ben")
    extend(optics, EARLIER + 2 * DAY, user="ben")
    with optics.reading() as session:
        (one,) = deadlines.extensions(session, "optics")
    assert (one.user, one.group, one.due) == ("ben", "", EARLIER + 2 * DAY)
    assert (one.reason, one.given_by, one.given) == ("ill", "ada", NOW)
    withdraw(optics, user="ben")
    with pytest.raises(NotFound):
        withdraw(optics, user="ben")
    assert dues(optics)["ben"] == (EARLIER, False)


def test_what_gives_no_more_time_is_refused(optics: Store) -> None:
    for name, due, sentence in (
        ("mirrors", EARLIER, "This is not after the deadline of Mirrors"),
        ("lasers", LATER, "Lasers has no deadline to extend"),
    ):
        with pytest.raises(Malformed, match=sentence):
            extend(optics, due, user="ben", name=name)
    with pytest.raises(Malformed, match="'dan' is not enrolled"):
        extend(optics, LATER, user="dan")
    with pytest.raises(Malformed, match="'dan', 'eve' are not enrolled"):
        lab(optics, "ben", "eve", "dan")
    with pytest.raises(NotFound, match="There is no group 'lab 9'"):
        extend(optics, LATER, group="lab 9")


def test_a_group_goes_when_nothing_depends_on_it(optics: Store) -> None:
    assert lab(optics, "cleo", "ben", "ben") == Group("lab 1", ("ben", "cleo"))
    extend(optics, LATER, group="lab 1")

    def remove() -> None:
        with optics.writing() as session:
            deadlines.remove_group(session, "optics", "lab 1", actor="ada", at=NOW)

    with pytest.raises(Refused, match="Withdraw them"):
        remove()
    put(optics, course(assignments=()), content="d")  # its assignment leaves the course
    remove()
    with optics.reading() as session:
        assert groups.groups(session, "optics") == []
    put(optics, course(), content="e")
    assert dues(optics)["ben"] == (EARLIER, False)


def test_every_change_is_in_the_audit(optics: Store) -> None:
    lab(optics, "ben")
    lab(optics, "ben")
    lab(optics, "cleo")
    extend(optics, LATER, user="ben")
    extend(optics, LATER + DAY, user="ben")
    extend(optics, LATER, group="lab 1")
    withdraw(optics, group="lab 1")
    with optics.writing() as session:
        deadlines.remove_group(session, "optics", "lab 1", actor="ada", at=NOW)
    with optics.reading() as session:
        found = [
            (each.action, each.subject, each.detail.get("group"), each.before, each.after)
            for each in changes(session, "optics")
            if each.actor == "ada"
        ]
    first = {"due": LATER.isoformat(), "reason": "ill"}
    second = {"due": (LATER + DAY).isoformat(), "reason": "ill"}
    assert found == [
        ("group", None, "lab 1", None, {"members": ["ben"]}),
        ("group", None, "lab 1", {"members": ["ben"]}, {"members": ["cleo"]}),
        ("extend", "ben", None, None, first),
        ("extend", "ben", None, first, second),
        ("extend", None, "lab 1", None, first),
        ("withdraw-extension", None, "lab 1", {**first, "given_by": "ada"}, None),
        ("remove-group", None, "lab 1", {"members": ["cleo"]}, None),
    ]

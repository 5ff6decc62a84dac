"""Rosters: files from everywhere, and what they would change."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courses import roster
from courses.course import Enrolment, Role
from courses.deadlines import Group
from courses.errors import Malformed
from courses.roster import GroupStep, Step

STUDENT, ASSISTANT, INSTRUCTOR = Role.STUDENT, Role.ASSISTANT, Role.INSTRUCTOR
BOTH = {"student1": STUDENT, "helper": ASSISTANT}


def of(**roles: Role) -> list[Enrolment]:
    return [Enrolment("optics", user, role) for user, role in roles.items()]


@pytest.mark.parametrize(
    "data",
    [
        b"user,role\nstudent1,student\nhelper,assistant\n",
        b"\xef\xbb\xbfuser;role\r\nstudent1;\r\nhelper;Assistant\r\n",
        b"sep=;\r\nuser;role\r\nstudent1;student\r\nhelper;assistant",
        b"User\tRole\nstudent1\n\n \t \nhelper\tassistant\n",
        b'"role","name","user"\n"","Some, One","student1"\nassistant,x,helper\n',
    ],
    ids=["plain", "norwegian-excel", "sep", "tabs", "more-columns"],
)
def test_files_that_say_the_same(data: bytes) -> None:
    found = roster.read(data)
    assert found == roster.Roster(BOTH)
    assert roster.read(roster.as_csv(found).encode()) == found


def test_problems_name_their_lines() -> None:
    data = b"user,role\nstudent1,student\n\na b,student\nx/y\nhelper,boss\nStudent1,\np,,extra\n,\n"
    assert roster.read(data).problems == (
        "Line 4: 'a b' cannot be a user's name: write it as the hub does, "
        "1 to 255 characters without spaces or '/'.",
        "Line 5: 'x/y' cannot be a user's name: write it as the hub does, "
        "1 to 255 characters without spaces or '/'.",
        "Line 6: 'boss' is no role: write student, assistant, instructor.",
        "Line 7: 'Student1' is on line 2 too.",
        "Line 8: it has more fields than the first line names.",
    )


def test_not_more_problems_than_one_can_read() -> None:
    problems = roster.read(b"user\n" + b"a b\n" * 70).problems
    assert (len(problems), problems[-1]) == (51, "… and 20 more.")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"name,role\nx,student\n", "user"),
        (b"user,user\nx,y\n", "user"),
        (b"\xff\xfeu\0s\0e\0r\0", "UTF-8"),
        ("user\nkåre".encode("latin-1"), "UTF-8"),
        (b'user\n"never closed', "CSV"),
        (b'user\n"a"b\n', "CSV"),
        (b"user\n" + b"x" * 200_000, "CSV"),
        (b"user\n" + b"a\n" * 5001, "at most 5000"),
        (b"x" * 500_001, "too large"),
    ],
)
def test_files_that_are_none(data: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        roster.read(data)


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda t: f"user;role\n{t}".encode()),
        st.text(max_size=200).map(lambda t: f"user,groups\n{t}".encode()),
    )
)
def test_nothing_else_comes_of_any_bytes(data: bytes) -> None:
    try:
        found = roster.read(data)
    except Malformed:
        return
    again = roster.read(roster.as_csv(found).encode())
    assert (again.people, again.groups) == (found.people, found.groups)
    for name in found.people:
        assert name.isprintable()
        assert "/" not in name


def test_the_plan() -> None:
    enrolled = of(teacher=INSTRUCTOR, helper=STUDENT, student1=STUDENT, gone=STUDENT)
    found = roster.Roster({"student1": STUDENT, "helper": ASSISTANT, "new": STUDENT})
    kept = roster.plan(found, enrolled, remove=False)
    assert kept.steps == (Step("new", None, STUDENT), Step("helper", STUDENT, ASSISTANT))
    assert (kept.unchanged, kept.problems) == (1, ())
    assert [each.user for each in kept.kept] == ["teacher", "gone"]
    removing = roster.plan(found, enrolled, remove=True)
    assert removing.steps[2:] == (Step("teacher", INSTRUCTOR, None), Step("gone", STUDENT, None))
    assert removing.problems == ("The course would be left without an instructor.",)
    assert removing.kept == ()


def test_the_basis_is_all_that_the_plan_comes_from() -> None:
    found, enrolled = roster.Roster(BOTH), of(teacher=INSTRUCTOR, student1=STUDENT)
    first = roster.plan(found, enrolled, remove=False).basis
    assert roster.plan(found, enrolled[::-1], remove=False).basis == first
    others = {
        roster.plan(found, enrolled, remove=True).basis,
        roster.plan(found, enrolled[:1], remove=False).basis,
        roster.plan(found, of(teacher=INSTRUCTOR, student1=ASSISTANT), remove=False).basis,
        roster.plan(roster.Roster({"x": STUDENT}), enrolled, remove=False).basis,
    }
    assert len(others | {first}) == 5


def test_groups() -> None:
    data = b"user,groups\nstudent1,lab 1; lab 2;lab 1\nstudent2,\nstudent3,lab 2\n"
    found = roster.read(data)
    assert found.groups == {"student1": ("lab 1", "lab 2"), "student2": (), "student3": ("lab 2",)}
    enrolled = of(teacher=INSTRUCTOR, student1=STUDENT, student2=STUDENT, other=STUDENT)
    groups = [Group("lab 1", ("gone", "other", "student2")), Group("lab 3", ("other",))]
    plan = roster.plan(found, enrolled, groups, remove=False)
    assert plan.groups == (
        GroupStep("lab 1", False, ("student1",), ("student2",), ("other", "student1")),
        GroupStep("lab 2", True, ("student1", "student3"), (), ("student1", "student3")),
    )
    assert plan.basis != roster.plan(found, enrolled, groups[:1], remove=False).basis
    assert roster.plan(found, enrolled, groups, remove=True).groups[0].members == ("student1",)
    silent = roster.plan(roster.Roster(found.people), enrolled, groups, remove=False)
    assert silent.groups == ()
    assert (
        roster.read(b"user,groups\nstudent1," + b"x" * 65 + b"\n").problems[0].startswith("Line 2")
    )


def test_a_name_in_other_letters() -> None:
    plan = roster.plan(roster.Roster({"Student1": STUDENT}), of(student1=STUDENT), remove=False)
    assert plan.problems == ("Student1 is enrolled as student1: write the name so.",)

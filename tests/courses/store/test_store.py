"""What the store remembers, and that it does not forget."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from classroom_kit import NOW, course, enrol, put

from courses import receipts
from courses.course import Assignment, Role
from courses.errors import CatalogueError, NotFound
from courses.grades import Grading, Limits
from courses.store import Store, access, people, releases, submissions
from courses.store.audit import changes
from courses.store.courses import find_assignment, get_course
from courses.submissions import Feedback, PackedFile, content_of

FILES = (PackedFile("a.ipynb", 2, "f" * 64),)
LENSES = course().assignments[0]


def submit(store: Store, user: str = "ben", at: object = NOW) -> str:
    signer = store.keys.signer
    with store.writing() as session:
        text = submissions.record(
            session, "optics", LENSES, user=user, at=at, files=FILES, signer=signer
        )
    return receipts.read(text).receipt.id


def test_a_course_comes_and_changes(store: Store) -> None:
    assert put(store, course()) == [
        "course optics is new",
        *(f"assignment {name} is new" for name in ("lenses", "mirrors", "prisms", "lasers")),
    ]
    assert put(store, course()) == []
    lenses, _, prisms, lasers = course().assignments
    grading = Grading(("numpy",), 1, Limits(seconds=5.0, memory_bytes=10**10), True, False, 62.5)
    new = Assignment("waves", "Waves", grading=grading)
    changed = course(assignments=(new, replace(lenses, title="Glass"), lasers, prisms))
    assert put(store, changed, content="d") == [
        "assignment waves is new",
        "assignment lenses changes",
        "assignment mirrors is withdrawn; what was handed in is kept",
    ]
    with store.reading() as session:
        assert get_course(session, "optics") == changed
        with pytest.raises(NotFound):
            find_assignment(session, "optics", "mirrors")
    assert put(store, course(), content="c") == [
        "assignment lenses changes",
        "assignment mirrors is back",
        "assignment waves is withdrawn; what was handed in is kept",
    ]


def test_the_record_tells_what_a_course_says_of_grading(store: Store) -> None:
    grading = Grading(limits=Limits(cell_seconds=5.0), pass_percent=40.0)
    put(store, course(assignments=(replace(LENSES, grading=grading),)))
    put(store, course(assignments=(replace(LENSES, grading=Grading()),)), content="d")
    with store.reading() as session:
        told = [(each.before, each.after) for each in changes(session, "optics")]
    said = {"cell_seconds": 5.0, "pass_percent": 40.0}
    ((_, first), (before, after)) = sorted(told, key=lambda each: bool(each[0]))
    assert first is not None
    assert before is not None
    assert after is not None
    assert [each["lenses"]["grading"] for each in (first, before, after)] == [said, said, {}]


def test_submissions_outlive_their_assignment(store: Store) -> None:
    put(store, course())
    submission = submit(store)
    put(store, course(assignments=()), content="d")
    with store.reading() as session:
        assert submissions.find(session, "optics", submission).receipt.assignment == "lenses"


def test_what_was_handed_in_goes_with_a_new_name(store: Store) -> None:
    put(store, course())
    submission = submit(store)
    first, *others = course().assignments
    renamed = course(assignments=(replace(first, name="glass", was="lenses"), *others))
    changes = ["assignment lenses is called glass now, with all that was handed in"]
    assert put(store, renamed, content="d") == changes
    assert put(store, renamed, content="d") == []
    with store.reading() as session:
        assert submissions.find(session, "optics", submission).receipt.assignment == "glass"
        assert [each.name for each in get_course(session, "optics").assignments] == [
            *("glass", "mirrors", "prisms", "lasers"),
        ]
    taken = course(assignments=(replace(others[0], was="glass"), replace(first, name="glass")))
    with pytest.raises(CatalogueError, match="glass cannot become mirrors, since there is"):
        put(store, taken, content="e")


def test_enrolment(store: Store) -> None:
    put(store, course())
    enrol(store, "optics", ben="student", ada="instructor")
    with store.reading() as session:
        assert access.role_of(session, "optics", "ben") is Role.STUDENT
        assert access.role_of(session, "optics", "dan") is None
        assert access.role_of(session, "nope", "ben") is None
        assert [each.user for each in people.people(session, "optics")] == ["ada", "ben"]
        assert people.courses_of(session, "ada") == [(course(), Role.INSTRUCTOR)]
    enrol(store, "optics", ben="instructor")
    with store.reading() as session:
        assert access.role_of(session, "optics", "ben") is Role.INSTRUCTOR


def test_a_receipt_keeps_the_deadline_it_was_under(store: Store) -> None:
    put(store, course())
    submission = submit(store)
    earlier = replace(LENSES, due=NOW - timedelta(days=1))
    put(store, course(assignments=(earlier,)), content="d")
    with store.reading() as session:
        receipt = submissions.find(session, "optics", submission).receipt
    assert (receipt.due, receipt.on_time) == (LENSES.due, True)


def test_times_of_one_person_always_grow(store: Store) -> None:
    """Also when the clock is set back: nbgrader tells submissions apart by their time."""
    put(store, course())
    for at in (NOW, NOW, NOW - timedelta(hours=1)):
        submit(store, at=at)
    submit(store, user="cleo", at=NOW)
    with store.reading() as session:
        found = submissions.of_course(session, "optics", user="ben")
    assert [each.receipt.timestamp - NOW for each in found] == [
        timedelta(microseconds=count) for count in range(3)
    ]


def test_every_change_has_its_audit_row(store: Store) -> None:
    put(store, course())
    enrol(store, "optics", ben="student")
    with store.writing() as session:
        releases.release(session, "optics", "lenses", "r" * 64, actor="ada", at=NOW)
        releases.remember_fetch(session, "optics", "lenses", "ben", NOW)
    submission = submit(store)
    with store.writing() as session:
        feedback = Feedback(NOW, "b" * 64, 1.0, 2.0)
        submissions.put_feedback(session, "optics", submission, feedback, actor="ada")
        releases.withdraw(session, "optics", "lenses", actor="ada", at=NOW)
    with store.reading() as session:
        found = [(each.actor, each.action, each.detail) for each in changes(session, "optics")]
    new = ["course optics is new"]
    new += [f"assignment {each.name} is new" for each in course().assignments]
    release = {"assignment": "lenses", "sha256": "r" * 64}
    assert found == [
        ("test", "sync", {"content": "c", "revision": "", "changes": new}),
        ("test", "enrol", {"user": "ben", "role": "student"}),
        ("ada", "release", release),
        ("ben", "fetch", {"assignment": "lenses"}),
        ("ben", "submit", {"assignment": "lenses", "id": submission, "content": content_of(FILES)}),
        (
            "ada",
            "feedback",
            {
                "assignment": "lenses",
                "id": submission,
                "user": "ben",
                "sha256": "b" * 64,
                "score": 1.0,
                "max_score": 2.0,
            },
        ),
        ("ada", "withdraw", release),
    ]


def test_a_change_that_fails_leaves_no_audit(store: Store) -> None:
    put(store, course())

    def fails() -> None:
        with store.writing() as session:
            releases.release(session, "optics", "lenses", "r" * 64, actor="ada", at=NOW)
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    with store.reading() as session:
        assert releases.releases(session, "optics") == {}
        assert [each.action for each in changes(session, "optics")] == ["sync"]

"""A person leaves: what goes, what stays, and what the record calls the person then."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from classroom_kit import LATER, NOW, course, enrol, put
from sqlalchemy import text

from courses.announcements import Text
from courses.receipts import Signer
from courses.store import Store, announcements, complaints, deadlines, groups, persons
from courses.store import submissions as rows
from courses.store.audit import changes, naming
from courses.submissions import Feedback, PackedFile

FILES = (PackedFile("a.ipynb", 2, "f" * 64),)
ASSIGNMENTS = {each.name: each for each in course().assignments}


@pytest.fixture
def signer(store: Store) -> Signer:
    return store.keys.signer


@pytest.fixture
def work(store: Store, signer: Signer) -> dict[str, str]:
    """Hand-ins of student1 and student2, by assignment and person, with feedback."""
    put(store, course())
    enrol(store, "optics", student1="student", student2="student", instructor="instructor")
    found = {}
    with store.writing() as session:
        groups.put_group(
            session, "optics", "lab", ["student1", "student2"], actor="instructor", at=NOW
        )
        for minute, (name, user) in enumerate(
            (name, user) for name in ("lenses", "prisms") for user in ("student1", "student2")
        ):
            receipt = rows.record(
                session,
                "optics",
                ASSIGNMENTS[name],
                user=user,
                at=NOW + timedelta(minutes=minute),
                files=FILES,
                signer=signer,
            )
            found[f"{name} {user}"] = json.loads(receipt)["id"]
            feedback = Feedback(NOW, "b" * 64, 1.0, 2.0)
            rows.put_feedback(
                session, "optics", found[f"{name} {user}"], feedback, actor="instructor"
            )
    return found


def everything(store: Store) -> str:
    """All that the database has, as text."""
    with store.engine.connect() as connection:
        from courses.store.migrations.tables import metadata

        return "\n".join(
            str(row)
            for table in metadata.sorted_tables
            for row in connection.execute(text(f'SELECT * FROM "{table.name}"'))
        )


def forget(store: Store, user: str) -> persons.Forgotten:
    with store.writing() as session:
        return persons.forget(session, user, actor="operator", at=NOW)


def test_nothing_names_a_person_who_is_forgotten(store: Store, work: dict[str, str]) -> None:
    assert "student1" in everything(store)
    done = forget(store, "student1")
    assert (done.submissions, done.enrolments, done.kept) == (2, 1, [])
    left = everything(store)
    assert "student1" not in left
    assert "student2" in left
    with store.reading() as session:
        assert {each.receipt.user for each in rows.of_course(session, "optics")} == {"student2"}
        actions = [each.action for each in naming(session, done.called)]
    assert actions == ["enrol", "submit", "feedback", "submit", "feedback", "forget"]


def test_the_record_keeps_that_it_happened_and_not_what_it_said(
    store: Store, work: dict[str, str]
) -> None:
    done = forget(store, "student1")
    with store.reading() as session:
        found = [each for each in changes(session, "optics") if each.subject == done.called]
    assert {(each.action, each.before is None, each.after is None) for each in found} == {
        (action, True, True) for action in ("enrol", "submit", "feedback", "forget")
    }
    assert {each.actor for each in found} == {"test", done.called, "instructor", "operator"}


def test_an_open_complaint_keeps_what_it_needs(store: Store, work: dict[str, str]) -> None:
    with store.writing() as session:
        complaint = complaints.complain(
            session, "optics", work["lenses student1"], "Task 2.", user="student1", at=NOW
        )
    done = forget(store, "student1")
    assert (done.submissions, done.kept) == (1, [("optics", "lenses")])
    with store.reading() as session:
        (kept,) = rows.of_course(session, "optics", user="student1")
        assert (kept.receipt.id, kept.feedback is not None) == (work["lenses student1"], True)
        assert [each.subject for each in changes(session, "optics")].count("student1") > 0
    with store.writing() as session:
        complaints.answer(session, "optics", complaint.id, "No.", actor="instructor", at=NOW)
    again = forget(store, "student1")
    assert (again.submissions, again.kept) == (1, [])
    assert "student1" not in everything(store)


def test_staff_who_is_forgotten_leaves_the_work_of_others(
    store: Store, work: dict[str, str]
) -> None:
    with store.writing() as session:
        announcements.announce(
            session, "optics", Text("Hello", "", None), actor="instructor", at=NOW
        )
        deadlines.extend(
            session,
            "optics",
            "lenses",
            user="student2",
            due=LATER + timedelta(days=1),
            reason="ill",
            actor="instructor",
            at=NOW,
        )
    done = forget(store, "instructor")
    assert "'instructor'" not in everything(store).replace("'role': 'instructor'", "")
    with store.reading() as session:
        (said,) = announcements.current(session, "optics", NOW)
        scores = [
            each.after["score"] for each in changes(session, "optics") if each.action == "feedback"
        ]
    assert said.author == done.called
    assert scores == [1.0] * 4


def test_somebody_who_was_never_here(store: Store, work: dict[str, str]) -> None:
    before = everything(store)
    assert forget(store, "student9").called == ""
    assert everything(store) == before

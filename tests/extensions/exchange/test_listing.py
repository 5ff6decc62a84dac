"""The keys and values that nbgrader 0.9.6's pages read (server_extensions/assignment_list)."""

from datetime import UTC, datetime

import pytest
from extensions.exchange.sessions import names

from courses.course import Assignment
from courses.grades import Grading, Reason, State
from courses.store import checks, submissions
from courses.submissions import Feedback
from lesesal_notebook.exchange.listing import ExchangeList
from lesesal_notebook.exchange.student import (
    ExchangeFetchAssignment,
    ExchangeFetchFeedback,
    ExchangeSubmit,
)

DUE = datetime(2031, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def hacker(room, released, desk):
    room.put(Assignment("ps1", "Problem set 1", due=DUE), Assignment("ps2", "Not released"))
    return desk("hacker")


def test_released_then_fetched(room, hacker, caplog):
    ps1 = hacker.session.home / "ps1"
    entry = {
        "course_id": room.course,
        "assignment_id": "ps1",
        "status": "released",
        "path": str(ps1),
        "notebooks": [],
        "title": "Problem set 1",
        "due": "2031-01-31 12:00:00 UTC",
        "deadline": {
            "due": "2031-01-31T12:00:00+00:00",
            "extended": False,
            "late": "accept",
            "penalty_per_day": 0.0,
            "grace_minutes": 0,
        },
    }
    assert hacker.run(ExchangeList) == [entry]
    hacker.run(ExchangeFetchAssignment, "ps1")
    notebooks = [
        {"notebook_id": name, "path": str(ps1 / f"{name}.ipynb")}
        for name in ("problem1", "problem2")
    ]
    fetched = {**entry, "status": "fetched", "notebooks": notebooks}
    assert hacker.run(ExchangeList) == [fetched]
    assert f"{room.course} ps1 due 2031-01-31 12:00:00 UTC (already downloaded)" in caplog.text
    everywhere = hacker.run(ExchangeList, course="")
    assert [x for x in everywhere if x["course_id"] == room.course] == [fetched]
    # Another course's ps1 would lie in the same folder.
    assert all(x["status"] == "released" for x in everywhere if x["course_id"] != room.course)
    assert hacker.run(ExchangeList, "ps9") == []
    assert hacker.run(ExchangeList, "*") == [fetched]


def test_staff_sees_as_released_what_is_released(released, hacker):
    assert [entry["assignment_id"] for entry in released.run(ExchangeList)] == ["ps1"]


def give_feedback(room, when, html=b"good"):
    import io
    import zipfile

    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("problem1.html", html)
    with room.store.blobs.incoming(10_000) as incoming:
        incoming.write(made.getvalue())
        blob = incoming.keep()
    with room.store.writing() as session:
        [one] = submissions.of_course(session, room.course)
        submissions.put_feedback(
            session,
            room.course,
            one.receipt.id,
            Feedback(when, blob.sha256, 3.5, 4.0),
            actor="grace",
        )


def test_submitted_then_feedback_then_newer_feedback(room, hacker, caplog):
    hacker.run(ExchangeFetchAssignment, "ps1")
    submit = hacker.make(ExchangeSubmit, "ps1")
    submit.start()
    submission = {
        "course_id": room.course,
        "student_id": "hacker",
        "assignment_id": "ps1",
        "timestamp": submit.timestamp,
        "status": "submitted",
        "path": None,
        "notebooks": [],
        "has_local_feedback": False,
        "has_exchange_feedback": False,
        "feedback_updated": False,
        "local_feedback_path": None,
        "on_time": True,
        "score": None,
        "max_score": None,
        "check": None,
    }
    entry = {
        "course_id": room.course,
        "student_id": "hacker",
        "assignment_id": "ps1",
        "status": "submitted",
        "submissions": [submission],
    }
    assert hacker.run(ExchangeList, cached=True) == [entry]
    assert f"{room.course} hacker ps1 {submit.timestamp} (no feedback available)" in caplog.text

    give_feedback(room, datetime.now(UTC))
    submission |= {"has_exchange_feedback": True, "score": 3.5, "max_score": 4.0}
    assert hacker.run(ExchangeList, cached=True) == [entry]
    assert "(feedback ready to be fetched) 3.5 of 4 points" in caplog.text

    hacker.run(ExchangeFetchFeedback, "ps1")
    folder = hacker.session.home / "ps1" / "feedback" / submit.timestamp
    submission |= {"has_local_feedback": True, "local_feedback_path": str(folder)}
    assert hacker.run(ExchangeList, cached=True) == [entry]
    assert "(feedback already fetched) 3.5 of 4 points" in caplog.text

    give_feedback(room, datetime.now(UTC), b"better")
    submission |= {"feedback_updated": True}
    assert hacker.run(ExchangeList, cached=True) == [entry]
    hacker.run(ExchangeFetchFeedback, "ps1")
    submission |= {"feedback_updated": False}
    assert hacker.run(ExchangeList, cached=True) == [entry]
    assert (folder / "problem1.html").read_bytes() == b"better"
    assert names(folder.parent) == [submit.timestamp]


def test_what_the_visible_tests_say(room, hacker, caplog):
    lenses = Assignment("ps1", "Problem set 1", grading=Grading(grade_on_submit=True))
    room.put(lenses, Assignment("ps2", "Not released"))
    hacker.run(ExchangeFetchAssignment, "ps1")
    hacker.run(ExchangeSubmit, "ps1")

    def said():
        [entry] = hacker.run(ExchangeList, cached=True)
        return entry["submissions"][0]["check"]

    waiting = {"waiting": True, "passed": 0, "count": 0, "failed": (), "says": ""}
    assert said() == waiting
    assert "visible tests are being run" in caplog.text
    with room.store.writing() as session:
        [one] = submissions.of_course(session, room.course)
        found = checks.Check(
            State.FAILED,
            Reason("cell-timeout", {"notebook": "problem1", "cell": "sum", "seconds": 30}),
            (("squares", True), ("sum", False)),
        )
        checks.put(session, [(one.receipt.id, found)], at=datetime.now(UTC))
    assert said() == {
        "waiting": False,
        "passed": 1,
        "count": 2,
        "failed": ("sum",),
        "says": "It took longer than 30 s in cell sum of problem1.",
    }
    assert "1 of 2 visible tests passed" in caplog.text


def test_inbound_is_everybodys(room, released, hacker, desk):
    bitdiddle = desk("bitdiddle")
    for number, each in enumerate((hacker, bitdiddle, hacker)):
        if not (each.session.home / "ps1").exists():
            each.run(ExchangeFetchAssignment, "ps1")
        # The same files once more would be the same submission.
        (each.session.home / "ps1" / "problem1.ipynb").write_text(str(number))
        each.run(ExchangeSubmit, "ps1")
    found = released.run(ExchangeList, inbound=True)
    assert [(entry["student_id"], len(entry["submissions"])) for entry in found] == [
        ("bitdiddle", 1),
        ("hacker", 2),
    ]
    assert released.run(ExchangeList, cached=True) == []
    assert "incompatible" in released.refused(ExchangeList, cached=True, inbound=True)

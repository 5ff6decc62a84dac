import shutil
from datetime import UTC, datetime, timedelta

import pytest
from extensions.exchange.sessions import names
from nbgrader.api import Gradebook
from nbgrader.utils import parse_utc

from courses.course import Assignment
from courses.store import choices, releases, submissions
from courses.submissions import TaskPoints
from lesesal_notebook.exchange import staff
from lesesal_notebook.exchange.errors import ArchiveError
from lesesal_notebook.exchange.listing import ExchangeList
from lesesal_notebook.exchange.staff import (
    ExchangeCollect,
    ExchangeReleaseAssignment,
    ExchangeReleaseFeedback,
)
from lesesal_notebook.exchange.student import (
    ExchangeFetchAssignment,
    ExchangeFetchFeedback,
    ExchangeSubmit,
)

# nbgrader's own way to make rows.
pytestmark = pytest.mark.filterwarnings("ignore:Object of type")


@pytest.fixture
def students(released, desk, new_gradebook):
    """Both students, with ps1 fetched."""
    both = {name: desk(name) for name in ("bitdiddle", "hacker")}
    for each in both.values():
        each.run(ExchangeFetchAssignment, "ps1")
    shutil.copy(new_gradebook, released.session.course_directory)
    return both


def hand_in(student, text):
    (student.session.home / "ps1" / "problem1.ipynb").write_text(text)
    student.run(ExchangeSubmit, "ps1")


def submitted(grace):
    """What was collected: student -> the text of problem1."""
    folder = grace.session.course_directory / "submitted"
    return {
        path.parts[-3]: path.read_text() for path in sorted(folder.glob("*/ps1/problem1.ipynb"))
    }


def test_releasing_needs_a_generated_assignment_and_force_to_replace(room, released, desk):
    course = released.session.course_directory
    assert "Assignment not found at" in released.refused(ExchangeReleaseAssignment, "ps2")
    (course / "source" / "ps2").mkdir(parents=True)
    assert "run `nbgrader generate_assignment` first" in released.refused(
        ExchangeReleaseAssignment, "ps2"
    )
    (course / "release" / "ps2").mkdir(parents=True)
    (course / "release" / "ps2" / "a.ipynb").touch()
    assert "There is no assignment 'ps2'" in released.refused(ExchangeReleaseAssignment, "ps2")
    assert "add --force" in released.refused(ExchangeReleaseAssignment, "ps1")
    released.run(ExchangeReleaseAssignment, "ps1", force=True)


def test_a_student_can_do_none_of_it(released, desk):
    hacker = desk("hacker")
    (hacker.session.home / "release" / "ps1").mkdir(parents=True)
    for kind, traits in (
        (ExchangeReleaseAssignment, {"force": True}),
        (ExchangeCollect, {}),
        (ExchangeReleaseFeedback, {}),
        (ExchangeList, {"inbound": True}),
        (ExchangeList, {"remove": True}),
    ):
        assert "Only the people who teach" in hacker.refused(kind, "ps1", **traits)


def test_collecting_takes_the_latest_and_updates_when_asked(released, students, caplog):
    students["bitdiddle"].run(ExchangeSubmit, "ps1")
    hand_in(students["bitdiddle"], "second")
    hand_in(students["hacker"], "only")
    released.run(ExchangeCollect, "ps1")
    assert submitted(released) == {"bitdiddle": "second", "hacker": "only"}
    hand_in(students["bitdiddle"], "third")
    released.run(ExchangeCollect, "ps1")
    assert submitted(released)["bitdiddle"] == "second"
    assert "use --update to update: bitdiddle ps1" in caplog.text
    released.run(ExchangeCollect, "ps1", update=True, student="h*")
    assert submitted(released)["bitdiddle"] == "second"
    released.run(ExchangeCollect, "ps1", update=True)
    assert submitted(released) == {"bitdiddle": "third", "hacker": "only"}
    assert "No newer submission to collect: hacker ps1" in caplog.text
    folder = released.session.course_directory / "submitted" / "bitdiddle"
    assert names(folder) == ["ps1"]
    assert names(folder / "ps1") == [
        "data",
        "problem1.ipynb",
        "problem2.ipynb",
        "timestamp.txt",
    ]


def test_collecting_before_the_deadline(room, released, students):
    hour = timedelta(hours=1)
    room.put(Assignment("ps1", "Problem set 1", due=datetime.now(UTC) + hour))
    hand_in(students["hacker"], "in time")
    room.put(Assignment("ps1", "Problem set 1", due=datetime.now(UTC) - hour))
    hand_in(students["hacker"], "late")
    hand_in(students["bitdiddle"], "late too")
    released.run(ExchangeCollect, "ps1", before_duedate=True)
    assert submitted(released) == {"bitdiddle": "late too", "hacker": "in time"}
    released.run(ExchangeCollect, "ps1", update=True)
    assert submitted(released)["hacker"] == "late"
    released.run(ExchangeCollect, "ps1", before_duedate=True)
    assert submitted(released)["hacker"] == "in time"


def test_collecting_takes_the_version_that_the_student_has_named(room, released, students):
    for text in ("first", "second"):
        hand_in(students["hacker"], text)
    released.run(ExchangeCollect, "ps1")
    assert submitted(released) == {"hacker": "second"}
    with room.store.writing() as session:
        first, _ = submissions.of_course(session, room.course)
        choices.choose(session, room.course, first.receipt.id, actor="hacker", at=datetime.now(UTC))
    hand_in(students["hacker"], "third")
    released.run(ExchangeCollect, "ps1")
    assert submitted(released) == {"hacker": "second"}
    released.run(ExchangeCollect, "ps1", update=True)
    assert submitted(released) == {"hacker": "first"}


def test_one_that_can_not_be_unpacked_does_not_stop_the_others(
    released, students, monkeypatch, caplog
):
    hand_in(students["bitdiddle"], "bad")
    hand_in(students["hacker"], "good")
    unpack, calls = staff.extract, []

    def extract(archive, into, **options):
        calls.append(into)
        if len(calls) == 1:
            (into / "half").touch()
            raise ArchiveError("The archive is damaged.")
        return unpack(archive, into, **options)

    monkeypatch.setattr(staff, "extract", extract)
    assert released.refused(ExchangeCollect, "ps1") == (
        "1 of 2 could not be done, the others were: bitdiddle. The log says why."
    )
    assert "bitdiddle: The archive is damaged." in caplog.text
    assert submitted(released) == {"hacker": "good"}
    assert not (released.session.course_directory / "submitted" / "bitdiddle").exists()


def graded(grace, student, points, penalty=0.0):
    """Leave what autograde and generate_feedback leave: a gradebook entry and HTML."""
    course = grace.session.course_directory
    stamp = (course / "submitted" / student / "ps1" / "timestamp.txt").read_text()
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", grace.session.course) as gradebook:
        gradebook.update_or_create_assignment("ps1")
        gradebook.update_or_create_notebook("problem1", "ps1")
        gradebook.update_or_create_grade_cell(
            "q1", "problem1", "ps1", max_score=4.0, cell_type="code"
        )
        gradebook.update_or_create_student(student)
        gradebook.update_or_create_submission("ps1", student, timestamp=parse_utc(stamp))
        grade = gradebook.find_grade("q1", "problem1", "ps1", student)
        grade.auto_score = points
        grade.notebook.late_submission_penalty = penalty
        gradebook.db.commit()
    feedback = course / "feedback" / student / "ps1"
    feedback.mkdir(parents=True, exist_ok=True)
    (feedback / "problem1.html").write_text(f"{points} points")
    (feedback / "data.csv").touch()
    (feedback / "timestamp.txt").write_text(stamp)


def feedback_of(room):
    with room.store.reading() as session:
        return [
            (each.receipt.user, each.feedback and (each.feedback.score, each.feedback.max_score))
            for each in submissions.of_course(session, room.course)
        ]


def test_feedback_goes_to_the_submission_that_was_graded(room, released, students, caplog):
    hand_in(students["hacker"], "graded")
    hand_in(students["bitdiddle"], "graded")
    released.run(ExchangeCollect, "ps1")
    graded(released, "hacker", 3.0, penalty=1.0)
    graded(released, "bitdiddle", 4.0)
    hand_in(students["hacker"], "newer, not graded")
    released.run(ExchangeReleaseFeedback, "ps1", student="hacker")
    assert feedback_of(room) == [("hacker", (2.0, 4.0)), ("bitdiddle", None), ("hacker", None)]
    released.run(ExchangeReleaseFeedback, "ps1")
    assert feedback_of(room) == [
        ("hacker", (2.0, 4.0)),
        ("bitdiddle", (4.0, 4.0)),
        ("hacker", None),
    ]
    assert "Feedback for student 'hacker' is released already" in caplog.text
    with room.store.reading() as session:
        [_, bitdiddle, _] = submissions.of_course(session, room.course)
    assert bitdiddle.feedback.tasks == (TaskPoints("q1", 4.0, 4.0),)
    hacker = students["hacker"]
    hacker.run(ExchangeFetchFeedback, "ps1")
    [folder] = (hacker.session.home / "ps1" / "feedback").iterdir()
    assert names(folder) == [".released", ".tasks.json", "problem1.html"]
    assert (folder / "problem1.html").read_text() == "3.0 points"
    assert "(2 of 4 points)" in caplog.text


def test_feedback_and_score_must_be_of_one_submission(room, released, students, caplog):
    hand_in(students["hacker"], "first")
    released.run(ExchangeCollect, "ps1")
    graded(released, "hacker", 3.0)
    course = released.session.course_directory
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", room.course) as gradebook:
        gradebook.update_or_create_submission(
            "ps1", "hacker", timestamp=parse_utc("2015-02-02 15:58 UTC")
        )
    assert "1 of 1 could not be done" in released.refused(ExchangeReleaseFeedback, "ps1")
    assert "the score of another submission" in caplog.text
    (course / "feedback" / "hacker" / "ps1" / "timestamp.txt").write_text("2015-02-02 15:58 UTC")
    released.run(ExchangeReleaseFeedback, "ps1")
    assert "hacker has no submission of 2015-02-02 15:58:00+00:00 in the classroom" in caplog.text
    assert feedback_of(room) == [("hacker", None)]


def test_a_release_can_be_taken_back_and_submissions_can_not(room, released, students):
    hand_in(students["hacker"], "kept")
    assert "can't be removed" in released.refused(ExchangeList, "ps1", remove=True, inbound=True)
    [info] = released.run(ExchangeList, "ps1", remove=True)
    assert (info["assignment_id"], info["status"]) == ("ps1", "removed")
    assert released.run(ExchangeList) == []
    with room.store.reading() as session:
        assert releases.releases(session, room.course) == {}
    assert len(feedback_of(room)) == 1

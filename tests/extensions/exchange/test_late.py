"""Late work in nbgrader's gradebook: real collecting and autograding, by the classroom's rule."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from courses.course import Assignment, LateRule
from courses.store import deadlines, groups
from lesesal_notebook.exchange.staff import ExchangeCollect
from lesesal_notebook.exchange.student import ExchangeFetchAssignment, ExchangeSubmit

STUDENTS = ("bitdiddle", "hacker", "student1", "student2")
PENALTIES = """
select submitted_assignment.student_id, submitted_notebook.late_submission_penalty
from submitted_notebook
join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id
"""


def write_source(folder):
    """One notebook that is worth 4 points, all of which everybody gets."""
    marks = {"schema_version": 3, "locked": True, "task": False}
    cells = [
        new_code_cell(
            "assert True",
            metadata={
                "nbgrader": marks
                | {"grade_id": "q1", "grade": True, "solution": False, "points": 4}
            },
        )
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    folder.mkdir(parents=True)
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / "problem1.ipynb")


def extend(room, due, user="", group=""):
    with room.store.writing() as session:
        deadlines.extend(
            session,
            room.course,
            "ps1",
            user=user,
            group=group,
            due=due,
            reason="ill",
            actor="grace",
            at=datetime.now(UTC),
        )


def penalty(due):
    rule = {"late": LateRule.PENALTY, "penalty_per_day": 0.1, "grace_minutes": 15}
    return Assignment("ps1", "Problem set 1", due, **rule)


@pytest.mark.slow
def test_autograding_takes_off_what_the_course_says(room, desk):
    grace = desk("grace")
    course = grace.session.course_directory
    write_source(course / "source" / "ps1")
    grace.session.nbgrader("generate_assignment ps1 --create", "release_assignment ps1")
    for name in STUDENTS:
        student = desk(name)
        student.run(ExchangeFetchAssignment, "ps1")
        student.run(ExchangeSubmit, "ps1")

    now, hour = datetime.now(UTC), timedelta(hours=1)
    # The gradebook knows of no deadline: course.toml got one after it was made.
    room.put(penalty(now - 30 * hour))
    extend(room, now - 20 * hour, user="hacker")
    extend(room, now - timedelta(minutes=5), user="student1")
    with room.store.writing() as session:
        groups.put_group(session, room.course, "lab", ["student2"], actor="grace", at=now)
    extend(room, now + hour, group="lab")

    def penalties():
        with sqlite3.connect(course / "gradebook.db") as gradebook:
            return dict(gradebook.execute(PENALTIES).fetchall())

    log = grace.session.nbgrader("collect ps1", "autograde ps1 --create")
    assert "The gradebook's deadline of ps1 is the course's now" in log
    assert penalties() == {
        "bitdiddle": pytest.approx(0.8),  # two started days of four points
        "hacker": pytest.approx(0.4),  # one, after the extension
        "student1": None,  # in the grace of the extension
        "student2": None,  # before the group's extension
    }

    extend(room, now + hour, user="bitdiddle")
    grace.session.nbgrader("collect ps1", "autograde ps1 --force --student bitdiddle")
    assert penalties()["bitdiddle"] is None
    assert penalties()["hacker"] == pytest.approx(0.4)


def test_collecting_notes_lateness_out_of_reach_of_what_is_handed_in(room, released, desk):
    hacker = desk("hacker")
    hacker.run(ExchangeFetchAssignment, "ps1")
    forged = hacker.session.home / "ps1" / "late"
    forged.mkdir()
    (forged / "ps1.json").write_text("{}")
    hacker.run(ExchangeSubmit, "ps1")
    room.put(penalty(datetime.now(UTC) - timedelta(hours=30)))
    released.run(ExchangeCollect, "ps1")
    path = released.session.course_directory / ".lesesal" / "late" / "ps1.json"
    [(timestamp, found)] = json.loads(path.read_text())["hacker"].items()
    assert (found["days"], found["penalty"]) == (2, 0.2)
    collected = released.session.course_directory / "submitted" / "hacker" / "ps1"
    stamp = (collected / "timestamp.txt").read_text()
    assert datetime.fromisoformat(timestamp).strftime("%Y-%m-%d %H:%M:%S.%f UTC") == stamp


def test_before_the_deadline_means_the_persons_own(room, released, desk):
    hacker = desk("hacker")
    hacker.run(ExchangeFetchAssignment, "ps1")
    hour = timedelta(hours=1)
    notebook = hacker.session.home / "ps1" / "problem1.ipynb"

    def collected():
        released.run(ExchangeCollect, "ps1", before_duedate=True)
        folder = released.session.course_directory / "submitted" / "hacker" / "ps1"
        return (folder / "problem1.ipynb").read_text()

    for text, due in (("in time", hour), ("late", -hour)):
        room.put(Assignment("ps1", "Problem set 1", due=datetime.now(UTC) + due))
        notebook.write_text(text)
        hacker.run(ExchangeSubmit, "ps1")
    assert collected() == "in time"
    extend(room, datetime.now(UTC) + hour, user="hacker")
    assert collected() == "late"

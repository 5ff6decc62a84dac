"""nbgrader's own example, with its sample submissions, all the way through our exchange."""

import json
import re
import shutil
import sqlite3

import pytest
from extensions.exchange.sessions import PYTHON

STUDENTS = ("bitdiddle", "hacker")
SCORES = """
select student_id, assignment.name, notebook.name, base_cell.name,
       auto_score, manual_score, coalesce(grade_cells.max_score, task_cells.max_score)
from grade
join base_cell on base_cell.id = grade.cell_id
left join grade_cells on grade_cells.id = base_cell.id
left join task_cells on task_cells.id = base_cell.id
join submitted_notebook on submitted_notebook.id = grade.notebook_id
join notebook on notebook.id = submitted_notebook.notebook_id
join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id
join assignment on assignment.id = submitted_assignment.assignment_id
order by 1, 2, 3, 4
"""


@pytest.fixture
def guide():
    found = PYTHON.parents[1].glob("lib/*/site-packages/nbgrader/docs/source/user_guide")
    return next(found)


def make_course(folder, guide):
    folder.mkdir(parents=True)
    shutil.copytree(guide / "source" / "ps1", folder / "source" / "ps1")
    shutil.copy(guide / "source" / "header.ipynb", folder / "source")
    (folder / "nbgrader_config.py").write_text(
        "c = get_config()\nc.IncludeHeaderFooter.header = 'source/header.ipynb'\n"
    )


def scores(course):
    with sqlite3.connect(course / "gradebook.db") as gradebook:
        return gradebook.execute(SCORES).fetchall()


def stock(session, guide, folder):
    """The same submissions in a course of stock nbgrader, with no classroom in sight."""
    make_course(folder, guide)
    shutil.copytree(guide / "submitted", folder / "submitted")
    commands = ("generate_assignment ps1 --create", "autograde ps1 --create")
    session.nbgrader(*commands, cwd=folder, stock=True)
    return scores(folder)


@pytest.mark.slow
def test_ps1_travels_the_whole_way(room, guide, tmp_path):
    grace = room.session("grace")
    students = {name: room.session(name) for name in STUDENTS}
    course = grace.course_directory
    make_course(course, guide)

    log = grace.nbgrader("generate_assignment ps1 --create", "release_assignment ps1", "list")
    assert f"Released as: {room.course} ps1" in log

    for name, student in students.items():
        student.nbgrader("fetch_assignment ps1")
        assert sorted(x.name for x in (student.home / room.course / "ps1").iterdir()) == [
            ".lesesal",
            "jupyter.png",
            "problem1.ipynb",
            "problem2.ipynb",
        ]
        shutil.copytree(
            guide / "submitted" / name / "ps1",
            student.home / room.course / "ps1",
            dirs_exist_ok=True,
        )
        log = student.nbgrader("submit ps1", "list --cached")
        assert re.search(r"Receipt: received \S+ \S+ UTC, no deadline, receipt [0-9a-f]{16}", log)
        [receipt] = (student.home / room.course / "ps1" / ".lesesal" / "receipts").iterdir()
        assert [x["path"] for x in json.loads(receipt.read_text())["files"]] == [
            "jupyter.png",
            "problem1.ipynb",
            "problem2.ipynb",
            "timestamp.txt",
        ]

    log = grace.nbgrader(
        "list --inbound",
        "collect ps1",
        "autograde ps1 --create",
        "generate_feedback ps1",
        "release_feedback ps1",
        "collect ps1 --update",
    )
    assert "No newer submission to collect: bitdiddle ps1" in log
    ours = scores(course)
    assert len(ours) > 10
    assert ours == stock(grace, guide, tmp_path / "stock")

    for name, student in students.items():
        log = student.nbgrader("fetch_feedback ps1", "list --cached")
        stamp = (course / "submitted" / name / "ps1" / "timestamp.txt").read_text()
        folder = student.home / room.course / "ps1" / "feedback" / stamp
        assert sorted(x.name for x in folder.iterdir()) == [
            ".released",
            ".tasks.json",
            "problem1.html",
            "problem2.html",
        ]
        for page in folder.glob("*.html"):
            graded = course / "feedback" / name / "ps1" / page.name
            assert page.read_bytes() == graded.read_bytes()
        points = sum(row[4] or 0 for row in ours if row[0] == name)
        worth = sum(row[6] for row in ours if row[0] == name)
        assert f"(feedback already fetched) {points:g} of {worth:g} points" in log

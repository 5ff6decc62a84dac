import json
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from extensions.exchange.sessions import names
from requests.adapters import HTTPAdapter

from courses.course import Assignment, LateRule
from courses.store import submissions
from lesesal_notebook.exchange import student
from lesesal_notebook.exchange.staff import ExchangeReleaseAssignment
from lesesal_notebook.exchange.student import (
    ExchangeFetchAssignment,
    ExchangeFetchFeedback,
    ExchangeSubmit,
)

FILES = ["data", "data/points.csv", "problem1.ipynb", "problem2.ipynb"]


def tree(folder):
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return sorted(name for name in found if not name.startswith(".lesesal"))


def handed_in(room):
    with room.store.reading() as session:
        return submissions.of_course(session, room.course)


@pytest.fixture
def bitdiddle(released, desk):
    """A student who has fetched ps1."""
    person = desk("bitdiddle")
    person.run(ExchangeFetchAssignment, "ps1")
    return person


def test_fetching_gives_a_folder_and_never_overwrites(released, bitdiddle):
    ps1 = bitdiddle.session.home / "ps1"
    assert tree(ps1) == FILES
    assert "already have a copy" in bitdiddle.refused(ExchangeFetchAssignment, "ps1")
    (ps1 / "problem1.ipynb").write_text("my work")
    (ps1 / "problem2.ipynb").unlink()
    (ps1 / "data" / "points.csv").unlink()
    (ps1 / "data").rmdir()
    bitdiddle.run(ExchangeFetchAssignment, "ps1", replace_missing_files=True)
    assert tree(ps1) == FILES
    assert (ps1 / "problem1.ipynb").read_text() == "my work"
    assert names(bitdiddle.session.home) == ["ps1"]


def test_with_the_course_in_the_path(room, released, desk):
    hacker = desk("hacker")
    hacker.run(ExchangeFetchAssignment, "ps1", path_includes_course=True)
    assert tree(hacker.session.home / room.course / "ps1") == FILES
    hacker.run(ExchangeSubmit, "ps1", path_includes_course=True)


def test_what_is_not_released_can_not_be_fetched(room, released, desk):
    room.put(Assignment("ps1", "One"), Assignment("ps2", "Two"))
    hacker = desk("hacker")
    assert hacker.refused(ExchangeFetchAssignment, "ps2") == (
        f"{room.course} has no released assignment named 'ps2'. Did you mean ps1?"
    )
    for name in ("../ps1", "/etc", ""):
        assert "no released assignment" in hacker.refused(ExchangeFetchAssignment, name)
    assert "There is no course 'else'" in hacker.refused(
        ExchangeFetchAssignment, "ps1", course="else"
    )
    assert names(hacker.session.home) == []


def test_submitting_gives_a_receipt_that_is_kept_and_not_submitted(room, bitdiddle, caplog):
    room.put(Assignment("ps1", "One", due=datetime.now(UTC) + timedelta(hours=1)))
    ps1 = bitdiddle.session.home / "ps1"
    (ps1 / "feedback").mkdir()
    (ps1 / "feedback" / "old.html").touch()
    (ps1 / "secret").symlink_to("/etc/passwd")
    for text in ("first", "second", "second"):
        (ps1 / "problem1.ipynb").write_text(text)
        submit = bitdiddle.make(ExchangeSubmit, "ps1")
        submit.start()
    assert caplog.text.count("These files were handed in before") == 1
    first, second = handed_in(room)
    expected = ["data/points.csv", "problem1.ipynb", "problem2.ipynb"]
    assert sorted(file.path for file in second.receipt.files) == expected
    kept = sorted((ps1 / ".lesesal" / "receipts").iterdir())
    assert [json.loads(path.read_text())["id"] for path in kept] == [
        first.receipt.id,
        second.receipt.id,
    ]
    assert re.search(
        r"Receipt: received [\d-]+ [\d:]+ UTC, before the deadline, receipt [0-9a-f]+", caplog.text
    )
    assert f"Left out {ps1 / 'secret'}: it is a link" in caplog.text
    assert submit.timestamp == second.receipt.timestamp.strftime("%Y-%m-%d %H:%M:%S.%f UTC")


def test_missing_notebooks(room, bitdiddle, caplog):
    ps1 = bitdiddle.session.home / "ps1"
    (ps1 / "problem2.ipynb").rename(ps1 / "notes.ipynb")
    assert bitdiddle.refused(ExchangeSubmit, "ps1", strict=True) == (
        "Assignment ps1 not submitted. There are missing notebooks for the submission:\n"
        "Expected:\n\tproblem1.ipynb: FOUND\n\tproblem2.ipynb: MISSING\n"
        "Submitted:\n\tnotes.ipynb: EXTRA\n\tproblem1.ipynb: OK"
    )
    assert handed_in(room) == []
    (ps1 / ".lesesal" / "release.json").unlink()
    bitdiddle.run(ExchangeSubmit, "ps1")
    assert "Possible missing notebooks" in caplog.text
    assert len(handed_in(room)) == 1


def test_too_late_too_large_not_there(room, bitdiddle):
    yesterday = datetime.now(UTC) - timedelta(days=1)
    room.put(Assignment("ps1", "Problem set 1", due=yesterday, late=LateRule.REFUSE))
    assert "does not take late work" in bitdiddle.refused(ExchangeSubmit, "ps1")
    room.put(Assignment("ps1", "Problem set 1", max_bytes=1000))
    big = bitdiddle.session.home / "ps1" / "big.bin"
    big.write_bytes(os.urandom(2000))
    assert "holds more than" in bitdiddle.refused(ExchangeSubmit, "ps1")
    big.unlink()
    assert "There is no folder" in bitdiddle.refused(ExchangeSubmit, "ps2")
    assert handed_in(room) == []


def test_nobody_hands_in_for_another_or_to_another_course(room, bitdiddle):
    assert "can't act for hacker" in bitdiddle.refused(ExchangeSubmit, "ps1", student="hacker")
    note = bitdiddle.session.home / "ps1" / ".lesesal" / "release.json"
    note.write_text('{"course": "biology"}')
    assert "holds an assignment of the course biology" in bitdiddle.refused(ExchangeSubmit, "ps1")
    assert "holds an assignment of the course biology" in bitdiddle.refused(
        ExchangeFetchAssignment, "ps1"
    )
    assert handed_in(room) == []


class AnswerIsLostOnce(HTTPAdapter):
    """A request arrives, and its answer doesn't."""

    def send(self, request, **options):
        answer = super().send(request, **options)
        if request.method == "POST" and not self.lost:
            self.lost = answer.json()
            request.body.seek(0)
            return self.send(request, **options)
        return answer

    lost = None


def test_a_submission_whose_answer_was_lost(room, bitdiddle, caplog):
    """What comes again is not taken again."""
    submit = bitdiddle.make(ExchangeSubmit, "ps1")
    adapter = AnswerIsLostOnce()
    submit.classroom.http.mount("http://", adapter)
    submit.start()
    [only] = handed_in(room)
    assert adapter.lost["id"] == only.receipt.id
    assert f"receipt {only.receipt.id}" in caplog.text
    [kept] = (bitdiddle.session.home / "ps1" / ".lesesal" / "receipts").iterdir()
    assert kept.read_text() == only.signed


def test_a_full_disk_leaves_nothing(released, desk, monkeypatch):
    hacker = desk("hacker")

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device", "/home/hacker/ps1")

    monkeypatch.setattr(student, "extract", full)
    assert hacker.refused(ExchangeFetchAssignment, "ps1") == (
        "A file could not be read or written: No space left on device (/home/hacker/ps1)."
    )
    assert names(hacker.session.home) == []


def test_no_classroom(released, desk, monkeypatch):
    hacker = desk("hacker")
    hacker.make(ExchangeFetchAssignment, "ps1")
    monkeypatch.delenv("LESESAL_CLASSROOM_URL")
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.exchange import ExchangeError

    coursedir = CourseDirectory(course_id="cs", assignment_id="ps1")
    with pytest.raises(ExchangeError, match="No classroom is known here"):
        ExchangeFetchAssignment(coursedir=coursedir).start()


def test_no_feedback_yet(bitdiddle, caplog):
    bitdiddle.run(ExchangeSubmit, "ps1")
    bitdiddle.run(ExchangeFetchFeedback, "ps1")
    assert "There is no feedback for" in caplog.text
    assert not (bitdiddle.session.home / "ps1" / "feedback").exists()


def test_a_release_that_changed_is_looked_at_again(released, bitdiddle):
    new = released.session.course_directory / "release" / "ps1" / "problem3.ipynb"
    new.write_text("more")
    released.run(ExchangeReleaseAssignment, "ps1", force=True)
    assert "problem3.ipynb: MISSING" in bitdiddle.refused(ExchangeSubmit, "ps1", strict=True)

"""Where everybody stands, from both databases."""

from __future__ import annotations

from datetime import timedelta

from classroom_kit import NOW, course, enrol, put

from courses import receipts
from courses.overview import Cell, Version
from courses.store import Store, choices, overview, releases, submissions
from courses.submissions import Feedback, PackedFile, TaskPoints

TASKS = (TaskPoints("focus", 2.5, 4.0), TaskPoints("<blur>", 0.0, 1.0))


def hand_in(store: Store, user: str, hours: int) -> str:
    at, signer = NOW + timedelta(hours=hours), store.keys.signer
    files = (PackedFile("a.ipynb", hours, "f" * 64),)
    with store.writing() as session:
        text = submissions.record(
            session, "optics", course().assignments[0], user=user, at=at, files=files, signer=signer
        )
    return receipts.read(text).receipt.id


def marks(store: Store) -> dict[str, tuple[int, int]]:
    with store.reading() as session:
        return overview.marks(session, ["optics", "waves", "nope"])


def test_cells(store: Store) -> None:
    put(store, course())
    put(store, course("waves"))
    enrol(store, "optics", ada="instructor", ben="student", cleo="student")
    first, second = hand_in(store, "ben", 1), hand_in(store, "ben", 2)
    with store.writing() as session:
        releases.release(session, "optics", "lenses", "a" * 64, actor="ada", at=NOW)
        releases.remember_fetch(session, "optics", "lenses", "cleo", NOW)
        choices.choose(session, "optics", first, actor="ben", at=NOW)
        submissions.put_feedback(
            session, "optics", second, Feedback(NOW, "b" * 64, 2.5, 5.0, TASKS), actor="ada"
        )
    with store.reading() as session:
        found = overview.overview(session, "optics")
        assert submissions.find(session, "optics", second).feedback.tasks == TASKS  # type: ignore[union-attr]
        assert not overview.overview(session, "waves").cells
    assert (found.staff, found.students, found.released) == (
        ("ada",),
        ("ben", "cleo"),
        {"lenses": NOW},
    )
    assert dict(found.cells) == {
        ("lenses", "cleo"): Cell(NOW),
        ("lenses", "ben"): Cell(
            None,
            (
                Version(first, NOW + timedelta(hours=1), True, True),
                Version(second, NOW + timedelta(hours=2), True, False, NOW, 2.5, 5.0, TASKS, False),
            ),
        ),
    }


def test_every_change_moves_the_mark_of_its_course_alone(store: Store) -> None:
    put(store, course())
    put(store, course("waves"))
    enrol(store, "optics", ben="student")
    seen = [marks(store)]
    hand_in(store, "ben", 1)
    seen.append(marks(store))
    enrol(store, "optics", cleo="student")
    seen.append(marks(store))
    assert len({each["optics"] for each in seen}) == 3
    assert len({each["waves"] for each in seen}) == 1
    assert "nope" not in seen[0]

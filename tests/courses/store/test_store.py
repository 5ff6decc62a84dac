"""What the store remembers, and that it does not forget."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from classroom_kit import NOW, course, enrol, put
from sqlalchemy import inspect, text

from courses.course import Assignment, Role
from courses.errors import Busy, NotFound
from courses.store import Blob, Store, access, migrations, people, releases, submissions
from courses.store import database as database_module
from courses.store.audit import changes
from courses.store.courses import find_assignment, get_course
from courses.store.migrations.tables import metadata
from courses.submissions import Feedback, PackedFile

FILES = (PackedFile("a.ipynb", 2, "f" * 64),)
BLOB = Blob("a" * 64, 100)
LENSES = course().assignments[0]


def submit(store: Store, user: str = "ben", at: object = NOW) -> str:
    with store.writing() as session:
        return submissions.record(
            session, "optics", LENSES, user=user, at=at, blob=BLOB, files=FILES
        ).id


def test_migrations_from_nothing_give_the_declared_tables(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "target_metadata": metadata}
        )
        assert compare_metadata(context, metadata) == []
        found = inspect(connection)
        for table in metadata.tables.values():
            names = {each["name"] for each in found.get_unique_constraints(table.name)}
            assert names >= {
                str(each.name)
                for each in table.constraints
                if type(each).__name__ == "UniqueConstraint"
            }


def test_the_newest_step_is_the_one_that_is_named() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    Store.of_home(tmp_path).close()
    again = Store.of_home(tmp_path)
    put(again, course())
    again.close()
    third = Store.of_home(tmp_path)
    with third.reading() as session:
        assert get_course(session, "optics") == course()
    third.close()


def test_two_open_an_empty_home_at_once(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def open_it() -> None:
        try:
            Store.of_home(tmp_path).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []


def test_sqlite_is_set_up_to_keep_what_it_acknowledges(store: Store) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 20_000}
    with store.engine.connect() as connection:
        found = {name: connection.scalar(text(f"PRAGMA {name}")) for name in wanted}
    assert found == wanted


def test_a_course_comes_and_changes(store: Store) -> None:
    assert put(store, course()) == [
        "course optics is new",
        *(f"assignment {name} is new" for name in ("lenses", "mirrors", "prisms", "lasers")),
    ]
    assert put(store, course()) == []
    lenses, _, prisms, lasers = course().assignments
    new = Assignment("waves", "Waves")
    changed = course(assignments=(new, replace(lenses, title="Glass"), lasers, prisms))
    assert put(store, changed, content="d") == [
        "content of optics changed",
        "assignment waves is new",
        "assignment lenses changed",
        "assignment mirrors is withdrawn; its submissions are kept",
    ]
    with store.reading() as session:
        assert get_course(session, "optics") == changed
        with pytest.raises(NotFound):
            find_assignment(session, "optics", "mirrors")
    assert put(store, course(), content="c") == [
        "content of optics changed",
        "assignment lenses changed",
        "assignment mirrors is back",
        "assignment waves is withdrawn; its submissions are kept",
    ]


def test_submissions_outlive_their_assignment(store: Store) -> None:
    put(store, course())
    submission = submit(store)
    put(store, course(assignments=()), content="d")
    with store.reading() as session:
        assert submissions.find(session, "optics", submission).receipt.assignment == "lenses"


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
        ("test", "sync", {"content": "c", "changes": new}),
        ("test", "enrol", {"user": "ben", "role": "student"}),
        ("ada", "release", release),
        ("ben", "fetch", {"assignment": "lenses"}),
        ("ben", "submit", {"assignment": "lenses", "id": submission, "sha256": BLOB.sha256}),
        (
            "ada",
            "feedback",
            {
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


def test_a_database_that_stays_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "_BUSY_SECONDS", 0.1)
    store = Store.of_home(tmp_path)
    other = sqlite3.connect(tmp_path / "classroom.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy), store.writing() as session:
        session.connection()
    other.execute("ROLLBACK")
    put(store, course())
    store.close()


CRASHING = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from classroom_kit import NOW, course
from courses.store import Store, submissions
from courses.submissions import PackedFile
store = Store.of_home(Path(sys.argv[1]))
with store.blobs.incoming(1000) as incoming:
    incoming.write(b"work")
    if sys.argv[2] == "before the blob is kept":
        os.kill(os.getpid(), signal.SIGKILL)
    blob = incoming.keep()
    if sys.argv[2] == "before the row":
        os.kill(os.getpid(), signal.SIGKILL)
    with store.writing() as session:
        receipt = submissions.record(session, "optics", course().assignments[0], user="ben",
            at=NOW, blob=blob, files=[PackedFile("a", 4, "f" * 64)])
        if sys.argv[2] == "before the commit":
            os.kill(os.getpid(), signal.SIGKILL)
    print(receipt.id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("moment", "rows", "blobs"),
    [
        ("before the blob is kept", 0, 0),
        ("before the row", 0, 1),
        ("before the commit", 0, 1),
        ("after the answer", 1, 1),
    ],
)
def test_a_killed_service(tmp_path: Path, moment: str, rows: int, blobs: int) -> None:
    """A blob without its row is only litter; a row without its blob there never is."""
    store = Store.of_home(tmp_path)
    put(store, course())
    done = subprocess.run(
        [sys.executable, "-c", CRASHING, str(tmp_path), moment, str(Path(__file__).parents[1])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with store.reading() as session:
        found = submissions.of_course(session, "optics")
    assert [each.receipt.id for each in found] == done.stdout.split()
    assert len(found) == rows
    kept = [p for p in store.blobs.root.glob("??/*") if p.is_file()]
    assert len(kept) == blobs
    for each in found:
        assert store.blobs.path(each.receipt.sha256).read_bytes() == b"work"
    store.close()

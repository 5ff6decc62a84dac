"""What the store promises about its database, on both."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from classroom_kit import NOW, course, enrol, put
from postgres_server import PostgresServer
from sqlalchemy import make_url, text
from tiny_disks import tiny_disk

from courses.course import Enrolment, Role
from courses.errors import Busy, Malformed, NoSpace, SetupError, Unavailable
from courses.store import Store, people, submissions
from courses.store import database as database_module
from courses.store.audit import changes, note
from courses.store.courses import get_course

AWAY = "The classroom's database does not answer just now. Wait a moment and try again."


def count_up(store: Store) -> None:
    """Add a row with the number of rows that there are."""
    with store.writing() as session:
        number = len(changes(session, "optics"))
        note(session, "test", "look", "optics", NOW, number=number)


def at_once(count: int, call: object, *args: object) -> None:
    """Call it in so many threads at once; raise what one of them raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run() -> None:
        try:
            start.wait()
            call(*args)  # type: ignore[operator]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if errors:
        raise errors[0]


def test_opening_again_changes_nothing(tmp_path: Path, database_url: str) -> None:
    Store.of_home(tmp_path, database_url).close()
    again = Store.of_home(tmp_path, database_url)
    put(again, course())
    again.close()
    third = Store.of_home(tmp_path, database_url)
    with third.reading() as session:
        assert get_course(session, "optics") == course()
    third.close()


def test_several_open_an_empty_one_at_once(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    """Often: that two change SQLite's journal at one moment is seldom."""
    for number in range(8):
        url, home = "", tmp_path / str(number)
        home.mkdir()
        if database == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres")
            url = server.url(server.new())
        at_once(4, partial(_open, home, url))


def _open(home: Path, url: str) -> None:
    Store.of_home(home, url).close()


def test_the_variable_names_the_database(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESESAL_DATABASE_URL", database_url)
    store = Store.of_home(tmp_path / "home")
    assert store.engine.url == make_url(database_url)
    assert not (tmp_path / "home" / "classroom.sqlite").exists()
    store.close()


def test_writers_wait_for_each_other(store: Store) -> None:
    """What a write transaction read is still so when it writes."""

    def several() -> None:
        for _ in range(4):
            count_up(store)

    at_once(5, several)
    with store.reading() as session:
        assert [each.detail["number"] for each in changes(session, "optics")] == list(range(20))


def test_a_reader_sees_one_state_and_holds_nobody_up(store: Store) -> None:
    with store.reading() as session:
        assert changes(session, "optics") == []
        count_up(store)
        session.expire_all()
        assert changes(session, "optics") == []
    with store.reading() as session:
        assert len(changes(session, "optics")) == 1


@pytest.fixture
def lock_holder(store: Store, tmp_path: Path, database: str) -> Iterator[None]:
    """Another process that holds the writers' lock, and does not let go."""
    if database == "sqlite":
        other = sqlite3.connect(tmp_path / "classroom.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
    else:
        second = Store.open(store.engine.url.render_as_string(), tmp_path / "blobs")
        with second.writing() as session:
            session.connection()
            yield
        second.close()


def test_a_database_that_stays_locked(
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setattr(database_module, "_BUSY_SECONDS", 0.1)
    store = Store.of_home(tmp_path, database_url)
    request.getfixturevalue("lock_holder")
    with pytest.raises(Busy), store.writing() as session:
        session.connection()
    with store.reading() as session:
        assert changes(session, "optics") == []
    store.close()


def test_the_database_goes_away_and_comes_back(store: Store, postgres: PostgresServer) -> None:
    """No traceback and nothing half-written; the same store works when it is there again."""
    if store.engine.dialect.name == "sqlite":
        pytest.skip("A file does not go away.")
    put(store, course())
    enrolment = Enrolment("optics", "ben", Role.STUDENT)
    try:
        with pytest.raises(Unavailable) as caught, store.writing() as session:  # noqa: PT012
            people.enrol(session, enrolment, actor="test", at=NOW)
            session.flush()
            postgres.stop("immediate")
            people.enrol(session, enrolment, actor="test", at=NOW)
        assert str(caught.value) == AWAY
        with pytest.raises(Unavailable), store.reading() as session:
            people.people(session, "optics")
        with pytest.raises(Unavailable):
            count_up(store)
    finally:
        postgres.start()
    with store.reading() as session:
        assert people.people(session, "optics") == []
    # The connection that waits in the pool is a dead one.
    postgres.stop()
    postgres.start()
    enrol(store, "optics", ben="student")
    with store.reading() as session:
        assert people.people(session, "optics") == [enrolment]


def test_a_database_that_cannot_be_used(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if database == "sqlite":
        url, sentence = "mysql://u@localhost/x", "The database URL cannot be used. Give one like"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.url("nope").replace("lesesal@", "lesesal:secret@")
        sentence = 'cannot be used: .* database "nope" does not exist. docs/operators.md says how'
    with pytest.raises(SetupError, match=sentence) as caught:
        Store.open(url, tmp_path)
    assert "secret" not in str(caught.value)


def test_a_value_that_does_not_fit(store: Store) -> None:
    with pytest.raises(Malformed, match="has characters that cannot be stored"):
        put(store, course(title="\udc80"))
    if store.engine.dialect.name == "sqlite":
        return
    with pytest.raises(Malformed, match="has characters that cannot be stored"):
        put(store, course(title="a\0b"))
    put(store, course())
    with pytest.raises(Malformed, match="is too long"), store.writing() as session:
        session.execute(text("UPDATE courses SET slug = :long"), {"long": "x" * 31})


def test_a_full_disk(tmp_path: Path, postgres: PostgresServer, empty_store: str) -> None:
    """The transaction is undone as a whole, and the next one works when there is room again."""
    with tiny_disk(postgres.folder / "disk", megabytes=24, files=2000) as disk:
        place = disk / "tables"
        place.mkdir()
        postgres.own(place)
        postgres.run(f"CREATE TABLESPACE tiny LOCATION '{place}'")
        name = postgres.new(empty_store, "tiny")
        store = Store.open(postgres.url(name), tmp_path / "blobs")
        filler = disk / "filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(b"x" * 30_000_000)
        with pytest.raises(NoSpace):
            put(store, course(summary=random_text(2_000_000)))
        filler.unlink()
        assert put(store, course())[0] == "course optics is new"
        store.close()
        postgres.drop(name)
        postgres.run("DROP TABLESPACE tiny")


def random_text(length: int) -> str:
    """Text that PostgreSQL cannot compress."""
    return os.urandom(length // 2).hex()


def test_sqlite_is_set_up_to_keep_what_it_acknowledges(tmp_path: Path) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 20_000}
    store = Store.of_home(tmp_path)
    with store.engine.connect() as connection:
        found = {name: connection.scalar(text(f"PRAGMA {name}")) for name in wanted}
    assert found == wanted
    store.close()


KIT = str(Path(__file__).parents[1])
CRASHING = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from classroom_kit import NOW, course
from courses.store import Store, submissions
from courses.submissions import PackedFile
store = Store.of_home(Path(sys.argv[1]), sys.argv[4])
with store.blobs.incoming(1000) as incoming:
    incoming.write(b"work")
    if sys.argv[2] == "before the blob is kept":
        os.kill(os.getpid(), signal.SIGKILL)
    blob = incoming.keep()
    if sys.argv[2] == "before the row":
        os.kill(os.getpid(), signal.SIGKILL)
    with store.writing() as session:
        files = [PackedFile("a", blob.bytes, blob.sha256)]
        receipt = submissions.record(session, "optics", course().assignments[0], user="ben",
            at=NOW, files=files, signer=store.keys.signer)
        if sys.argv[2] == "before the commit":
            os.kill(os.getpid(), signal.SIGKILL)
    print(receipt, end="", flush=True)
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
def test_a_killed_service(
    tmp_path: Path, database_url: str, moment: str, rows: int, blobs: int
) -> None:
    """A blob without its row is only litter; a row without its blob there never is."""
    store = Store.of_home(tmp_path, database_url)
    put(store, course())
    done = subprocess.run(
        [sys.executable, "-c", CRASHING, str(tmp_path), moment, KIT, database_url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with store.reading() as session:
        found = submissions.of_course(session, "optics")
    assert "".join(each.signed for each in found) == done.stdout
    assert len(found) == rows
    kept = [p for p in store.blobs.root.glob("??/*") if p.is_file()]
    assert len(kept) == blobs
    for each in found:
        assert store.blobs.path(each.receipt.files[0].sha256).read_bytes() == b"work"
    store.close()

"""What was acknowledged before a backup is in it, and comes back byte for byte."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import tiny_disks
from classroom_kit import NOW, course, enrol, put, unzipped, zipped
from postgres_server import PostgresServer
from sqlalchemy import text
from typer.testing import CliRunner

from courses import receipts
from courses.backup import manifest
from courses.backup.restore import restore
from courses.backup.save import save
from courses.classroom.desks.handins import HandIns
from courses.cli import app
from courses.course import Caller
from courses.errors import BackupDamaged, SetupError
from courses.proofs.store import problems
from courses.store import Store, migrations, releases, submissions
from courses.store.courses import all_courses
from courses.store.database import changing_tables, connect, sqlite_url

DATABASES = ("sqlite", "postgresql")
LAST_YEAR = datetime(2025, 11, 22, 2, 15, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(database: str, home: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The database that is backed up."""
    if database == "sqlite":
        yield sqlite_url(home)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.new(request.getfixturevalue("empty_store"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def store(home: Path, url: str) -> Iterator[Store]:
    """A classroom with a released assignment and two students."""
    store = Store.of_home(home, url)
    with store.blobs.incoming(1000) as incoming:
        incoming.write(b"a course's directory")
        directory = incoming.keep().sha256
    put(store, course(), directory=directory)
    enrol(store, "optics", ada="instructor", ben="student", cleo="student")
    with store.writing() as session:
        releases.release(session, "optics", "lenses", directory, actor="ada", at=NOW)
    yield store
    store.close()


def hand_in(store: Store, user: str, content: bytes) -> str:
    """As the classroom does it; return the signed receipt."""
    upload = HandIns(store, 10**6).submit(Caller(user), "optics", "lenses")
    with store.blobs.incoming(upload.max_bytes) as incoming:
        incoming.write(zipped({"a.ipynb": content, "same.txt": b"the same"}))
        return str(upload.finish(incoming).receipt)  # type: ignore[attr-defined]


def quiet(what: str, done: int, total: int) -> None:
    """Nobody looks how far it is."""


def handed_in(store: Store) -> dict[str, dict[str, bytes]]:
    """The files of each submission, by its signed receipt."""
    with store.reading() as session:
        found = submissions.of_course(session, "optics")
    kept = {}
    for each in found:
        with store.contents.packed(each.receipt.files) as archive:
            kept[each.signed] = unzipped(archive.read())
    return kept


@pytest.mark.parametrize("kind", DATABASES)
def test_a_classroom_at_work_is_backed_up_and_restored_elsewhere(
    store: Store, home: Path, url: str, place: Path, tmp_path: Path, kind: str,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    acknowledged: dict[str, bytes] = {}
    enough, end = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def work(user: str) -> None:
        try:
            for number in range(10_000):
                content = f"{user} {number}".encode()
                acknowledged[hand_in(store, user, content)] = content
                if number == 5:
                    enough.set()
                if end.is_set():
                    return
        except BaseException as error:
            errors.append(error)
            enough.set()

    threads = [threading.Thread(target=work, args=(user,)) for user in ("ben", "cleo")]
    for each in threads:
        each.start()
    assert enough.wait(60)
    before = dict(acknowledged)
    saved = save(home, url, place, datetime.now(UTC), quiet)
    end.set()
    for each in threads:
        each.join()
    assert errors == []

    elsewhere, target = tmp_path / "elsewhere", sqlite_url(tmp_path / "elsewhere")
    if kind == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        target = server.url(server.new())
    done = restore(manifest.find(place), elsewhere, target, NOW, quiet)
    assert (done.problems, done.manifest) == ((), saved.manifest)
    again = Store.of_home(elsewhere, target)
    found = handed_in(again)
    for receipt, content in before.items():
        assert found[receipt] == {"a.ipynb": content, "same.txt": b"the same"}
        assert receipts.read(receipt).genuine(again.keys.published())
    assert handed_in(store).items() >= found.items()
    # It goes on from there, with numbers of its own.
    new = hand_in(again, "ben", b"later")
    assert handed_in(again)[new]["a.ipynb"] == b"later"
    assert list(problems(again, lambda done, total: None)) == []
    again.close()
    # Restored once more, in its place.
    restore(manifest.find(place), elsewhere, target, NOW, quiet, replace=True)
    once_more = Store.of_home(elsewhere, target)
    assert handed_in(once_more) == found
    once_more.close()


class TestOnSqlite:
    """What does not depend on the database."""

    @pytest.fixture
    def database(self) -> str:
        return "sqlite"

    def test_an_interrupted_backup_is_none(
        self, store: Store, home: Path, url: str, place: Path
    ) -> None:
        receipt = hand_in(store, "ben", b"work")
        first = save(home, url, place, NOW, quiet)

        for what in ("rows", "bytes"):

            def interrupt(now: str, done: int, total: int, what: str = what) -> None:
                if now == what:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                save(home, url, place, NOW + timedelta(hours=1), interrupt)
            assert manifest.find(place) == first.folder
        hand_in(store, "ben", b"more work")
        second = save(home, url, place, NOW + timedelta(hours=2), quiet)
        assert manifest.whole(place) == [first.folder, second.folder]
        assert [each.name for each in place.iterdir() if each.suffix == ".part"] == []
        assert receipt in handed_in(store)

    def test_gradebooks_come_back_with_what_was_graded(
        self, store: Store, home: Path, url: str, place: Path
    ) -> None:
        optics = home / "gradebooks" / "optics"
        book = optics / "gradebook.db"
        (optics / "autograded" / "ben" / "lenses").mkdir(parents=True)
        (optics / "autograded" / "ben" / "lenses" / "lenses.ipynb").write_text("graded")
        (optics / ".lesesal" / "late").mkdir(parents=True)
        (optics / ".lesesal" / "late" / "lenses.json").write_text("{}")
        for passing in (".optics.new", "optics/.lesesal/grading/lenses/run"):
            (home / "gradebooks" / passing).mkdir(parents=True)
            (home / "gradebooks" / passing / "x").write_text("on its way")
        with sqlite3.connect(book) as gradebook:
            gradebook.execute("CREATE TABLE grade (score)")
        gradebook.execute("INSERT INTO grade VALUES (1)")
        gradebook.commit()
        # What is being written is not in it, and what is waits for nobody.
        gradebook.execute("INSERT INTO grade VALUES (2)")
        first = save(home, url, place, LAST_YEAR, quiet, keep=2)
        gradebook.commit()
        save(home, url, place, NOW, quiet)
        elsewhere = home.with_name("elsewhere")
        target = sqlite_url(elsewhere)
        restore(first.folder, elsewhere, target, NOW, quiet)
        there = elsewhere / "gradebooks"
        assert sorted(path for path in there.rglob("*") if path.is_file()) == [
            there / "optics" / name
            for name in (
                *(".lesesal/late/lenses.json", "autograded/ben/lenses/lenses.ipynb"),
                "gradebook.db",
            )
        ]
        assert there.stat().st_mode & 0o077 == 0
        assert _grades(there / "optics") == [(1,)]
        restore(manifest.find(place), elsewhere, target, NOW, quiet, replace=True)
        assert _grades(there / "optics") == [(1,), (2,)]
        (aside,) = elsewhere.glob("gradebooks.before-*")
        assert _grades(aside / "optics") == [(1,)]
        # They are needed by as many backups as have them.
        third = save(home, url, place, NOW + timedelta(days=1), quiet, keep=1)
        assert third.removed == 2
        restore(third.folder, elsewhere, target, NOW + timedelta(days=1), quiet, replace=True)
        assert _grades(there / "optics") == [(1,), (2,)]
        (damaged,) = [
            path for path in (place / "blobs").rglob("*") if path.is_file()
            and path.read_bytes() == b"graded"
        ]  # fmt: skip
        damaged.write_bytes(b"grade!")
        with pytest.raises(BackupDamaged, match="is not what was written"):
            restore(third.folder, elsewhere, target, NOW, quiet, replace=True)
        assert _grades(there / "optics") == [(1,), (2,)]
        save(home, url, place, NOW + timedelta(days=2), quiet, check=True)
        assert damaged.read_bytes() == b"graded"

    def test_what_is_there_is_not_copied_again(
        self, store: Store, home: Path, url: str, place: Path
    ) -> None:
        hand_in(store, "ben", b"work")
        first = save(home, url, place, LAST_YEAR, quiet)
        assert first.copied == first.manifest.bytes
        hand_in(store, "ben", b"more")
        second = save(home, url, place, NOW, quiet, keep=2)
        assert (second.copied, second.removed) == (4, 0)
        third = save(home, url, place, NOW + timedelta(days=1), quiet, keep=1)
        assert (third.copied, third.removed) == (0, 2)
        assert manifest.whole(place) == [third.folder]

    def test_blobs_that_no_backup_has_go_with_the_last_that_had_them(
        self, store: Store, home: Path, url: str, place: Path
    ) -> None:
        with store.blobs.incoming(10) as incoming:
            incoming.write(b"litter")
            litter = incoming.keep().sha256
        save(home, url, place, LAST_YEAR, quiet)
        store.blobs.path(litter).unlink()
        copy = place / "blobs" / litter[:2] / litter[2:]
        save(home, url, place, NOW, quiet)
        assert copy.is_file()
        kept = save(home, url, place, NOW + timedelta(days=1), quiet, keep=1)
        assert not copy.exists()
        blobs = list((place / "blobs").glob("??/*"))
        assert len(blobs) == kept.manifest.blobs

    @pytest.mark.parametrize(
        "broken",
        ["rows.gz", "blobs.gz", "manifest.json", "receipt-key.pem", "a blob", "a lost blob"],
    )
    def test_a_damaged_backup_is_refused(
        self, store: Store, home: Path, url: str, place: Path, tmp_path: Path, broken: str
    ) -> None:
        hand_in(store, "ben", b"work")
        folder = save(home, url, place, NOW, quiet).folder
        if "blob" in broken and not broken.endswith(".gz"):
            path = next(each for each in (place / "blobs").glob("??/*"))
        else:
            path = folder / broken
        data = bytearray(path.read_bytes())
        number = data.find(b'"blobs": ')
        data[len(data) // 2 if number < 0 else number + len('"blobs": ')] ^= 1
        path.write_bytes(data)
        if broken == "a lost blob":
            path.unlink()
        elsewhere = tmp_path / "elsewhere"
        with pytest.raises(BackupDamaged, match=r"is damaged: .*\. Take another one\."):
            restore(folder, elsewhere, sqlite_url(elsewhere), NOW, quiet)
        assert not list(elsewhere.glob("classroom.sqlite*"))

    def test_a_damaged_copy_is_mended(
        self, store: Store, home: Path, url: str, place: Path, tmp_path: Path
    ) -> None:
        save(home, url, place, LAST_YEAR, quiet)
        path = next(each for each in (place / "blobs").glob("??/*"))
        path.write_bytes(b"x" * path.stat().st_size)
        assert save(home, url, place, NOW, quiet, check=True).copied == path.stat().st_size
        elsewhere = tmp_path / "elsewhere"
        done = restore(manifest.find(place), elsewhere, sqlite_url(elsewhere), NOW, quiet)
        assert done.problems == ()

    def test_a_good_copy_outlives_the_original(
        self, store: Store, home: Path, url: str, place: Path, tmp_path: Path
    ) -> None:
        receipt = hand_in(store, "ben", b"work")
        save(home, url, place, LAST_YEAR, quiet)
        for path in home.glob("blobs/??/*"):
            path.write_bytes(b"cut")
        saved = save(home, url, place, NOW, quiet)
        assert (saved.copied, saved.manifest.damaged) == (0, ())
        elsewhere = tmp_path / "elsewhere"
        assert restore(saved.folder, elsewhere, sqlite_url(elsewhere), NOW, quiet).problems == ()
        again = Store.of_home(elsewhere)
        assert handed_in(again)[receipt]["a.ipynb"] == b"work"
        again.close()

    def test_what_was_damaged_before_is_told(
        self, store: Store, home: Path, url: str, place: Path, tmp_path: Path
    ) -> None:
        receipt = hand_in(store, "ben", b"work")
        (file,) = (f for f in receipts.read(receipt).receipt.files if f.path == "a.ipynb")
        store.blobs.path(file.sha256).write_bytes(b"wirk")
        runner = CliRunner()
        done = runner.invoke(app, ["backup", str(place), "--home", str(home)])
        assert done.exit_code == 1
        assert f"`lesesal store verify` says whose they are: {file.sha256}\n" in done.output
        elsewhere = tmp_path / "elsewhere"
        done = runner.invoke(app, ["restore", str(place), "--home", str(elsewhere)])
        assert done.exit_code == 1
        assert "has lost 'a.ipynb': it is not on the disk" in done.output

    def test_a_classroom_that_is_there_stays(
        self, store: Store, home: Path, url: str, place: Path, tmp_path: Path
    ) -> None:
        receipt = hand_in(store, "ben", b"work")
        folder = save(home, url, place, NOW, quiet).folder
        other_home = tmp_path / "other"
        other_home.mkdir(mode=0o700)
        other = Store.of_home(other_home)
        put(other, course("waves"))
        own_key = other.keys.published()
        other.close()
        with pytest.raises(SetupError, match=r"^There is a classroom in sqlite:.* give --yes"):
            restore(folder, other_home, sqlite_url(other_home), NOW, quiet)
        restore(folder, other_home, sqlite_url(other_home), NOW, quiet, replace=True)
        again = Store.of_home(other_home)
        assert list(handed_in(again)) == [receipt]
        # Receipts of both are genuine, and new ones are signed with the restored key.
        assert again.keys.published() == own_key | store.keys.published()
        assert again.keys.signer.public == store.keys.signer.public
        again.close()
        aside = other_home / f"classroom.sqlite.before-{manifest.folder_name(NOW)}"
        old = Store.open(f"sqlite:///{aside}", tmp_path / "blobs")
        with old.reading() as session:
            assert [each.slug for each in all_courses(session)] == ["waves"]
        old.close()

    def test_a_backup_of_an_older_version(self, home: Path, place: Path, tmp_path: Path) -> None:
        engine = connect(sqlite_url(home))
        with changing_tables(engine) as connection:
            migrations.upgrade(connection, "0001")
            connection.execute(
                text(
                    "INSERT INTO courses VALUES (7, 'old', 'Old', '', '[]', 'UTC', 'c', '', "
                    "'2025-01-01 12:00:00.000001')"
                )
            )
        engine.dispose()
        saved = save(home, sqlite_url(home), place, NOW, quiet)
        assert (saved.manifest.step, saved.manifest.rows) == ("0001", 1)
        elsewhere = tmp_path / "elsewhere"
        restore(saved.folder, elsewhere, sqlite_url(elsewhere), NOW, quiet)
        store = Store.of_home(elsewhere)
        with store.reading() as session:
            assert [each.title for each in all_courses(session)] == ["Old"]
        store.close()

    def test_the_commands(self, store: Store, home: Path, place: Path, tmp_path: Path) -> None:
        hand_in(store, "ben", b"work")
        runner = CliRunner()
        done = runner.invoke(app, ["backup", str(place), "--home", str(home), "--keep", "3"])
        assert done.exit_code == 0
        (folder,) = manifest.whole(place)
        assert done.output.startswith(f"{folder}: ")
        assert done.output.endswith(" rows, 3 archives and files of 32 bytes; 32 bytes copied\n")
        elsewhere = tmp_path / "elsewhere"
        done = runner.invoke(app, ["restore", str(folder), "--home", str(elsewhere)])
        assert done.exit_code == 0
        assert done.output.startswith(f"{elsewhere} is as the classroom was on ")
        files = [each for each in folder.iterdir() if each.is_file()]
        assert {each.stat().st_mode & 0o777 for each in [*files, *place.glob("blobs/??/*")]} == {
            0o600
        }
        assert place.stat().st_mode & 0o777 == 0o700

    def test_there_is_nothing(self, tmp_path: Path, home: Path, place: Path) -> None:
        with pytest.raises(SetupError, match=r"^There is no classroom in sqlite:"):
            save(home, sqlite_url(home), place, NOW, quiet)
        assert list(home.iterdir()) == []
        with pytest.raises(SetupError, match=r"^There is no whole backup in "):
            manifest.find(place)

    def test_two_at_once(self, store: Store, home: Path, url: str, place: Path) -> None:
        def another(what: str, done: int, total: int) -> None:
            with pytest.raises(SetupError, match=r"Another backup to .* is at work"):
                save(home, url, place, NOW, quiet)

        save(home, url, place, NOW, another)

    def test_a_full_disk(self, store: Store, home: Path, url: str, tmp_path: Path) -> None:
        with tiny_disks.tiny_disk(tmp_path / "disk", megabytes=1, files=200) as disk:
            first = save(home, url, disk, LAST_YEAR, quiet)
            with store.blobs.incoming(2_000_000) as incoming:
                incoming.write(b"x" * 2_000_000)
                incoming.keep()
            with pytest.raises(SetupError, match=r"^The disk of .* is full, so there is no new"):
                save(home, url, disk, NOW, quiet)
            assert manifest.find(disk) == first.folder


def _grades(folder: Path) -> list[tuple[int]]:
    with closing(sqlite3.connect(folder / "gradebook.db")) as gradebook:
        return gradebook.execute("SELECT score FROM grade ORDER BY score").fetchall()

"""What was handed in is kept file by file, and what was kept as an archive is carried over."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from classroom_kit import NOW, course, put, unzipped, zipped
from sqlalchemy import update

from courses import archives, receipts
from courses.archives import Limits
from courses.errors import Lost
from courses.store import BlobStore, Store, carrying, submissions
from courses.store.audit import changes
from courses.store.contents import Contents
from courses.store.submissions import SubmissionRow
from courses.submissions import PackedFile

FILES = {"b/c.csv": b"1", "a.ipynb": b"one", "same.ipynb": b"one"}
LIMITS = Limits(10**6)
DAYS = 24 * 3600


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    return Contents(BlobStore(tmp_path / "blobs"))


def keep(contents: Contents, tmp_path: Path, files: dict[str, bytes]) -> tuple[PackedFile, ...]:
    archive = tmp_path / "sent.zip"
    archive.write_bytes(zipped(files))
    found = archives.inspect(archive, LIMITS)
    contents.keep(archive, found, LIMITS)
    return found


def on_disk(blobs: BlobStore) -> dict[bytes, os.stat_result]:
    return {blobs.path(sha256).read_bytes(): state for sha256, state in blobs.all()}


def age(blobs: BlobStore, content: bytes, seconds: float) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    os.utime(blobs.path(sha256), (time.time() - seconds,) * 2)
    return sha256


def test_a_content_is_written_once(contents: Contents, tmp_path: Path) -> None:
    keep(contents, tmp_path, FILES)
    before = on_disk(contents.blobs)
    assert set(before) == {b"1", b"one"}
    age(contents.blobs, b"one", 2 * DAYS)
    keep(contents, tmp_path, FILES | {"new": b"new"})
    after = on_disk(contents.blobs)
    assert set(after) == {b"1", b"one", b"new"}
    assert after[b"one"].st_ino == before[b"one"].st_ino
    # It is about to be named: no litter.
    assert after[b"one"].st_mtime > time.time() - DAYS
    assert list(contents.blobs.incoming_folder.iterdir()) == []


def test_the_archive_that_comes_out(contents: Contents, tmp_path: Path) -> None:
    files = keep(contents, tmp_path, FILES)
    with contents.packed(files) as archive:
        data = archive.read()
    assert unzipped(data) == FILES
    # The same bytes, wherever and whenever it is made.
    digest = "c3b4e7d4861609b25953d881da29f332d6cd6d69c22ecea4e611cd9fafde1f42"
    assert hashlib.sha256(data).hexdigest() == digest
    with contents.packed(tuple(reversed(files))) as archive:
        assert archive.read() == data
    assert list(contents.blobs.incoming_folder.iterdir()) == []


def test_a_file_that_was_lost(contents: Contents, tmp_path: Path) -> None:
    files = keep(contents, tmp_path, FILES)
    contents.blobs.path(files[0].sha256).unlink()
    with pytest.raises(Lost, match="not on the classroom's disk any more"):
        contents.packed(files)


def test_litter_is_removed_when_nobody_has_touched_it_for_a_day(
    contents: Contents, tmp_path: Path
) -> None:
    keep(contents, tmp_path, FILES)
    blobs = contents.blobs
    young, old = age(blobs, b"one", DAYS - 60), age(blobs, b"1", DAYS + 60)
    assert (blobs.remove_old(young), blobs.remove_old(old)) == (False, True)
    assert set(on_disk(blobs)) == {b"one"}
    assert not blobs.remove_old(old)


def test_litter_that_is_handed_in_again_while_it_is_removed(
    contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is touched after the first look at its age, and before it is gone."""
    keep(contents, tmp_path, FILES)
    blobs, rename = contents.blobs, Path.rename
    sha256 = age(blobs, b"one", 2 * DAYS)

    def late(path: Path, target: Path) -> Path:
        if path == blobs.path(sha256):
            assert blobs.touch(sha256)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", late)
    assert not blobs.remove_old(sha256)
    assert b"one" in on_disk(blobs)


def submitted_before(store: Store, at: int, files: dict[str, bytes] = FILES) -> str:
    """A submission as it was stored when archives were: the id."""
    with store.blobs.incoming(10**6) as incoming:
        incoming.write(zipped(files))
        blob = incoming.keep()
        packed = archives.inspect(store.blobs.path(blob.sha256), LIMITS)
    with store.writing() as session:
        text = submissions.record(
            *(session, "optics", course().assignments[0]),
            user="ben",
            at=NOW + timedelta(hours=at),
            files=packed,
            signer=store.keys.signer,
        )
        submission_id = receipts.read(text).receipt.id
        change = update(SubmissionRow).where(SubmissionRow.id == submission_id)
        session.execute(change.values(receipt="", sha256=blob.sha256))
    return submission_id


def test_what_was_kept_as_an_archive_is_carried_over(tmp_path: Path) -> None:
    store = Store.of_home(tmp_path)
    put(store, course())
    ids = [submitted_before(store, at) for at in range(2)]
    damaged = submitted_before(store, 2, {"lost": b"lost"})
    archive = store.blobs.path(hashlib.sha256(zipped({"lost": b"lost"})).hexdigest())
    archive.write_bytes(b"damaged")
    store.close()
    again = Store.of_home(tmp_path)
    with again.reading() as session:
        found = submissions.of_course(session, "optics")
    assert [each.receipt.id for each in found] == [*ids, damaged]
    for each in found:
        signed = receipts.read(each.signed)
        assert signed.genuine(again.keys.published())
        assert signed.receipt == each.receipt
    # What the receipt said, it says still.
    assert found[0].receipt.sha256 == hashlib.sha256(zipped(FILES)).hexdigest()
    with again.contents.packed(found[0].receipt.files) as packed:
        assert unzipped(packed.read()) == FILES
    with pytest.raises(Lost):
        again.contents.packed(found[2].receipt.files)
    carrying.carry_over(again)
    with again.reading() as session:
        assert submissions.of_course(session, "optics") == found
    again.close()


def test_several_carry_over_at_once_and_one_is_killed(tmp_path: Path) -> None:
    store = Store.of_home(tmp_path)
    put(store, course())
    for at in range(5):
        submitted_before(store, at, {"a": b"%d" % at})
    killed = """
import os, signal, sys
from pathlib import Path
from courses.store import Store, carrying
def die(store, id, unpack=carrying._unpack):
    unpack(store, id)
    os.kill(os.getpid(), signal.SIGKILL)
carrying._unpack = die
Store.of_home(Path(sys.argv[1]))
"""
    subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False)
    threads = [threading.Thread(target=carrying.carry_over, args=(store,)) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with store.reading() as session:
        found = submissions.of_course(session, "optics")
    keys = store.keys.published()
    assert all(receipts.read(each.signed).genuine(keys) for each in found)
    assert {b"%d" % at for at in range(5)} < set(on_disk(store.blobs))
    with store.reading() as session:
        told = [each.detail["id"] for each in changes(session, "optics") if each.action == "sign"]
    assert sorted(told) == sorted(each.receipt.id for each in found)
    store.close()

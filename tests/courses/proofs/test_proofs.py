"""``lesesal store verify`` and ``lesesal receipt verify``, on a store with everything in it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from classroom_kit import NOW, course, put, zipped
from sqlalchemy import delete, update
from typer.testing import CliRunner

from courses import archives, receipts
from courses.archives import Limits
from courses.cli import app
from courses.store import Store, releases, submissions
from courses.store.courses import AssignmentRow, CourseRow
from courses.store.releases import ReleaseRow
from courses.store.submissions import FeedbackRow, SubmissionRow
from courses.submissions import Feedback

FILES = {"data/b.csv": b"1,2", "lenses.ipynb": b"work"}


@dataclass
class Kept:
    """A home with one course, two submissions of the same files, a release, twice feedback."""

    home: Path
    store: Store
    receipt: str

    def verify(self, *options: str) -> tuple[int, list[str]]:
        done = CliRunner().invoke(app, ["store", "verify", f"--home={self.home}", *options])
        return done.exit_code, done.stdout.splitlines()

    @property
    def id(self) -> str:
        return receipts.read(self.receipt).receipt.id

    def blob(self, content: bytes) -> Path:
        return self.store.blobs.path(hashlib.sha256(content).hexdigest())


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    home = tmp_path / "home"
    home.mkdir()
    store = Store.of_home(home)
    signed = ""
    for name in ("release", "directory", "feedback", "again"):
        (tmp_path / name).write_bytes(name.encode())
    blobs = {name: store.blobs.keep_file(tmp_path / name).sha256 for name in
             ("release", "directory", "feedback", "again")}  # fmt: skip
    put(store, course())
    sent = tmp_path / "sent.zip"
    sent.write_bytes(zipped(FILES))
    files = archives.inspect(sent, Limits(1000))
    store.contents.keep(sent, files, Limits(1000))
    signer = store.keys.signer
    with store.writing() as session:
        session.execute(update(CourseRow).values(directory=blobs["directory"]))
        releases.release(session, "optics", "lenses", blobs["release"], actor="ada", at=NOW)
        for user in ("cleo", "ben"):
            signed = submissions.record(
                *(session, "optics", course().assignments[0]),
                user=user,
                at=NOW,
                files=files,
                signer=signer,
            )
        submission_id = receipts.read(signed).receipt.id
        for name in ("feedback", "again"):
            feedback = Feedback(NOW, blobs[name], 1.0, 2.0)
            submissions.put_feedback(session, "optics", submission_id, feedback, actor="ada")
    return Kept(home, store, signed)


def test_all_is_well(kept: Kept) -> None:
    assert kept.verify() == (
        0,
        [
            "5 receipts and archives checked, nothing wrong.",
            "0 blobs (0 bytes) belong to nothing, 0 of them for a day.",
        ],
    )


def test_what_is_wrong_with_bytes(kept: Kept) -> None:
    work, table = kept.blob(b"work"), kept.blob(b"1,2")
    work.write_bytes(b"worm")
    table.unlink()
    kept.blob(b"again").unlink()
    kept.blob(b"directory").unlink()
    status, lines = kept.verify()
    assert status == 1
    assert len(lines) == 8
    who = f"Submission {kept.id} of ben in optics"
    assert {
        f"{who} has lost 'lenses.ipynb': it was changed or damaged on the disk ({work}).",
        f"{who} has lost 'data/b.csv': it is not on the disk ({table}).",
        f"The feedback on submission {kept.id} is not on the disk ({kept.blob(b'again')}).",
        f"The directory of optics is not on the disk ({kept.blob(b'directory')}).",
        "5 receipts and archives checked, 6 wrong.",
    } < set(lines)


def test_what_is_wrong_with_receipts(kept: Kept) -> None:
    def wrong(**values: object) -> list[str]:
        with kept.store.writing() as session:
            row = session.get_one(SubmissionRow, kept.id)
            before = {name: getattr(row, name) for name in values}
            for name, value in values.items():
                setattr(row, name, value)
        status, lines = kept.verify()
        with kept.store.writing() as session:
            row = session.get_one(SubmissionRow, kept.id)
            for name, value in before.items():
                setattr(row, name, value)
        assert status == 1
        return [line.partition(f"Submission {kept.id} of ")[2] for line in lines[:-2]]

    altered = kept.receipt.replace('"on_time": true', '"on_time": false')
    assert wrong(on_time=False) == ["ben in optics is not what its receipt says: on_time differs."]
    assert wrong(user="eve") == ["eve in optics is not what its receipt says: user differs."]
    assert wrong(receipt="{}") == ["ben in optics has no signed receipt."]
    assert wrong(receipt=altered, on_time=False) == [
        "ben in optics has a receipt that the classroom's keys have not signed."
    ]
    assert kept.verify()[0] == 0


def test_a_renamed_assignment_is_not_wrong(kept: Kept) -> None:
    with kept.store.writing() as session:
        session.execute(
            update(AssignmentRow).where(AssignmentRow.name == "lenses").values(name="glasses")
        )
    assert kept.verify()[0] == 0


def test_litter_is_told_of_and_removed_when_it_is_old(kept: Kept) -> None:
    """Feedback that was replaced is no litter: the audit names it."""
    for name, days in (("old", 2), ("young", 0)):
        path = kept.home / name
        path.write_bytes(name.encode())
        place = kept.store.blobs.path(kept.store.blobs.keep_file(path).sha256)
        os.utime(place, (time.time() - days * 24 * 3600 - 60,) * 2)
    for content in (b"feedback", b"again", b"work", b"release", b"directory"):
        os.utime(kept.blob(content), (0, 0))
    wanted = "2 blobs (8 bytes) belong to nothing, 1 of them for a day."
    assert kept.verify()[1][-1] == wanted
    assert kept.verify("--collect") == (
        0,
        ["5 receipts and archives checked, nothing wrong.", wanted, "1 removed (3 bytes)."],
    )
    assert not kept.blob(b"old").exists()
    with kept.store.writing() as session:
        session.execute(delete(FeedbackRow))
        session.execute(delete(SubmissionRow))
        session.execute(delete(ReleaseRow))
    # Of the release that was taken back, the audit tells still.
    assert kept.verify("--collect")[1][-1] == "3 removed (17 bytes)."
    assert {path.name for path in kept.store.blobs.root.glob("??/*")} == {
        kept.blob(each).name for each in (b"young", b"release", b"directory", b"1,2")
    }


def test_no_classroom_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["store", "verify", f"--home={tmp_path}"])
    assert str(done.exception) == (
        f"There is no classroom in {tmp_path}. Give its folder with --home."
    )
    assert list(tmp_path.iterdir()) == []


Verify = Callable[..., tuple[int, str]]


@pytest.fixture
def verify(kept: Kept, tmp_path: Path) -> Verify:
    """``lesesal receipt verify`` of a receipt that a student has kept."""

    def run(*options: str, text: str = kept.receipt) -> tuple[int, str]:
        file = tmp_path / "receipt.json"
        file.write_text(text)
        done = CliRunner().invoke(app, ["receipt", "verify", str(file), *options])
        return done.exit_code, done.output

    return run


def test_a_genuine_receipt(kept: Kept, verify: Verify) -> None:
    key = receipts.read(kept.receipt).key
    assert verify(f"--home={kept.home}") == (
        0,
        f"The receipt {kept.id} is genuine, signed with the key {key}.\n"
        "ben handed in optics/lenses at 2026-11-21 12:00:00.000000 UTC "
        "(on time, due 2100-01-01 00:00:00 UTC).\n",
    )


def test_with_nothing_but_the_public_key(kept: Kept, verify: Verify, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    (kept.home / "receipt-keys.json").rename(keys)
    assert verify(f"--key={keys}")[0] == 0
    indented = json.dumps(json.loads(kept.receipt), indent=8)
    assert verify(f"--key={keys}", text=indented)[0] == 0
    keys.write_text('{"keys": []}')
    status, text = verify(f"--key={keys}")
    assert status == 1
    assert text == (
        f"The receipt {kept.id} is not genuine: no key in {keys} has signed what it says.\n"
    )


def test_an_altered_receipt(kept: Kept, verify: Verify) -> None:
    status, text = verify(
        f"--home={kept.home}", text=kept.receipt.replace('"user": "ben"', '"user": "eve"')
    )
    assert (status, text.partition(":")[0]) == (1, f"The receipt {kept.id} is not genuine")


def test_the_files_of_a_receipt(kept: Kept, verify: Verify, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    (folder / "data").mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "notes.txt").write_text("of no matter")
    options = (f"--home={kept.home}", f"--files={folder}")
    status, text = verify(*options)
    assert (status, text.splitlines()[-1]) == (
        0,
        f"{folder} has the 2 files that were handed in, byte for byte.",
    )
    (folder / "lenses.ipynb").write_bytes(b"worm")
    (folder / "data" / "b.csv").unlink()
    status, text = verify(*options)
    assert (status, text.splitlines()[-3:]) == (
        1,
        [
            "data/b.csv is not there.",
            "lenses.ipynb is not what was handed in.",
            f"{folder} does not have the 2 files that were handed in.",
        ],
    )

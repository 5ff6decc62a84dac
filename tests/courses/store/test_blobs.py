"""A blob is complete or absent."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_disks
from classroom_kit import course, put

from courses.errors import NoSpace, TooLarge
from courses.store import Blob, BlobStore, Store

CONTENT = b"content"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def files(store: BlobStore) -> list[str]:
    return sorted(
        p.relative_to(store.root).as_posix() for p in store.root.rglob("*") if p.is_file()
    )


def test_a_blob_is_under_its_digest(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    with store.incoming(100) as incoming:
        incoming.write(CONTENT[:3])
        incoming.write(CONTENT[3:])
        assert incoming.keep() == Blob(DIGEST, 7)
    assert store.path(DIGEST).read_bytes() == CONTENT
    assert files(store) == [f"{DIGEST[:2]}/{DIGEST[2:]}"]
    assert store.path(DIGEST).stat().st_mode & 0o777 == 0o600


def test_the_same_content_twice_is_one_blob(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    for _ in range(2):
        with store.incoming(100) as incoming:
            incoming.write(CONTENT)
            incoming.keep()
    assert files(store) == [f"{DIGEST[:2]}/{DIGEST[2:]}"]


def test_what_is_not_kept_is_gone(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    with store.incoming(100) as incoming:
        incoming.write(CONTENT)
        assert incoming.path.read_bytes() == CONTENT
    assert files(store) == []


def test_the_limit_holds_while_it_grows(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    with store.incoming(10) as incoming:
        incoming.write(b"x" * 10)
        with pytest.raises(TooLarge, match=r"^The archive is larger than 10 bytes\. "):
            incoming.write(b"x")
        assert incoming.path.stat().st_size == 10


def test_it_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = BlobStore(tmp_path / "blobs")
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def seen_fsync(handle: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{handle}').readlink().name[:4]}")
        fsync(handle)

    def seen_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "rename", seen_rename)
    with store.incoming(100) as incoming:
        incoming.write(CONTENT)
        name = incoming.path.name
        incoming.keep()
    assert steps == [f"sync {name[:4]}", "sync blob", "rename", f"sync {DIGEST[:2]}"]


def test_a_write_after_the_end_touches_no_other_file(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    incoming = store.incoming(100)
    thread = threading.Thread(target=incoming.discard)
    thread.start()
    thread.join()
    with pytest.raises(ValueError, match="closed"):
        incoming.write(CONTENT)


def test_what_a_dead_process_left_is_swept_a_day_later(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    old, new = store.incoming_folder / "old", store.incoming_folder / "new"
    for path in (old, new):
        path.touch()
    os.utime(old, (1, 1))
    BlobStore(tmp_path / "blobs")
    assert (old.exists(), new.exists()) == (False, True)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    with tiny_disks.tiny_disk(tmp_path / "disk", megabytes=1, files=200) as disk:
        yield disk


FULL = (
    "The classroom's disk is full, so nothing was stored. "
    "Keep your work, and tell the people who run this service."
)


def test_a_full_disk_while_writing(tiny_disk: Path) -> None:
    store = BlobStore(tiny_disk / "blobs")
    with store.incoming(10**9) as incoming, pytest.raises(NoSpace) as caught:
        incoming.write(b"x" * 2_000_000)
    assert str(caught.value) == FULL
    assert files(store) == []


def test_a_full_disk_in_the_database(tiny_disk: Path) -> None:
    """The transaction is undone as a whole, and the next one works when there is room again."""
    store = Store.of_home(tiny_disk)
    filler = tiny_disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(b"x" * 2_000_000)
    large = course(summary="x" * 200_000)
    with pytest.raises(NoSpace) as caught:
        put(store, large)
    assert str(caught.value) == FULL
    filler.unlink()
    assert put(store, course())[0] == "course optics is new"
    store.close()

"""The files of a session, also in a home whose owner put something else in their place."""

import os
import stat
from pathlib import Path

import pytest

from spawners.unix import files

FILES = {"token": "t", "session.json": "{}"}


def tree(folder: Path) -> dict[str, str]:
    """What is under a folder, by path: its kind, rights and text."""
    return {
        str(path.relative_to(folder)): stat.filemode(path.lstat().st_mode)
        + (" " + path.read_text() if path.is_file() else "")
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = files.log_file(tmp_path, "hub", "ai", 1)
    path.parent.mkdir(parents=True)
    return path


def test_an_attempt_has_its_files_and_nobody_else_may_see_them(tmp_path: Path) -> None:
    assert files.prepare(tmp_path, "hub", "ai", 2, FILES) == tmp_path / "sessions/hub/ai/2"
    assert tree(tmp_path / "sessions" / "hub") == {
        "ai": "drwx------",
        "ai/2": "drwx------",
        "ai/2/session.json": "-rw------- {}",
        "ai/2/token": "-rw------- t",
    }


def test_an_attempt_goes_alone_and_a_session_with_all_of_them(tmp_path: Path) -> None:
    for attempt in (1, 2):
        files.prepare(tmp_path, "hub", "ai", attempt, FILES)
    files.prepare(tmp_path, "hub", "ml", 1, FILES)
    files.remove(tmp_path, "hub", "ai", 1)
    assert sorted(path.name for path in (tmp_path / "sessions/hub/ai").iterdir()) == ["2"]
    files.remove(tmp_path, "hub", "ai")
    files.remove(tmp_path, "hub", "ai")
    assert sorted(path.name for path in (tmp_path / "sessions/hub").iterdir()) == ["ml"]


@pytest.mark.parametrize("place", ["sessions/hub/ai", "sessions/hub/ai/1"])
@pytest.mark.parametrize("kind", ["file", "fifo", "symlink", "dangling symlink"])
def test_what_stands_in_a_folders_place_is_removed_and_not_followed(
    tmp_path: Path, place: str, kind: str
) -> None:
    state, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (elsewhere / "thesis").write_text("all of it")
    inside = tree(tmp_path)["elsewhere"], tree(elsewhere)
    for action in (
        lambda: files.prepare(state, "hub", "ai", 1, FILES),
        lambda: files.remove(state, "hub", "ai", 1 if place.endswith("1") else None),
    ):
        files.remove(state, "hub", "ai")
        (state / place).parent.mkdir(parents=True, exist_ok=True)
        if kind == "file":
            (state / place).write_text("mine")
        elif kind == "fifo":
            os.mkfifo(state / place)
        else:
            (state / place).symlink_to(elsewhere if kind == "symlink" else "nowhere")
        action()
        assert (tree(tmp_path)["elsewhere"], tree(elsewhere)) == inside
        assert not (state / place).is_symlink()
        if (state / place).exists():
            assert tree(state / "sessions/hub")["ai/1/token"] == "-rw------- t"


def test_a_file_that_can_not_be_written_leaves_none_half_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        files.prepare(tmp_path, "hub", "ai", 1, {"token": "t", "session.json": "\ud800"})
    assert tree(tmp_path / "sessions/hub/ai/1") == {"token": "-rw------- t"}


def test_what_an_attempt_inherits_is_what_was_written_for_the_other(tmp_path: Path) -> None:
    first = files.prepare(tmp_path, "hub", "ai", 1, {**FILES, "key.pem": "k"})
    os.mkfifo(first / "fifo")
    (first / "folder").mkdir()
    (first / ".half-written").write_text("x")
    (first / "link").symlink_to("/etc/passwd")
    second = files.prepare(tmp_path, "hub", "ai", 2, {"session.json": "new"}, inherit=1)
    assert tree(second) == {
        "key.pem": "-rw------- k",
        "session.json": "-rw------- new",
        "token": "-rw------- t",
    }


def test_the_last_lines_of_a_log(log: Path, tmp_path: Path) -> None:
    def tail(lines: int) -> str:
        return files.log_tail(tmp_path, "hub", "ai", 1, lines)

    assert tail(5) == ""
    log.write_text("")
    assert tail(5) == ""
    log.write_bytes(b"one\r\n\ntwo \xff\n10%\r20%\rthree, not ended")
    assert tail(2) == "20%\nthree, not ended\n"
    assert tail(50) == "one\n\ntwo \N{REPLACEMENT CHARACTER}\n10%\n20%\nthree, not ended\n"
    assert tail(0) == tail(-1) == ""
    log.write_text("x" * 10_000 + "\nend\n")
    assert tail(2) == "x" * 500 + "\nend\n"


@pytest.mark.timeout(60)
def test_a_log_that_is_no_file_or_has_no_end_holds_nobody_up(log: Path, tmp_path: Path) -> None:
    def tail() -> str:
        return files.log_tail(tmp_path, "hub", "ai", 1, 20)

    os.mkfifo(log)
    assert tail() == ""
    log.unlink()
    log.mkdir()
    assert tail() == ""
    log.rmdir()
    (tmp_path / "private").write_text("somebody's")
    log.symlink_to(tmp_path / "private")
    assert tail() == ""
    log.unlink()
    with log.open("wb") as file:
        # Without a byte on the disk, and without a line's end.
        file.truncate(1 << 40)
    assert tail() == "\0" * 500 + "\n"


def test_a_new_session_does_not_show_the_last_ones_words(log: Path, tmp_path: Path) -> None:
    os.mkfifo(log)
    files.prepare(tmp_path, "hub", "ai", 1, {})
    assert not log.exists()

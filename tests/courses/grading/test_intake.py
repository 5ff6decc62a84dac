"""A submission's folder: what is refused, and that nothing outside it is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from courses.grading import intake
from courses.grading.intake import RefusedError

IGNORED = (".ipynb_checkpoints", "*.pyc")


def look(folder: Path, most: int = 10**6) -> intake.Handed:
    return intake.look(folder, IGNORED, most)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "handed"
    (folder / "data").mkdir(parents=True)
    (folder / "answers.ipynb").write_text("{}")
    (folder / "data" / "mine.csv").write_text("1,2")
    return folder


def test_files_are_listed_without_what_is_ignored(folder: Path) -> None:
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "answers.ipynb").symlink_to("/etc/passwd")
    (folder / "x.pyc").write_text("")
    (folder / "data" / "more.ipynb").write_text("{}")
    found = look(folder)
    assert found.files == {"answers.ipynb": 2, "data/mine.csv": 3, "data/more.ipynb": 2}
    assert (found.notebooks, found.others) == (("answers",), ("data/mine.csv",))


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _deep(path: Path) -> None:
    path.joinpath(*["d"] * (intake.MAX_DEPTH + 1)).mkdir(parents=True)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: path.symlink_to(path.parents[1] / "secret"), "link"),
        (lambda path: path.symlink_to("nowhere"), "link"),
        (lambda path: path.symlink_to(path.parents[1]), "link"),
        (lambda path: path.hardlink_to(path.parents[1] / "secret"), "link"),
        (_fifo, "link"),
        (lambda path: os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5)), "link"),
        (lambda path: Path(f"{path}\n").write_text(""), "name"),
        (lambda path: Path(f"{path}\\x").write_text(""), "name"),
        (lambda path: Path(os.fsdecode(os.fsencode(path) + b"\xff")).write_text(""), "name"),
        (_deep, "name"),
        (lambda path: path.write_bytes(b"x" * 10**6), "size"),
    ],
    ids="link dangling folder hard pipe device newline backslash bytes deep large".split(),
)
def test_what_is_no_plain_file_of_a_plain_name_is_refused(
    folder: Path, make: Callable[[Path], object], kind: str
) -> None:
    try:
        make(folder / "thing")
    except PermissionError:
        pytest.skip("only root makes devices")
    with pytest.raises(RefusedError) as refused:
        look(folder)
    assert refused.value.reason.kind == kind
    str(refused.value.reason.facts["file"]).encode("utf-8")


def test_more_files_than_the_limit_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_FILES", 1)
    with pytest.raises(RefusedError) as refused:
        look(folder)
    assert refused.value.reason.kind == "size"


def test_a_file_that_became_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    handed = look(folder)
    (folder / "answers.ipynb").unlink()
    (folder / "answers.ipynb").symlink_to(tmp_path / "secret")
    for call in (
        lambda: intake.read(handed, "answers.ipynb"),
        lambda: intake.copy(handed, "answers.ipynb", tmp_path / "copy"),
        lambda: intake.digest(handed, ""),
    ):
        with pytest.raises(RefusedError):
            call()
    assert not (tmp_path / "copy").exists()


def test_no_more_is_copied_than_was_looked_at(folder: Path, tmp_path: Path) -> None:
    handed = look(folder)
    (folder / "data" / "mine.csv").write_text("1,2,3,4")
    intake.copy(handed, "data/mine.csv", tmp_path / "new" / "copy")
    assert (tmp_path / "new" / "copy").read_text() == "1,2"
    with pytest.raises(RefusedError) as refused:
        intake.read(handed, "data/mine.csv", most=3)
    assert refused.value.reason.facts == {"file": "data/mine.csv", "bytes": 7}


def test_the_digest_tells_names_and_contents_apart(folder: Path) -> None:
    before = intake.digest(look(folder), "x")
    assert before == intake.digest(look(folder), "x")
    assert before != intake.digest(look(folder), "y")
    (folder / "data" / "mine.csv").rename(folder / "data" / "theirs.csv")
    renamed = intake.digest(look(folder), "x")
    (folder / "data" / "theirs.csv").write_text("2,1")
    assert len({before, renamed, intake.digest(look(folder), "x")}) == 3

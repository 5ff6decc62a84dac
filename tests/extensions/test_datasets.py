"""A session's datasets: linked under one path before it starts, or it does not start."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from deployed import CHECKOUT
from extensions.session.stand_in import PYTHON

from lesesal_notebook.datasets import FOLDER, SOURCES, DatasetError, dataset, place


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "cluster" / "letters.csv"
    file.parent.mkdir()
    file.write_text("a,b\n")
    file.chmod(0o444)
    return file


def wanted(source: Path, size: int = 4) -> dict[str, str]:
    sources = [{"name": "letters", "source": str(source), "size": size}]
    return {SOURCES: json.dumps(sources), "LESESAL_COURSE": "optics"}


def test_it_is_read_by_its_name(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    variables = place(wanted(source), home)
    assert variables == {FOLDER: str(home / "datasets" / "optics")}
    monkeypatch.setenv(FOLDER, variables[FOLDER])
    assert dataset("letters") == home / "datasets" / "optics" / "letters"
    assert dataset("letters").read_text() == "a,b\n"
    with pytest.raises(DatasetError, match=r"no dataset 'words' in .*/optics. There are letters\."):
        dataset("words")
    source.unlink()
    with pytest.raises(DatasetError, match=r"should be at .*letters.csv, and is not there"):
        dataset("letters")


def test_a_course_without_any_leaves_the_home_alone(tmp_path: Path) -> None:
    assert place({SOURCES: "[]", "LESESAL_COURSE": "optics"}, tmp_path) == {}
    assert place({}, tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_it_moved(source: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    place(wanted(source), home)
    new = source.rename(source.with_name("new.csv"))
    place(wanted(new), home)
    place(wanted(new), home)
    assert (home / "datasets" / "optics" / "letters").readlink() == new


def test_what_is_somebodys_own_stays(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "datasets" / "optics"
    (folder / "letters").mkdir(parents=True)
    (folder / "letters" / "mine.txt").write_text("mine")
    place(wanted(source), tmp_path / "home")
    assert (folder / "letters").read_text() == "a,b\n"
    assert (folder / "letters.mine" / "mine.txt").read_text() == "mine"


def test_the_place_is_taken(source: Path, tmp_path: Path) -> None:
    (tmp_path / "datasets").write_text("mine")
    with pytest.raises(DatasetError, match=r"can't be shown in .*datasets/optics: .*Make room"):
        place(wanted(source), tmp_path)
    assert (tmp_path / "datasets").read_text() == "mine"


def test_a_session_whose_dataset_is_missing_does_not_start(source: Path, tmp_path: Path) -> None:
    """The program ends with the sentence before the hub hears of it."""
    files = tmp_path / "session"
    files.mkdir()
    (files / "token").write_text("secret")
    for sources, sentence in (
        (wanted(source, size=5), "has 4 bytes, and should have 5. Please tell"),
        (wanted(source.with_name("gone")), "is not at {}/gone (No such file or directory)"),
    ):
        settings = {
            **sources,
            "LESESAL_BIND": "127.0.0.1",
            # Nobody listens there: asking it would take a quarter of an hour.
            "JUPYTERHUB_API_URL": "http://127.0.0.1:9/hub/api",
            "LESESAL_ROLE": "student",
            "LESESAL_ATTEMPT": "1",
        }
        (files / "session.json").write_text(json.dumps(settings))
        done = subprocess.run(
            [PYTHON, "-P", "-m", "lesesal_notebook.session"],
            env={
                "PATH": os.defpath,
                "HOME": str(tmp_path),
                "PYTHONPATH": str(CHECKOUT / "extensions"),
                "LESESAL_SESSION_DIR": str(files),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert sentence.format(source.parent) in done.stderr
        assert "Traceback" not in done.stderr

"""A dataset is what course.toml names, or there is a sentence that says why not."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from courses import catalogue
from courses.cli import app
from courses.datasets import Dataset, Fingerprint, fingerprint, problem
from courses.errors import CatalogueError, NotFound

TOML = """slug = "optics"
title = "Optics"
summary = "Light."
offers = ["cpu-small"]
timezone = "Europe/Oslo"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset that is a folder, with what does not belong to it beside."""
    place = tmp_path / "letters"
    (place / "b").mkdir(parents=True)
    (place / "a.csv").write_text("alpha\n")
    (place / "b" / "z.bin").write_bytes(bytes(range(256)) * 9000)
    (place / "B.csv").write_text("")
    (place / ".DS_Store").write_text("left by an editor")
    (place / ".git").mkdir()
    (place / ".git" / "HEAD").write_text("main")
    (place / "link").symlink_to("/etc/passwd")
    return place


def named(path: Path) -> Dataset:
    found = fingerprint(path)
    return Dataset("letters", str(path), found.size, found.sha256, "CC0-1.0")


def test_a_folder_is_known_by_what_sha256sum_prints(folder: Path) -> None:
    script = r"find . -type f -not -path '*/.*' | sed 's|^\./||' | LC_ALL=C sort | xargs sha256sum"
    printed = subprocess.run(
        ["/bin/bash", "-c", f"{script} | sha256sum"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert fingerprint(folder) == Fingerprint(6 + 256 * 9000, printed.stdout.split()[0])


def test_what_is_read_is_told(folder: Path) -> None:
    told: list[int] = []
    found = fingerprint(folder, told.append)
    assert len(told) > 2
    assert sum(told) == found.size


def test_a_flipped_bit_is_found(folder: Path) -> None:
    dataset = named(folder)
    assert problem(dataset) == ""
    with (folder / "b" / "z.bin").open("r+b") as file:
        file.seek(1_234_567)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 4]))
    assert "is not what course.toml names: its SHA-256 is" in problem(dataset)


def test_a_renamed_file_is_found(folder: Path) -> None:
    dataset = named(folder)
    (folder / "a.csv").rename(folder / "c.csv")
    assert "is not what course.toml names" in problem(dataset)


def test_what_is_missing_or_short(folder: Path) -> None:
    dataset = named(folder / "a.csv")
    assert problem(dataset) == ""
    (folder / "a.csv").write_text("alp")
    assert problem(dataset) == (
        f"letters at {folder}/a.csv has 3 bytes, and should have 6. Copy it again."
    )
    gone = replace(dataset, source=str(folder / "gone.csv"))
    assert problem(gone) == (
        f"letters is not at {folder}/gone.csv. Put it there, or correct its source in course.toml."
    )


def test_the_commands(tmp_path: Path, folder: Path) -> None:
    """What `describe` prints is what `verify` accepts, once it has a licence."""
    run = CliRunner().invoke
    described = run(app, ["data", "describe", str(folder)])
    assert described.exit_code == 0
    course = tmp_path / "course"
    course.mkdir()
    text = described.stdout.replace('licence = ""', 'licence = "CC0-1.0"')
    (course / "course.toml").write_text(f"{TOML}\n{text}")
    assert catalogue.load(course).datasets == (named(folder),)
    fine = run(app, ["data", "verify", str(course)])
    assert (fine.exit_code, fine.stdout) == (
        0,
        "letters: 2.3 MB, as course.toml names it (CC0-1.0)\n",
    )
    (folder / "a.csv").write_text("aleph\n")
    flipped = run(app, ["data", "verify", str(course), "letters"])
    assert flipped.exit_code == 1
    assert "is not what course.toml names" in flipped.stdout
    with pytest.raises(NotFound, match=r"names no dataset 'words'\. It has: letters"):
        run(app, ["data", "verify", str(course), "words"], catch_exceptions=False)


def test_a_course_without_any(tmp_path: Path) -> None:
    (tmp_path / "course.toml").write_text(TOML)
    done = CliRunner().invoke(app, ["data", "verify", str(tmp_path)])
    assert (done.exit_code, done.stdout) == (0, "optics names no datasets.\n")


def test_one_in_the_courses_folder(tmp_path: Path) -> None:
    table = (
        '[[datasets]]\nname = "a"\nsource = "{}"\nsize = 1\nsha256 = "{}"\nlicence = "CC0-1.0"\n'
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("a")
    file = tmp_path / "course.toml"
    file.write_text(TOML + table.format("data/a", "0" * 64))
    (dataset,) = catalogue.load(tmp_path).datasets
    assert dataset.source == str(tmp_path / "data" / "a")
    wrong = [("data/b", "0" * 64), ("../b", "0" * 64), ("/cluster/b", "0" * 63)]
    file.write_text(TOML + "".join(table.format(*each) for each in wrong[:2]))
    with pytest.raises(CatalogueError) as caught:
        catalogue.load(tmp_path)
    assert list(caught.value.problems) == [
        "course.toml line 8, datasets[0].source: 'data/b' is not in the course's folder. "
        "Put it there.",
        "course.toml line 13, datasets[1].name: 'a' is there already. "
        "Give each dataset its own name.",
        "course.toml line 14, datasets[1].source: '../b' is outside the course's folder. "
        "Give the whole path.",
    ]
    file.write_text(TOML + table.format(*wrong[2]))
    with pytest.raises(CatalogueError, match=r"line 10, datasets.0..sha256: must be 64 digits"):
        catalogue.load(tmp_path)

"""The state folder and the demo's accounts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from courses.errors import SetupError
from courses.machine import home


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    place = tmp_path / "a" / "var"
    home.prepare(place)
    assert place.stat().st_mode & 0o777 == 0o700


def test_an_empty_folder_is_tightened(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    home.prepare(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    tmp_path.chmod(0o755)
    with pytest.raises(SetupError, match="has other things in it"):
        home.prepare(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    with pytest.raises(SetupError) as caught:
        home.prepare(tmp_path / "var")
    assert str(caught.value) == f"The state folder {tmp_path}/var cannot be made: File exists."


def test_accounts_are_made_once(tmp_path: Path) -> None:
    accounts = home.demo_accounts(tmp_path, "optics")
    path = tmp_path / "demo-accounts.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [list(each) for each in json.loads(path.read_text())] == [
        ["name", "password", "role", "course"]
    ] * 4
    assert [(each.name, each.role, each.course) for each in accounts] == [
        ("instructor", "instructor", "optics"),
        *((f"student{number}", "student", "optics") for number in (1, 2, 3)),
    ]
    assert len({each.password for each in accounts}) == 4
    assert home.demo_accounts(tmp_path, "optics") == accounts
    assert [each.name for each in tmp_path.iterdir()] == ["demo-accounts.json"]


def test_passwords_are_easy_to_type() -> None:
    assert re.fullmatch(r"[a-z]{4}(-[a-z]{4}){3}", home.password())

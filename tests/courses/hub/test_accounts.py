"""The accounts of the demo."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from courses.hub import AccountsAuthenticator


def write(path: Path, **passwords: str) -> Path:
    path.write_text(json.dumps([{"name": n, "password": p} for n, p in passwords.items()]))
    path.chmod(0o600)
    return path


async def login(authenticator: AccountsAuthenticator, name: str, password: str) -> str | None:
    """As the hub does it: authenticate, then check that the person is allowed."""
    form = {"username": name, "password": password}
    found = await authenticator.get_authenticated_user(None, form)
    return found and str(found["name"])


async def test_the_right_password(tmp_path: Path) -> None:
    path = write(tmp_path / "accounts.json", kari="løk", ola="pass")
    authenticator = AccountsAuthenticator(accounts_file=str(path))
    assert await login(authenticator, "kari", "løk") == "kari"
    assert await login(authenticator, "Kari", "løk") == "kari"
    for name, password in [("kari", "pass"), ("kari", ""), ("nobody", ""), ("nobody", "x")]:
        assert await login(authenticator, name, password) is None


async def test_an_empty_password_is_nobodys(tmp_path: Path) -> None:
    authenticator = AccountsAuthenticator(accounts_file=str(write(tmp_path / "a", kari="")))
    assert await login(authenticator, "kari", "") is None


async def test_only_names_in_the_file_are_allowed(tmp_path: Path) -> None:
    authenticator = AccountsAuthenticator(accounts_file=str(write(tmp_path / "a", kari="x")))
    assert authenticator.check_allowed("kari")
    assert not authenticator.check_allowed("ola")


async def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = write(tmp_path / "a", kari="one")
    authenticator = AccountsAuthenticator(accounts_file=str(path))
    assert await login(authenticator, "kari", "one") == "kari"
    write(path, kari="two", ola="x")
    os.utime(path, ns=(1, 1))
    assert await login(authenticator, "kari", "one") is None
    assert await login(authenticator, "ola", "x") == "ola"
    path.unlink()
    assert await login(authenticator, "ola", "x") is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602])
async def test_a_file_that_others_may_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    path = write(tmp_path / "a", kari="x")
    path.chmod(mode)
    authenticator = AccountsAuthenticator(accounts_file=str(path), log=logging.getLogger("t"))
    assert await login(authenticator, "kari", "x") is None
    assert caplog.messages[0] == (
        f"Nobody can log in: {path} has passwords and may be read by others. Run: chmod 600 {path}"
    )


async def test_a_file_that_is_no_list(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a"
    path.write_text('{"kari": "secret"}')
    path.chmod(0o600)
    authenticator = AccountsAuthenticator(accounts_file=str(path), log=logging.getLogger("t"))
    assert await login(authenticator, "kari", "secret") is None
    assert "is not a JSON list" in caplog.text
    assert "secret" not in caplog.text

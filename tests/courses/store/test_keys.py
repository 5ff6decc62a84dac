"""The key is made once, is nobody else's, and is never lost to a second one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from courses import receipts
from courses.errors import SetupError
from courses.store.keys import PRIVATE, PUBLIC, Keys


def test_it_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = Keys(tmp_path).signer.public
    assert (tmp_path / PRIVATE).stat().st_mode & 0o777 == 0o600
    assert Keys(tmp_path).signer.public == first
    assert Keys(tmp_path).published() == {receipts.key_id(first): first}
    assert sorted(path.name for path in tmp_path.iterdir()) == [PRIVATE, PUBLIC]


def test_several_processes_make_one(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from courses.store.keys import Keys\n"
        "sys.stdin.read(1); print(Keys(Path(sys.argv[1])).signer.public.hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    made = [subprocess.Popen(command, **pipes) for _ in range(4)]  # type: ignore[call-overload]
    for each in made:
        each.stdin.write("x")
        each.stdin.close()
    assert len({each.stdout.read() for each in made}) == 1
    assert [each.wait() for each in made] == [0] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [PRIVATE, PUBLIC]


def test_another_process_is_a_little_quicker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate, first = Ed25519PrivateKey.generate, []

    def late() -> Ed25519PrivateKey:
        monkeypatch.undo()
        first.append(Keys(tmp_path).signer.public)
        return generate()

    monkeypatch.setattr(Ed25519PrivateKey, "generate", late)
    assert [Keys(tmp_path).signer.public] == first


def test_who_takes_the_key_away_keeps_the_old_receipts(tmp_path: Path) -> None:
    first = Keys(tmp_path).signer.public
    (tmp_path / PRIVATE).unlink()
    second = Keys(tmp_path).signer.public
    assert list(Keys(tmp_path).published().values()) == [first, second]
    (tmp_path / PUBLIC).unlink()
    assert list(Keys(tmp_path).published().values()) == [second]
    assert len(json.loads((tmp_path / PUBLIC).read_text())["keys"]) == 1


def test_a_key_that_cannot_be_used(tmp_path: Path) -> None:
    Keys(tmp_path).signer  # noqa: B018  which makes it
    (tmp_path / PRIVATE).chmod(0o640)
    with pytest.raises(SetupError, match=r"may be read by others\. .*chmod 600"):
        Keys(tmp_path).signer  # noqa: B018
    (tmp_path / PRIVATE).chmod(0o600)
    (tmp_path / PRIVATE).write_text("nothing")
    with pytest.raises(SetupError, match="is no key"):
        Keys(tmp_path).signer  # noqa: B018

"""A Formgrader's life: it ends with who started it, and one that hangs is given up."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from courses import formgrader
from courses.classroom import formgraders
from courses.classroom.formgraders import Formgraders
from courses.coursedir.child import environment
from courses.errors import Unavailable

pytestmark = pytest.mark.slow


def test_it_ends_with_who_started_it(untouched: Path, tmp_path: Path) -> None:
    address = tmp_path / "socket"
    program = subprocess.Popen(
        [sys.executable, "-m", "courses.formgrader", str(untouched), str(address)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(tmp_path),
    )
    assert program.stdout
    assert program.stdout.readline() == b"ready\n"
    assert address.stat().st_mode & 0o777 == 0o600
    program.communicate(timeout=120)
    assert program.returncode == 0
    assert not address.exists()


def test_one_that_hangs_is_given_up(
    untouched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Formgraders(tmp_path / "formgraders", logging.getLogger("test"))
    headers = {formgrader.BASE: "/courses/optics"}

    async def story() -> None:
        async def page() -> int:
            answer = await running.ask("optics", untouched, "formgrader/gradebook", headers=headers)
            return answer.code

        assert await asyncio.gather(page(), page()) == [200, 200]
        (only,) = running._running.values()
        os.kill(only.process.pid, signal.SIGSTOP)
        with monkeypatch.context() as patch:
            patch.setattr(formgraders, "_PAGE_SECONDS", 0.5)
            with pytest.raises(Unavailable, match="took too long"):
                await page()
        await only.process.wait()
        assert await page() == 200
        (other,) = running._running.values()
        running.close()
        await other.process.wait()

    asyncio.run(story())


def test_one_that_does_not_start_is_said(tmp_path: Path) -> None:
    too_long = tmp_path / ("f" * 100)  # for a socket
    running = Formgraders(too_long, logging.getLogger("test"))
    with pytest.raises(Unavailable, match="does not start"):
        asyncio.run(running.ask("optics", tmp_path, "formgrader/gradebook", headers={}))

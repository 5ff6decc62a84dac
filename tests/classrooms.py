"""A whole classroom, as `make run` and `make slurm` start it, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

from hubs import until_it_answers

# Ten on a machine that does nothing else, more than seventy seen on a busy one.
SECONDS = 300
# From the address that people see (courses/machine/ports.py).
OFFSETS = (0, 1, 81, 82)


@dataclass(frozen=True)
class Classroom:
    """A classroom that runs.

    Attributes:
        url: what people open, without a slash at the end.
        home: its state folder.
        passwords: of the demo's accounts, by name.
        output: what it printed.
        process: the hub.
    """

    url: str
    home: Path
    passwords: Mapping[str, str]
    output: Path
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def running_classroom(
    home: Path,
    python: Path = Path(sys.executable),
    prefix: Sequence[str] = (),
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Iterator[Classroom]:
    """`lesesal run` in a state folder; ended with Ctrl-C's signal, as a person would.

    Args:
        home: its state folder; made when it is missing.
        python: the interpreter of its hub side.
        prefix: goes before the command, such as what makes it another account's.
        options: of `lesesal run`.
        environment: what it has beside this process's.
        port: what people see; a free one by default.
    """
    port = port or free_port()
    output = home.parent / f"{home.name}.log"
    command = [python, "-m", "courses.cli", "run", f"--port={port}", f"--home={home}", *options]
    with output.open("wb") as out:
        process = subprocess.Popen(
            [*prefix, *command],
            cwd=home.parent,
            env={**os.environ, **(environment or {})},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        until_it_answers(f"{url}/services/classroom/api/health", process, output, SECONDS)
        accounts = json.loads((home / "demo-accounts.json").read_text())
        passwords = {account["name"]: account["password"] for account in accounts}
        yield Classroom(url, home, passwords, output, process)
    finally:
        # Ctrl-C reaches the whole foreground group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def free_port() -> int:
    """A port that is free together with those that follow from it."""
    # Tests that run beside these look among others (pytest-xdist).
    first = 8300 + 4000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in range(first, first + 4000, 200):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for offset in OFFSETS:
                probe = stack.enter_context(socket.socket())
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port + offset))
            return port
    raise RuntimeError("No free ports.")


def chromium() -> str:
    """The browser's path; empty where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or ""


def browser_missing() -> list[str]:
    """What keeps a browser from being driven here, as sentences."""
    sentences = []
    if not chromium():
        sentences.append("Chromium is not installed (Debian package chromium).")
    if find_library("atomic") is None:
        sentences.append("Playwright's driver lacks a library (Debian package libatomic1).")
    return sentences

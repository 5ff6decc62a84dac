"""Code, also hostile, in real sandboxes, inside outer walls: see `sandbox_host.py`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesesal_notebook.kernels.sandbox import Sandbox

HOST = Path(__file__).with_name("sandbox_host.py")
EXTENSIONS = HOST.parents[1] / "extensions"
NOBODY = 65534
SECONDS = 120
MEMORY, PROCESSES = 3 << 30, 2000


def missing() -> str:
    """Why no hostile code can be run here; empty where it can."""
    if os.getuid() != 0:
        return "The outer walls need root."
    absent = [name for name in ("unshare", "setpriv", "timeout") if not shutil.which(name)]
    return f"Not installed: {', '.join(absent)}" if absent else ""


@dataclass(frozen=True)
class Ran:
    """One sandbox's end: what it printed, its account, the keeper's status."""

    output: str
    account: dict[str, Any]
    status: int


@dataclass(frozen=True)
class Run:
    """All of them, what was left behind, and the seconds that it took."""

    ended: list[Ran]
    left: list[str]
    seconds: float


def run(
    *wanted: tuple[Sandbox, str],
    user: int = 0,
    preload: tuple[str, ...] = (),
    kill: int | None = None,
    environment: dict[str, str] | None = None,
    before: tuple[str, ...] = (),
) -> Run:
    """Run code in sandboxes, beside each other, as a user outside."""
    argv = [*("timeout", "--kill-after=5", str(SECONDS))]
    argv += ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *before]
    if user:
        argv += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    description = {
        "preload": preload,
        "kill": kill,
        "sandboxes": [
            {"sandbox": each.to_dict(), "code": textwrap.dedent(code)} for each, code in wanted
        ],
    }
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(EXTENSIONS), "LANG": "C.UTF-8"}
    with _outer_group() as folders:
        done = subprocess.run(
            [*argv, sys.executable, str(HOST)],
            input=json.dumps(description),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=env | (environment or {}),
            preexec_fn=lambda: [(each / "cgroup.procs").write_text("0") for each in folders],
        )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return Run([Ran(**each) for each in said["ended"]], said["left"], said["seconds"])


def one(sandbox: Sandbox, code: str, **how: Any) -> Ran:
    """Run code in one sandbox; nothing may be left behind."""
    done = run((sandbox, code), **how)
    assert done.left == []
    return done.ended[0]


@contextlib.contextmanager
def _outer_group() -> Iterator[list[Path]]:
    """Limits beyond the sandbox's, where there are control groups of version 1."""
    name = f"lesesal-outer-{os.getpid()}"
    limits = {"memory": ("memory.limit_in_bytes", MEMORY), "pids": ("pids.max", PROCESSES)}
    made: list[Path] = []
    for kind in ("memory", "pids", "cpu", "cpuacct"):
        if (Path("/sys/fs/cgroup") / kind / "cgroup.procs").exists():
            made.append(Path("/sys/fs/cgroup") / kind / name)
            made[-1].mkdir()
            if kind in limits:
                file, most = limits[kind]
                (made[-1] / file).write_text(str(most))
    try:
        yield made
    finally:
        for folder in made:
            for left in folder.glob("lesesal-kernel-*"):
                left.rmdir()
            folder.rmdir()

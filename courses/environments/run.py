"""The programs that build an environment: the one place that runs them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from courses.errors import BuildFailed

LAST_WORDS = 20
# What would reach into the environment that is being built, or keep bytecode out of it.
FOREIGN = ("PYTHON", "VIRTUAL_ENV", "CONDA", "UV_PYTHON", "UV_PROJECT")


def run(argv: Sequence[str | Path], *, keep: Sequence[int] = ()) -> str:
    """Run a program to its end and return what it printed.

    Args:
        keep: open files that it holds too: a lock stays until the last program has ended, also
            when the one that took it was killed.

    Raises `BuildFailed` with the program's last words.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
    try:
        done = subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=keep,
            umask=0o022,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise BuildFailed(f"{argv[0]} could not be started: {error.strerror}.") from error
    if done.returncode != 0:
        said = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
        words = "\n".join(f"  | {line}" for line in said[-LAST_WORDS:])
        raise BuildFailed(f"{Path(argv[0]).name} failed (exit status {done.returncode}).\n{words}")
    return done.stdout

"""``!command`` without a terminal: a sandbox has none, and IPython runs commands in one."""

from __future__ import annotations

import codecs
import os
import subprocess
import sys
from pathlib import Path

from ipykernel import zmqshell


def system(command: str) -> int:
    """Run it in a shell and print what it prints, as it comes; returns its status as IPython does.

    As `IPython.utils.process.system`, but over a pipe: lines end as the command ends them.
    """
    with subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None  # noqa: S101
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        try:
            while said := os.read(process.stdout.fileno(), 1 << 16):
                sys.stdout.write(decode(said))
                sys.stdout.flush()
        except KeyboardInterrupt:
            process.terminate()
        status = process.wait()
    return 128 - status if status > 128 else status


def without_terminal() -> None:
    """In a process where terminals cannot be made: commands run without one."""
    if not Path("/dev/ptmx").exists():
        vars(zmqshell)["system"] = system

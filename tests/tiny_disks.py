"""Real file systems with room for very little."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def tiny_disk(folder: Path, *, megabytes: int, files: int) -> Iterator[Path]:
    """One that is mounted on a new folder; the test is skipped where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("Only root can mount the small file system that this fills.")
    folder.mkdir()
    options = f"size={megabytes}m,nr_inodes={files}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("This machine does not let root mount a tmpfs.")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)

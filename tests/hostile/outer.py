"""`lesesal` in a pid namespace of its own, under limits that hold whatever it starts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

SECONDS = 900
MEMORY = 6 << 30
PROCESSES = 3000


def lesesal(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `lesesal` with these words; its exit status is the caller's to judge."""
    argv = [
        *("timeout", "--kill-after=10", str(SECONDS)),
        *("unshare", "--pid", "--fork", "--mount-proc", "--kill-child"),
        *(str(Path(sys.executable).with_name("lesesal")), *(str(word) for word in words)),
    ]
    with _Group() as group:
        return subprocess.run(
            argv,
            preexec_fn=group.join,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


class _Group:
    """A cgroup (v1) with the limits, taken away at the end."""

    def __init__(self) -> None:
        name = f"lesesal-hostile-{os.getpid()}"
        self._folders = [Path("/sys/fs/cgroup", kind, name) for kind in ("memory", "pids")]

    def __enter__(self) -> _Group:
        memory, pids = self._folders
        for folder in self._folders:
            folder.mkdir()
        # The sandboxes' groups are made below it.
        (memory / "memory.use_hierarchy").write_text("1")
        (memory / "memory.limit_in_bytes").write_text(str(MEMORY))
        (pids / "pids.max").write_text(str(PROCESSES))
        return self

    def join(self) -> None:
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    def __exit__(self, *_: object) -> None:
        for folder in self._folders:
            # A sandbox that ended together with the namespace has left its own group.
            for each in (*folder.glob("*/"), folder):
                _remove(each)


def _remove(folder: Path) -> None:
    """Once its last process has gone, which takes the kernel a moment."""
    for patience in range(1200):
        try:
            folder.rmdir()
        except OSError:
            if patience == 1199:
                raise
            time.sleep(0.05)
        else:
            return

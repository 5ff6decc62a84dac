"""CPU seconds of a command and of all that it starts, also of what nobody waits for."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup/cpuacct")
# It enters the group, then becomes the command.
ENTER = ("/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"')


class CpuGroup:
    """A control group (version 1), which counts for all that is in it or below it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def within(self, command: Sequence[str]) -> list[str]:
        """The command that runs this one in the group."""
        return [*ENTER, str(self._folder / "cgroup.procs"), *command]

    def seconds(self) -> float:
        """What was used so far."""
        return int((self._folder / "cpuacct.usage").read_text()) / 1e9


@contextlib.contextmanager
def cpu_group() -> Iterator[CpuGroup | None]:
    """A new one below this process's own; None where there can be none."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    mine = [path for _, names, path in (line.split(":", 2) for line in lines) if names == "cpuacct"]
    folder = MOUNT / (mine[0] if mine else "/").lstrip("/") / f"bench-{secrets.token_hex(4)}"
    if not mine or not os.access(folder.parent, os.W_OK):
        yield None
        return
    folder.mkdir()
    try:
        yield CpuGroup(folder)
    finally:
        with contextlib.suppress(OSError):  # something in it goes on
            folder.rmdir()

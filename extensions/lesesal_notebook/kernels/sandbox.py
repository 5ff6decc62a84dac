"""Where a student's code runs: alone, with nothing of the machine, and for so long and so much.

Three processes stand for one sandbox:

    keeper   outside, trusted: watches the limits, passes signals on, cleans up, gives the account;
             the fork server is the keeper of all its kernels (`box`), and `enter` makes one that
             keeps one kernel (`keeper`)
    first    process 1 inside: collects what nobody waits for; when it ends, all inside ends. Made
             beforehand by a small process, the cradle, that ends with the keeper (`cradle`)
    kernel   forked from the keeper; builds the walls around itself, and gives up its rights
             (`inside`)

What holds, what does not and what it needs of the machine: docs/sandbox.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

HOME = "/home/student"
NAMESPACES, JOB = "namespaces", "job"


class SandboxError(Exception):
    """The sandbox can't be made. The message is a sentence for who runs the machine."""


@dataclass(frozen=True)
class Limits:
    """What one kernel and all that it starts may use together.

    Attributes:
        seconds: wall clock. The worker ends a notebook by then; the keeper a little later,
            counted from the kernel's start.
        cpu_seconds: of all processes together.
        memory_bytes: of all processes and of all files together.
        processes: the most at a time, threads counted.
        scratch_bytes: the most that its files may measure together; ``file_bytes`` each. Files
            stay below half of the memory, so that a full disk is an error and not the end.
        inodes: the most files and folders.
    """

    seconds: float = 600.0
    cpu_seconds: float = 600.0
    memory_bytes: int = 2_000_000_000
    processes: int = 128
    scratch_bytes: int = 1_000_000_000
    file_bytes: int = 500_000_000
    inodes: int = 20_000

    @property
    def disk_bytes(self) -> int:
        """The size of the scratch file system."""
        return min(self.scratch_bytes, self.memory_bytes // 2)


@dataclass(frozen=True)
class Sandbox:
    """What one kernel sees and may use.

    Attributes:
        kind: ``namespaces``, or ``job``: no walls but the limits (docs/sandbox.md).
        files: a folder, copied into the working folder before any code runs; regular files only.
        shared: a folder, of which each file is seen read-only in the working folder, in front of
            ``files``.
        datasets: pairs of a path and the absolute path at which it is seen, read-only.
        readable: more absolute paths that are seen, read-only, where they are. The Python
            environment and its base are without being named.
        gpus: how many GPUs it sees; with 0 none of their devices is there.
        environment: pairs of name and value. Of the environment before, only the language, the
            time zone, PATH and what Python, nbgrader and the number libraries read stays.
    """

    kind: str = NAMESPACES
    limits: Limits = Limits()
    files: str | None = None
    shared: str | None = None
    datasets: tuple[tuple[str, str], ...] = ()
    readable: tuple[str, ...] = ()
    gpus: int = 0
    environment: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Sandbox:
        """The value of what `to_dict` gave. Limits that are not ours are left alone.

        Raises:
            SandboxError: it is not such a value.
        """
        known = {each.name for each in fields(Limits)}
        try:
            limits = {key: value for key, value in raw.get("limits", {}).items() if key in known}
            rest = {key: value for key, value in raw.items() if key != "limits"}
            for name in ("datasets", "environment"):
                rest[name] = tuple((str(a), str(b)) for a, b in rest.get(name, ()))
            rest["readable"] = tuple(rest.get("readable", ()))
            found = cls(limits=Limits(**limits), **rest)
        except (TypeError, ValueError, AttributeError) as error:
            raise SandboxError(f"This is no description of a sandbox: {error}.") from error
        if found.kind not in (NAMESPACES, JOB):
            raise SandboxError(f"There is no sandbox of the kind {found.kind!r}.")
        return found

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def enter(sandbox: Sandbox, report: int | None = None) -> None:
    """Put this process, just forked and with one thread, into a sandbox.

    Returns in the future kernel only: in its working folder (`HOME`), as an ordinary user, leader
    of a session of its own, SIGINT and SIGTERM as Python has them, ``os.environ`` reduced as
    `Sandbox.environment` says. File descriptors that were open stay open in it, except ``report``.

    The process that called stays as the keeper and never returns: it ends as the kernel ended (with
    its exit status, or by its signal). Before, when nothing of the sandbox is left, it writes one
    line of JSON to ``report``::

        {"status": exit status or minus the signal, "limit": "memory" | "cpu" | "time" |
         "processes" | "", "cpu_seconds": number, "memory_bytes": number, "by": "cgroup" | "watch"}

    ``limit`` is what ended it, or "processes" where some could not be started. ``by`` is what
    measured. SIGINT sent to the keeper reaches the kernel; SIGTERM ends all of it. When the keeper
    dies, or the process that forked it, all of it ends too.

    Raises:
        SandboxError: it can't be made; raised in the process that called.
    """
    from . import keeper

    keeper.enter(sandbox, report)


def prepare() -> None:
    """Find out once what every sandbox of this process's children needs to know."""
    from . import keeper

    keeper.prepare()


def possible() -> str:
    """Make a sandbox and leave it: "" where that works, or a sentence saying why not."""
    pipe, report = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(pipe)
            enter(Sandbox())
            status = 0
        except SandboxError as error:
            os.write(report, str(error).encode())
        finally:
            os._exit(status)
    os.close(report)
    with os.fdopen(pipe, encoding="utf-8") as said:
        sentence = said.read()
    status = os.waitpid(child, 0)[1]
    return sentence or ("" if status == 0 else "A sandbox was made, but nothing ran in it.")

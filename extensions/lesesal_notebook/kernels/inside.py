"""A sandbox of namespaces: how the process that will be its kernel goes into it."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import socket
from pathlib import Path

from . import mounts, syscalls
from . import namespaces as ns
from .cgroups import Group
from .first import First
from .sandbox import HOME, Limits, Sandbox

WORLDS = ns.NEWNS | ns.NEWNET | ns.NEWIPC | ns.NEWUTS | ns.NEWCGROUP
KEPT_NAMES = ("LANG", "LANGUAGE", "TZ", "PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX")
KEPT_STARTS = ("LC_", "PYTHON", "NBGRADER_", "PYDEVD_", "MPL", "CUDA_", "NVIDIA_")


def enter(sandbox: Sandbox, group: Group | None, first: First) -> list[int]:
    """In the process that ``first.fork()`` gave: build all around it, and lose all rights.

    Returns what its keeper measures by, as open files: the sandbox's /proc and its scratch file
    system; none where a control group counts.

    Raises:
        OSError: a call was refused, named as its file name.
        SandboxError: what was asked for can't be.
    """
    if group:
        group.join()
    # When the machine is short of memory, it is taken from here.
    _write(-1, "/proc/self/oom_score_adj", "1000")
    ns.unshare(WORLDS)
    socket.sethostname("sandbox")
    ns.loopback_up()
    ns.new_keyring()
    proc, disk = mounts.build(sandbox, (first.uid, first.uid) if first.outer < 0 else None)
    with contextlib.suppress(PermissionError):  # only root has others
        os.setgroups([])
    # The mounts belong to the user namespace before: nobody in this one can change them.
    ns.setns(first.users, ns.NEWUSER)
    first.forget()
    os.close(first.fd)
    os.setresgid(*[mounts.GID] * 3)
    os.setresuid(*[mounts.UID] * 3)
    with contextlib.suppress(OSError):  # the filter of system calls forbids them too
        _write(proc, "sys/user/max_user_namespaces", "0")
    os.close(proc)
    restrict(sandbox.limits, counted=group is not None)
    set_environment(sandbox)
    ns.dumpable(True)
    os.chdir(HOME)
    if group:
        os.close(disk)
        return []
    return [os.open("/proc", os.O_RDONLY | os.O_CLOEXEC), disk]


def restrict(limits: Limits, counted: bool) -> None:
    """Give up every right that this process and what it starts could have or get.

    Args:
        counted: whether a control group counts memory and processes.
    """
    ns.drop_capabilities()
    for name, most in {
        # With 0, a program that takes dumps in (core(5)) is still started, outside.
        resource.RLIMIT_CORE: 1,
        resource.RLIMIT_MEMLOCK: 1 << 16,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NOFILE: 1024,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_CPU: math.ceil(limits.cpu_seconds) + 1,
        # With the first process; a control group says that it refused, so it comes first.
        resource.RLIMIT_NPROC: limits.processes + 1 + counted,
    }.items():
        ns.limit(name, most)
    if not counted:
        sizes = Path("/proc/self/statm").read_text("ascii").split()
        already = int(sizes[5]) * resource.getpagesize()
        # Only against leaps: the stacks of threads count here in full.
        ns.limit(resource.RLIMIT_DATA, 2 * limits.memory_bytes + already)
    ns.no_new_privileges()
    ns.filter_calls(syscalls.packed(counted))


def set_environment(sandbox: Sandbox, home: str = HOME) -> None:
    """What is left of the environment, also in /proc/PID/environ of this process."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT_NAMES or name.startswith(KEPT_STARTS) or name.endswith("_THREADS")
    }
    own = {"HOME": home, "USER": mounts.USER, "LOGNAME": mounts.USER}
    ns.replace_environment({**kept, **own, **dict(sandbox.environment)})


def _write(folder: int, path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)

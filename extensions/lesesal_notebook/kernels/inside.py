"""A sandbox of namespaces: its first process, on the way from the keeper to the kernel."""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import mounts, syscalls
from . import namespaces as ns
from .cgroups import Group
from .sandbox import HOME, Limits, Sandbox, SandboxError
from .watch import Watch

if TYPE_CHECKING:
    from .keeper import Kept

FIRST_UID = 0x70000000
"""No account has it or one above it: systemd's UIDS-GIDS.md leaves them unused."""

MAP = b"map"
WORLDS = ns.NEWNS | ns.NEWNET | ns.NEWIPC | ns.NEWUTS | ns.NEWCGROUP
KEPT_NAMES = ("LANG", "LANGUAGE", "TZ", "PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX")
KEPT_STARTS = ("LC_", "PYTHON", "NBGRADER_", "PYDEVD_", "MPL", "CUDA_", "NVIDIA_")


def start(sandbox: Sandbox, group: Group | None, report: int | None) -> Kept | None:
    """Make the sandbox. Returns None in the kernel, in the keeper what it keeps.

    Raises:
        OSError: a call was refused, named as its file name.
        SandboxError: what was asked for can't be.
    """
    from .keeper import Kept

    root = ns.privileged()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    if root:
        owner = (FIRST_UID + os.getpid(),) * 2
        ns.unshare(ns.NEWPID)
    else:
        owner = (os.getuid(), os.getgid())
        ns.unshare(ns.NEWUSER | ns.NEWPID)
        _map("self", *owner)
        owner = (mounts.UID, mounts.GID)
    init = os.fork()
    if init == 0:
        ours.close()
        _inside(sandbox, group, root, owner, theirs)
        return None
    theirs.close()
    said, descriptors, _ = ns.receive(ours)
    if said == MAP:
        _map(str(init), *owner)
        ours.send(MAP)
        said, descriptors, _ = ns.receive(ours)
    problem: dict[str, Any] = {"says": "A sandbox's first process was killed."}
    if said:
        problem = json.loads(said)
    if problem:
        os.waitpid(init, 0)
        if "errno" in problem:
            raise OSError(problem["errno"], os.strerror(problem["errno"]), problem["call"])
        raise SandboxError(problem["says"])
    kernel = ns.receive(ours)[2]
    close_but(2, ours.fileno(), *descriptors, *(() if report is None else (report,)))

    def status(ended: int) -> int:
        with contextlib.suppress(OSError, ValueError):
            return int(ns.receive(ours)[0])
        return -signal.SIGKILL

    meter = group or Watch(descriptors[0], descriptors[1], sandbox.limits.memory_bytes)
    child_fd = os.pidfd_open(init)
    try:
        kernel_fd = os.pidfd_open(kernel)
    except OSError:  # it has ended already
        kernel_fd = child_fd
    return Kept(init, child_fd, kernel_fd, meter, status, lambda: None)


def _inside(
    sandbox: Sandbox, group: Group | None, root: bool, owner: tuple[int, int], keeper: socket.socket
) -> None:
    """Process 1: build, lose all rights, fork the kernel. Returns in that only."""
    try:
        if group:
            group.join()
        # When the machine is short of memory, it is taken from here.
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
        ns.unshare(WORLDS)
        socket.sethostname("sandbox")
        ns.loopback_up()
        ns.new_keyring()
        proc, disk = mounts.build(sandbox, owner if root else None)
        if root:
            os.setgroups([])
        # The mounts belong to the user namespace before: nobody in this one can change them.
        ns.unshare(ns.NEWUSER)
        # Done by the keeper: root then needs no leave to make user namespaces as somebody else.
        keeper.send(MAP)
        keeper.recv(len(MAP))
        os.setresgid(*[mounts.GID] * 3)
        os.setresuid(*[mounts.UID] * 3)
        with contextlib.suppress(OSError):  # the filter of system calls forbids them too
            _write(proc, "sys/user/max_user_namespaces", "0")
        os.close(proc)
        restrict(sandbox.limits, counted=group is not None)
        set_environment(sandbox)
        looked = [] if group else [os.open("/proc", os.O_RDONLY | os.O_CLOEXEC), disk]
        ns.dumpable(False)
        ns.send_descriptors(keeper, b"{}", *looked)
        for descriptor in {disk, *looked}:
            os.close(descriptor)
        # When the keeper dies, so does this process, and with it all processes here.
        ns.die_with_parent(signal.SIGKILL)
        kernel = os.fork()
        if kernel == 0:
            keeper.send(b"kernel")
            keeper.close()
            os.setsid()
            ns.dumpable(True)
            os.chdir(HOME)
            return
    except BaseException as error:  # nothing of it may run on
        says: dict[str, object] = {"says": str(error) or repr(error)}
        if isinstance(error, OSError) and error.errno:
            says = {"errno": error.errno, "call": str(error.filename or "a call")}
        keeper.send(json.dumps(says).encode())
        os._exit(1)
    _collect(kernel, keeper)


def _collect(kernel: int, keeper: socket.socket) -> NoReturn:
    """Wait for whatever ends; when it is the kernel, end all."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        close_but(keeper.fileno())
        while True:
            pid, status = os.wait()
            if pid == kernel:
                keeper.send(str(os.waitstatus_to_exitcode(status)).encode())
                break
    finally:
        os._exit(0)


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
    for name in list(os.environ):
        if not (name in KEPT_NAMES or name.startswith(KEPT_STARTS) or name.endswith("_THREADS")):
            del os.environ[name]
    os.environ.update({"HOME": home, "USER": mounts.USER, "LOGNAME": mounts.USER})
    os.environ.update(sandbox.environment)
    ns.forget_environment()


def close_but(*kept: int) -> None:
    """Close every open file but these."""
    low = 0
    for descriptor in sorted(kept):
        if low < descriptor:  # closerange(0, 0) of Python 3.11 closes all
            os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def _map(pid: str, uid: int, gid: int) -> None:
    """The one user and group that a process's new user namespace has (user_namespaces(7))."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{mounts.UID} {uid} 1"),
        ("gid_map", f"{mounts.GID} {gid} 1"),
    ):
        Path("/proc", pid, name).write_text(text, "ascii")


def _write(folder: int, path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)

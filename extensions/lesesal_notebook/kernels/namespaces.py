"""Linux calls that Python 3.11 has no names for: namespaces, mounts, capabilities, keys.

Each raises OSError with the call's name as its file name. Numbers from <linux/sched.h>,
<linux/mount.h>, <linux/prctl.h>, <linux/capability.h>; the pages of the manual are named.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC = 1, 2, 4, 8

CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID = 21, 7, 6
# NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, and the locks of these and of KEEP_CAPS
SECUREBITS = 0xEF

_CALLS = {
    "x86_64": {"clone": 56, "pivot_root": 155, "keyctl": 250, "mount_setattr": 442},
    "aarch64": {"clone": 220, "pivot_root": 41, "keyctl": 219, "mount_setattr": 442},
}
_MACHINE = os.uname().machine
_libc = ctypes.CDLL(None, use_errno=True)
_held = ctypes.PyDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """unshare(2)"""
    _checked("unshare", _libc.unshare(ctypes.c_int(flags)))


def setns(namespace: int, kind: int) -> None:
    """setns(2): into an open namespace of this kind; into one of processes, what is forked next."""
    _checked("setns", _libc.setns(ctypes.c_int(namespace), ctypes.c_int(kind)))


def clone(flags: int) -> int:
    """As `os.fork`, the child in new namespaces (clone(2)); this process stays where it is."""
    python = ctypes.pythonapi
    words = [ctypes.c_long(each) for each in (_CALLS[_MACHINE]["clone"], flags | signal.SIGCHLD)]
    python.PyOS_BeforeFork()
    # Python's lock stays with this thread, in both processes.
    pid: int = _held.syscall(*words, *[ctypes.c_long(0)] * 4)
    number = ctypes.get_errno()
    (python.PyOS_AfterFork_Parent if pid else python.PyOS_AfterFork_Child)()
    if pid < 0:
        raise OSError(number, os.strerror(number), "clone")
    return pid


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2)"""
    words = [os.fsencode(each) or None for each in (source, target, kind)]
    given = _libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None)
    _checked(f"mount {target}", given)


def bind(source: str, target: str, attributes: int) -> None:
    """Show a tree also at target, with these `ATTR_` on all mounts in it (mount_setattr(2))."""
    mount(source, target, "", MS_BIND | MS_REC)
    wanted = struct.pack("QQQQ", attributes, 0, 0, 0)
    everywhere, below = -100, 0x8000  # AT_FDCWD, AT_RECURSIVE
    _syscall("mount_setattr", everywhere, os.fsencode(target), below, wanted, len(wanted))


def detach(target: str) -> None:
    """umount2(2) with MNT_DETACH"""
    _checked(f"umount {target}", _libc.umount2(os.fsencode(target), 2))


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2)"""
    _syscall("pivot_root", os.fsencode(new), os.fsencode(old))


def new_keyring() -> None:
    """A session keyring of its own (keyctl(2)); a kernel without keys has none to protect."""
    try:
        _syscall("keyctl", 1, None)
    except OSError:
        return


def die_with_parent(number: int) -> None:
    """The signal that comes when the parent ends (prctl(2)); a change of user takes it back."""
    _prctl("PR_SET_PDEATHSIG", 1, number)


def be_subreaper() -> None:
    """Orphans below become this process's children (prctl(2))."""
    _prctl("PR_SET_CHILD_SUBREAPER", 36, 1)


def dumpable(flag: bool) -> None:
    """Whether others of the same user may look into this process (prctl(2))."""
    _prctl("PR_SET_DUMPABLE", 4, int(flag))


def no_new_privileges() -> None:
    """No program gives more rights from here on (prctl(2))."""
    _prctl("PR_SET_NO_NEW_PRIVS", 38, 1)


def filter_calls(program: bytes) -> None:
    """A seccomp filter (seccomp(2)): instructions of 8 bytes."""
    kept = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept))
    _prctl("PR_SET_SECCOMP", 22, 2, header)


def drop_capabilities() -> None:
    """None is left, and none can come back (capabilities(7))."""
    with contextlib.suppress(PermissionError):  # who may not has none, and gets none by a program
        _prctl("PR_SET_SECUREBITS", 28, SECUREBITS)
    number = 0
    while _libc.prctl(24, number, 0, 0, 0) == 0:  # PR_CAPBSET_DROP, up to the last there is
        number += 1
    header, none = struct.pack("Ii", 0x20080522, 0), bytes(24)
    _checked("capset", _libc.capset(header, none))


def privileged() -> bool:
    """Whether this process may make namespaces and become another user by itself."""
    status = Path("/proc/self/status").read_text("ascii", errors="replace")
    line = next(each for each in status.splitlines() if each.startswith("CapEff:"))
    held = int(line.split()[1], 16)
    return all(held >> number & 1 for number in (CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID))


def loopback_up() -> None:
    """netdevice(7): 127.0.0.1 and ::1 answer in this network namespace."""
    siocsifflags, up = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, siocsifflags, struct.pack("16sh14x", b"lo", up))


def replace_environment(environment: Mapping[str, str]) -> None:
    """Have these variables, and blank the strings that this process was started with.

    /proc/PID/environ shows those for ever; ``os.environ`` is in memory of its own (proc(5),
    env_start and env_end).
    """
    after_name = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(after_name[47]), int(after_name[48])
    os.environ.clear()
    if 0 < start < end:
        ctypes.memset(start, 0, end - start)
    os.environ.update(environment)


def limit(name: int, most: int) -> None:
    """setrlimit(2), hard and soft, never above what holds already."""
    hard = resource.getrlimit(name)[1]
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(name, (value, value))


def close_but(*kept: int) -> None:
    """Close every open file but these."""
    low = 0
    for descriptor in sorted(kept):
        if low < descriptor:  # closerange(0, 0) of Python 3.11 closes all
            os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def end_children(*but: int) -> None:
    """Kill all children but these, until there are none; with a bound for those that fork on."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    for _ in range(1000):
        orphans = {int(pid) for pid in children.read_text("ascii").split()}.difference(but)
        if not orphans:
            return
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # A process 1 ends only when all in its namespace were collected, so in no order of ours.
        while orphans := {pid for pid in orphans if not _collected(pid)}:
            time.sleep(0.001)


def _collected(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] > 0
    except ChildProcessError:
        return True


def send_descriptors(channel: socket.socket, message: bytes, *descriptors: int) -> None:
    """unix(7): hand over open files with a message."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    channel.sendmsg([message], rights if descriptors else [])


def receive(channel: socket.socket) -> tuple[bytes, list[int], int]:
    """A message with its descriptors, and the sender's pid as it is seen from here, or 0."""
    message, extra, _, _ = channel.recvmsg(1 << 16, socket.CMSG_SPACE(16) + socket.CMSG_SPACE(12))
    descriptors, pid = array.array("i"), 0
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % 4])
        elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            pid = struct.unpack("3i", data)[0]
    return message, list(descriptors), pid


def _prctl(name: str, option: int, *values: int | bytes) -> None:
    words = [ctypes.c_ulong(each) if isinstance(each, int) else each for each in values]
    _checked(name, _libc.prctl(option, *words, *[ctypes.c_ulong(0)] * (4 - len(words))))


def _syscall(name: str, *words: int | bytes | None) -> None:
    number = _CALLS[_MACHINE][name]
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in words]
    _checked(name, _libc.syscall(ctypes.c_long(number), *given))


def _checked(name: str, given: int) -> None:
    if given < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)

"""Process 1 of each sandbox, made by a process that is small.

A fork copies the table of all pages that its parent has, and what is copied is torn down at the
end. A fork server has many, so its sandboxes' first processes are forked from another one: the
cradle, which was itself forked before anything was imported. A first process does nothing but
collect what nobody waits for; when it ends, all in its process namespace ends. It ends with the
cradle, and the cradle with the process that made it, whose control groups it then takes away.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import signal
import socket
from pathlib import Path
from typing import NoReturn

from . import cgroups
from . import namespaces as ns
from .first import First
from .mounts import GID, UID
from .sandbox import SandboxError

FIRST_UID = 0x70000000
"""No account has it or one above it: systemd's UIDS-GIDS.md leaves them unused."""
MAP = b"map"


class Cradle:
    """Makes first processes for the process that made it.

    Attributes:
        pid: a child of this process; 0 when it is closed.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        keeper = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            try:
                _serve(theirs, keeper)
            finally:
                os._exit(0)
        theirs.close()
        self._channel = ours

    def fileno(self) -> int:
        """Can be read when the cradle is gone."""
        return self._channel.fileno()

    def first(self) -> First:
        """A first process that nobody else has.

        Raises:
            OSError: a call was refused, named as its file name.
            SandboxError: the cradle is gone.
        """
        said, descriptors = b"", list[int]()
        with contextlib.suppress(ConnectionError):
            self._channel.send(b"+")
            said, descriptors, _ = ns.receive(self._channel)
        if not said:
            raise SandboxError("The process that makes sandboxes has ended.")
        answer = json.loads(said)
        if "errno" in answer:
            raise OSError(answer["errno"], os.strerror(answer["errno"]), answer["call"])
        fd, processes, users, *outer = descriptors
        return First(answer["pid"], answer["uid"], fd, processes, users, *outer)

    def leave(self) -> None:
        """In a process that was forked from its owner: have nothing to do with it."""
        self._channel.close()

    def close(self) -> None:
        """End all that it made, and take away what is left of this process's control groups."""
        if self.pid:
            self._channel.close()
            with contextlib.suppress(ChildProcessError):  # collected already
                os.waitpid(self.pid, 0)
            self.pid = 0


def _serve(keeper: socket.socket, keeper_pid: int) -> None:
    """The cradle's life. From the first request on, one first process is ready beforehand."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # Who ends is collected by the Linux kernel (wait(2)).
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    ns.close_but(0, 1, 2, keeper.fileno())
    gc.disable()
    gc.freeze()
    outer: list[int] | None = None
    spare: tuple[bytes, list[int]] | None = None
    try:
        while keeper.recv(1):
            try:
                if outer is None:
                    outer = _own_users()
                spare = spare or _make(keeper, outer)
            except OSError as error:
                refused = {"errno": error.errno, "call": str(error.filename or "a call")}
                keeper.send(json.dumps(refused).encode())
                continue
            said, descriptors = spare
            ns.send_descriptors(keeper, said, *descriptors, *outer)
            for descriptor in descriptors:
                os.close(descriptor)
            spare = None
            with contextlib.suppress(OSError):
                spare = _make(keeper, outer)
    except ConnectionError:
        return
    finally:
        ns.end_children()
        cgroups.remove_of(keeper_pid)


def _own_users() -> list[int]:
    """For who is not root: a user namespace, in which this process may make the others."""
    if ns.privileged():
        return []
    user, group = os.getuid(), os.getgid()
    ns.unshare(ns.NEWUSER)
    _map("self", user, group)
    return [os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)]


def _make(keeper: socket.socket, outer: list[int]) -> tuple[bytes, list[int]]:
    """A first process: its description, its pidfd and its namespaces."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        pid = ns.clone(ns.NEWPID)
        if not pid:
            keeper.close()
            ours.close()
            _be_first(theirs)
        fd = os.pidfd_open(pid)
        theirs.close()
        uid = UID if outer else FIRST_UID + pid
        said, _, _ = ns.receive(ours)
        if said == MAP:
            _map(str(pid), uid, uid)
            ours.send(MAP)
            said, descriptors, _ = ns.receive(ours)
            if descriptors:
                return json.dumps({"pid": pid, "uid": uid}).encode(), [fd, *descriptors]
        os.close(fd)
        problem = json.loads(said or b"{}")
        number = problem.get("errno", errno.ESRCH)
        raise OSError(number, os.strerror(number), problem.get("call", "clone"))


def _be_first(cradle: socket.socket) -> NoReturn:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(PermissionError):
            os.setgroups([])
        own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        ns.unshare(ns.NEWUSER)
        # Done by the cradle: root then needs no leave to make user namespaces as somebody else.
        cradle.send(MAP)
        cradle.recv(len(MAP))
        users = os.open("/proc/self/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        os.setresgid(GID, GID, GID)
        os.setresuid(UID, UID, UID)
        ns.drop_capabilities()
        ns.no_new_privileges()
        ns.dumpable(False)
        os.chdir("/")
        ns.die_with_parent(signal.SIGKILL)
        # This fails where the cradle has gone before it was asked for.
        ns.send_descriptors(cradle, b"{}", own, users)
        ns.close_but()
        while True:
            signal.sigwait({signal.SIGCHLD})
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
    except OSError as error:
        says = {"errno": error.errno, "call": str(error.filename or "a call")}
        with contextlib.suppress(OSError):
            cradle.send(json.dumps(says).encode())
    finally:
        os._exit(1)


def _map(pid: str, uid: int, gid: int) -> None:
    """The one user and group that a process's new user namespace has (user_namespaces(7))."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{UID} {uid} 1"),
        ("gid_map", f"{GID} {gid} 1"),
    ):
        Path("/proc", pid, name).write_text(text, "ascii")

"""The first process of a sandbox, as seen from outside, and how others come to be beside it."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
from dataclasses import dataclass

from . import namespaces as ns


@dataclass(frozen=True)
class First:
    """A first process, and its namespaces as open files.

    Attributes:
        pid: as it is seen from here; ``fd`` is its pidfd.
        uid: the number of the sandbox's user and group, as they are outside.
        processes: its process namespace; ``users`` is its user namespace.
        outer: the user namespace that the others belong to; -1 where that is this process's.
    """

    pid: int
    uid: int
    fd: int
    processes: int
    users: int
    outer: int = -1

    @property
    def files(self) -> tuple[int, ...]:
        wanted = self.fd, self.processes, self.users, self.outer
        return tuple(each for each in wanted if each >= 0)

    def fork(self, back: bool = True) -> int:
        """As `os.fork`; the child is in the process namespace, beside the first process.

        It is this process's child in the end, if this is a subreaper (prctl(2)).

        Args:
            back: whether this process is to fork children outside it again, other than with this.

        Raises:
            OSError: the first process has ended, or there are too many.
        """
        if not back:
            ns.setns(self.processes, ns.NEWPID)
            return os.fork()
        home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if self.outer >= 0 or not _may_enter(home):
                return self._fork_twice()
            ns.setns(self.processes, ns.NEWPID)
            pid = -1
            try:
                pid = os.fork()
            finally:
                if pid:
                    ns.setns(home, ns.NEWPID)
            return pid
        finally:
            os.close(home)

    def _fork_twice(self) -> int:
        """Where there is no way back from the namespace: only another process can go there."""
        said, says = os.pipe()
        between = os.fork()
        if between:
            os.close(says)
            with os.fdopen(said, "rb") as heard:
                pid = int(heard.read() or -errno.EAGAIN)
            os.waitpid(between, 0)
            if pid < 0:
                raise OSError(-pid, os.strerror(-pid), "setns")
            return pid
        try:
            if self.outer >= 0:
                ns.setns(self.outer, ns.NEWUSER)
            ns.setns(self.processes, ns.NEWPID)
            pid = os.fork()
            answer = str(pid)
        except OSError as error:
            pid, answer = -1, str(-(error.errno or errno.EPERM))
        if pid:
            os.write(says, answer.encode())
            os._exit(0)
        os.close(said)
        os.close(says)
        return 0

    def end(self) -> None:
        """End it, and all that is in its namespaces."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.fd, signal.SIGKILL)

    def wait(self) -> None:
        """Until it has ended, and so has all in its namespaces."""
        ending = select.poll()
        ending.register(self.fd, select.POLLIN)
        ending.poll()

    def forget(self) -> None:
        """Close its namespaces: nobody else goes there."""
        for descriptor in self.files[1:]:
            os.close(descriptor)


def _may_enter(processes: int) -> bool:
    """Whether a child of this process may be in this process namespace."""
    try:
        ns.setns(processes, ns.NEWPID)
    except OSError:
        return False
    return True

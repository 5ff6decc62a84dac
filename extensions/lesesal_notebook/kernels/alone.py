"""A sandbox without namespaces: limits and a scratch folder, for a job whose user is the wall."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from . import namespaces as ns
from . import scratch
from .box import Watched, group_for, why
from .inside import restrict, set_environment
from .sandbox import HOME, Sandbox, SandboxError
from .watch import Watch

if TYPE_CHECKING:
    from .keeper import Kept

PATIENCE = 10.0


def start(sandbox: Sandbox) -> Kept | None:
    """Make it: None in the kernel. Its working folder is in TMPDIR, until the kernel has ended.

    Raises SandboxError.
    """
    from .keeper import Kept

    if os.getuid() == 0:
        raise SandboxError("A kernel without namespaces needs a user of its own: it can't be root.")
    for source, target in sandbox.datasets:
        at_home = Path(target).is_relative_to(HOME)
        if not at_home and os.path.realpath(source) != os.path.realpath(target):
            raise SandboxError(
                f"Without namespaces the data set {source} can't be seen at {target}."
            )
        if not Path(source).exists():
            raise SandboxError(f"The data set {source} is not on this machine.")
    try:
        folder = tempfile.mkdtemp(prefix="lesesal-kernel-")
        try:
            if sandbox.files:
                scratch.copy(sandbox.files, folder, None)
            if sandbox.shared:
                scratch.show(sandbox.shared, folder, None, _link)
            for source, target in sandbox.datasets:
                if Path(target).is_relative_to(HOME):
                    place = Path(folder, Path(target).relative_to(HOME))
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.symlink_to(source)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        raise SandboxError(why(error, root=False)) from error
    group = group_for(sandbox.limits)
    ns.be_subreaper()
    started, ready = os.pipe()
    kernel = os.fork()
    if kernel == 0:
        try:
            os.close(started)
            if group:
                group.join()
            os.setsid()
            ns.new_keyring()
            restrict(sandbox.limits, counted=group is not None)
            set_environment(sandbox, folder)
            ns.die_with_parent(signal.SIGKILL)
            os.chdir(folder)
            os.write(ready, b"+")
            os.close(ready)
        except BaseException:
            os._exit(1)
        return None
    os.close(ready)
    with os.fdopen(started, "rb") as told:
        if not told.read(1):
            os.waitpid(kernel, 0)
            shutil.rmtree(folder, ignore_errors=True)
            if group:
                group.remove()
            raise SandboxError("The limits of a kernel could not be set.")
    proc = os.open("/proc", os.O_RDONLY | os.O_CLOEXEC)
    watch = Watch(proc, -1, sandbox.limits.memory_bytes, _below)
    meter = group or watch
    watched = Watched(sandbox.limits)

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(kernel, signal.SIGKILL)

    def look() -> None:
        if watched.look(meter):
            end()

    def account(status: int, _: object) -> dict[str, Any]:
        _end_all()
        shutil.rmtree(folder, ignore_errors=True)
        watch.ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = watched.account(meter, status)
        last = time.monotonic() + PATIENCE
        while group and not group.remove() and time.monotonic() < last:
            time.sleep(0.005)
        return said

    return Kept(kernel, look, end, account, (proc,))


def _link(source: str, target: str) -> None:
    """A link in the place that was made for it: there is nothing to show it with read-only."""
    place = Path(target)
    if place.is_dir():
        place.rmdir()
    else:
        place.unlink()
    place.symlink_to(source)


def _below() -> list[str]:
    return [str(each.pid) for each in psutil.Process().children(recursive=True)]


def _end_all() -> None:
    """Kill what is left, also what left its session: orphans are this process's children."""
    last = time.monotonic() + PATIENCE
    while time.monotonic() < last:
        left = _below()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return

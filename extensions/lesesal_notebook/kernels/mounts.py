"""The sandbox's file system: built from nothing, so what is not named here is not there.

A small file system in memory becomes the root; programs, libraries and the Python environment are
shown in it read-only where they are; the working folder, /tmp and /dev/shm are one scratch file
system of a limited size. Called as process 1 of the sandbox, in its own mount namespace.
"""

# Paths are strings here: to make a `Path` takes longer than most calls that it is for.
# ruff: noqa: PTH102, PTH103, PTH106, PTH110, PTH112, PTH120, PTH211

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lesesal_notebook

from . import namespaces as ns
from . import scratch
from .sandbox import HOME, Sandbox, SandboxError

USER, UID, GID = "student", 1000, 1000
OLD, TMP = "/.old", "/tmp"  # noqa: S108
SCRATCH = f"{OLD}/proc"
"""Where the scratch file system is until the old root is let go of: covers what nobody needs."""
PARTS = {"home": HOME, "tmp": TMP, "shm": "/dev/shm"}  # noqa: S108
READ_ONLY = ns.ATTR_RDONLY | ns.ATTR_NOSUID | ns.ATTR_NODEV
DEVICES = ("null", "zero", "full", "random", "urandom")
LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
FROM_ETC = ("/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache")
ETC = {
    "passwd": f"{USER}:x:{UID}:{GID}::{HOME}:/bin/sh\n",
    "group": f"{USER}:x:{GID}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


@dataclass(frozen=True)
class Seen:
    """What every sandbox of this environment sees: trees as they are, and links."""

    trees: tuple[str, ...]
    links: tuple[tuple[str, str], ...]


@functools.cache
def seen() -> Seen:
    """Found once: the system's programs and libraries, and this Python's environment and base."""
    trees, links = ["/usr"], []
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            links.append((str(path), str(path.readlink())))
        elif path.is_dir():
            trees.append(str(path))
    package = str(Path(lesesal_notebook.__file__).parent)
    for wanted in (sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix, package):
        if not Path(wanted).is_dir():
            continue
        real = os.path.realpath(wanted)
        if not any(Path(real).is_relative_to(tree) for tree in trees):
            trees.append(real)
        if real != os.path.normpath(wanted):
            links.append((os.path.normpath(wanted), real))
    trees += [path for path in FROM_ETC if Path(path).exists()]
    clock = Path("/etc/localtime")
    if clock.is_symlink():
        links.append((str(clock), os.path.realpath(clock)))
    elif clock.exists():
        trees.append(str(clock))
    return Seen(tuple(trees), tuple(links))


def build(sandbox: Sandbox, owner: tuple[int, int] | None) -> tuple[int, int]:
    """Change this process's root to the sandbox's.

    Args:
        owner: user and group, as they are outside, that the working folder belongs to; None where
            that is who this process is.

    Returns:
        The old /proc, opened by path only, and the scratch file system's folder, opened.

    Raises:
        OSError: a call failed, named as its file name.
        SandboxError: a path of the description can't be shown.
    """
    old_proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    binds = [*_trees(), *_wanted(sandbox)]
    files, shared = (each and os.path.realpath(each) for each in (sandbox.files, sandbox.shared))
    ns.mount("", "/", "", ns.MS_REC | ns.MS_PRIVATE)
    flags = ns.MS_NOSUID | ns.MS_NODEV
    ns.mount("lesesal", TMP, "tmpfs", flags, "mode=0755,size=8m,nr_inodes=4096")
    os.mkdir(TMP + OLD)
    ns.pivot_root(TMP, TMP + OLD)
    os.chdir("/")
    os.umask(0o022)
    for source, target in binds:
        if not _in_scratch(target):
            _show(source, target)
    _write_etc()
    _devices(sandbox.gpus)
    os.mkdir("/proc")
    options = flags | ns.MS_NOEXEC | ns.MS_RDONLY
    ns.mount("proc", "/proc", "proc", options, "hidepid=invisible")
    disk = _scratch(sandbox, owner)
    if files:
        scratch.copy(OLD + files, HOME, owner)
    if shared:
        scratch.show(OLD + shared, HOME, owner, lambda a, b: ns.bind(a, b, READ_ONLY))
    for source, target in binds:
        if _in_scratch(target):
            _show(source, target)
    ns.detach(OLD)
    os.rmdir(OLD)
    ns.mount("", "/", "", ns.MS_BIND | ns.MS_REMOUNT | flags | ns.MS_RDONLY)
    return old_proc, disk


@functools.cache
def _trees() -> tuple[tuple[str, str], ...]:
    return tuple((os.path.realpath(tree), tree) for tree in seen().trees)


def _wanted(sandbox: Sandbox) -> Iterator[tuple[str, str]]:
    for path in sandbox.readable:
        yield os.path.realpath(path), os.path.normpath(path)
    for source, target in sandbox.datasets:
        if not target.startswith("/") or ".." in target.split("/"):
            raise SandboxError(f"A data set can't be seen at {target!r}: it is no absolute path.")
        if not os.path.exists(source):
            raise SandboxError(f"The data set {source} is not on this machine.")
        yield os.path.realpath(source), os.path.normpath(target)


def _in_scratch(path: str) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in PARTS.values())


def _show(source: str, target: str) -> None:
    """Show a file or a folder of the old root, read-only."""
    inside = OLD + source
    try:
        if os.path.isdir(inside):
            os.makedirs(target, exist_ok=True)
        elif not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            _write(target, "")
    except OSError as error:
        raise SandboxError(f"{source} can't be seen at {target}: {error.strerror}.") from error
    ns.bind(inside, target, READ_ONLY)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)


def _write_etc() -> None:
    os.makedirs("/etc", exist_ok=True)
    for name, text in ETC.items():
        _write(f"/etc/{name}", text)
    for path, to in seen().links:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with contextlib.suppress(FileExistsError):  # a tree that is shown has it
            os.symlink(to, path)


def _devices(gpus: int) -> None:
    os.mkdir("/dev")
    wanted = list(DEVICES)
    if gpus:
        found = Path(OLD, "dev").glob("nvidia*")
        wanted += [path.name for path in found if path.is_char_device()]
    for name in wanted:
        _write(f"/dev/{name}", "")
        ns.bind(f"{OLD}/dev/{name}", f"/dev/{name}", ns.ATTR_NOSUID | ns.ATTR_NOEXEC)
    if gpus:
        # The driver's library asks for the devices' addresses here.
        _show("/sys", "/sys")
    for name, to in LINKS.items():
        os.symlink(to, f"/dev/{name}")


def _scratch(sandbox: Sandbox, owner: tuple[int, int] | None) -> int:
    """One file system for all that may be written, so that its size is one limit."""
    limits = sandbox.limits
    options = f"mode=0755,size={limits.disk_bytes},nr_inodes={limits.inodes}"
    ns.mount("scratch", SCRATCH, "tmpfs", ns.MS_NOSUID | ns.MS_NODEV, options)
    disk = os.open(SCRATCH, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for name, target in PARTS.items():
        part = f"{SCRATCH}/{name}"
        os.mkdir(part, 0o700)
        if owner:
            os.chown(part, *owner)
        os.makedirs(target, exist_ok=True)
        ns.mount(part, target, "", ns.MS_BIND)
    return disk

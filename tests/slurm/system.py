"""What a one-machine Slurm takes from the computer, and gives back: ports, names, users, processes.

What belongs to a directory's Slurm is read from the system, not from notes that could be stale: its
daemons stand in the directory, its users live in it, its line in the hosts file names it.
"""

import contextlib
import fcntl
import functools
import itertools
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import psutil

HOSTS: Final = Path("/etc/hosts")
MEMORY_CGROUPS: Final = Path("/sys/fs/cgroup/memory")
# slurmctld saves its state before it ends.
TERM_SECONDS: Final = 20
KILL_SECONDS: Final = 60
POLL_SECONDS: Final = 0.02

T = TypeVar("T")
Find = Callable[[], Sequence[psutil.Process]]


class ProcessesRemainError(Exception):
    """Something outlived SIGKILL."""


@functools.cache
def _drawn() -> Iterator[int]:
    """This process's ports, again and again in one order: none is given twice in a row of 500."""
    first = 25000 + 500 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw9")[2:]) % 10)
    return itertools.cycle(random.sample(range(first, first + 500), 500))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that the kernel gives to outgoing connections.

    They are taken later: so each of those who run tests side by side has its own to draw from,
    and one that was given, and that nobody listens on yet, is not given to the next who asks.
    """
    ports: list[int] = []
    for port in itertools.islice(_drawn(), 500):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("", port))
            ports.append(port)
        if len(ports) == count:
            break
    return ports


def answers(port: int) -> bool:
    """Whether somebody listens on a port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def add_hosts(directory: Path, names: Iterable[str]) -> None:
    """Let the names mean 127.0.0.1."""
    with _hosts() as lines:
        # Last, so that looking up 127.0.0.1 goes on to find localhost.
        lines.append(f"127.0.0.1 {' '.join(names)} {_hosts_mark(directory)}")


def remove_hosts(directory: Path) -> None:
    """Take away what `add_hosts` added for this directory."""
    with _hosts() as lines:
        lines[:] = [line for line in lines if not line.endswith(_hosts_mark(directory))]


def users(directory: Path) -> list[pwd.struct_passwd]:
    """The Unix users whose homes are in the directory."""
    homes = directory / "homes"
    return [entry for entry in pwd.getpwall() if Path(entry.pw_dir).parent == homes]


def remove_users(directory: Path) -> None:
    """Remove the users, and what they left in shared folders: a later user may get the number."""
    uids = {user.pw_uid for user in users(directory)}
    for folder in (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")):
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_uid in uids:
                    remove(path)
    for user in users(directory):
        subprocess.run(
            ["/usr/sbin/userdel", "--force", user.pw_name], check=True, capture_output=True
        )


def remove_memory_cgroups(directory: Path) -> None:
    """Remove the nodes' memory cgroups (v1), which Slurm leaves, if this Slurm made any."""
    if (directory / "cgroup.conf").exists():
        for node in MEMORY_CGROUPS.glob("slurm_*"):
            for folder, _, _ in os.walk(node, topdown=False):
                Path(folder).rmdir()


def remove(path: Path) -> None:
    """Remove a file or a whole folder; what is not there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def daemons(directory: Path, *names: str) -> list[psutil.Process]:
    """The running daemons of these names that stand in the directory."""
    # mariadbd goes to its data.
    places = {str(directory), f"{directory}/mariadb"}
    return [
        process
        for process in living(psutil.process_iter())
        if ask(process.name) in names and ask(process.cwd) in places
    ]


def job_processes(directory: Path) -> list[psutil.Process]:
    """What jobs started: known by its environment, or by a user who lives in the directory."""
    conf = f"{directory}/slurm.conf"
    uids = {user.pw_uid for user in users(directory)}
    found = []
    for process in living(psutil.process_iter()):
        environment = ask(process.environ) or {}
        in_job = "SLURM_JOB_ID" in environment and environment.get("SLURM_CONF") == conf
        owner = ask(process.uids)
        if in_job or (owner is not None and owner.real in uids):
            found.append(process)
    return found


def ask(read: Callable[[], T]) -> T | None:
    """Ask about a process; None when it has ended by now."""
    try:
        return read()
    except psutil.Error:
        return None


def living(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that run. A dead one that nobody has waited for (a zombie) is gone too."""
    return [p for p in processes if ask(p.status) not in (None, psutil.STATUS_ZOMBIE)]


def until(happened: Callable[[], bool], seconds: float = 120) -> bool:
    """Wait until something has happened; False when it has not after so many seconds."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to those that still run."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def end(find: Find, *signals: signal.Signals) -> None:
    """End all that `find` finds, also while it waits: SIGTERM, then SIGKILL, unless told."""
    for number in signals or (signal.SIGTERM, signal.SIGKILL):
        told: set[psutil.Process] = set()
        patience = KILL_SECONDS if number == signal.SIGKILL else TERM_SECONDS
        if until(partial(_all_gone, find, number, told), patience):
            return
    raise ProcessesRemainError(f"These processes do not end: {find()}")


def _all_gone(find: Find, number: signal.Signals, told: set[psutil.Process]) -> bool:
    """Whether nothing is found any more; what is gets the signal, once."""
    found = find()
    send(set(found) - told, number)
    told.update(found)
    return not found


def _hosts_mark(directory: Path) -> str:
    return f"# Slurm in {directory}\n"


@contextlib.contextmanager
def _hosts() -> Iterator[list[str]]:
    """The lines of the hosts file, locked, to be changed. In place: the file may be a mount."""
    with HOSTS.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = file.readlines()
        yield lines
        file.seek(0)
        file.writelines(lines)
        file.truncate()

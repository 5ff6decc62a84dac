"""A site as an operator has it: real Slurms, the hub under an account of its own, a sudo rule."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from deployed import Deployed, deploy
from slurm import system
from slurm_machine import SlurmMachine

# The last four are the demo's (courses/machine/home.py).
USERS = ("lesesal-a", "lesesal-b", "instructor", "student1", "student2", "student3")
COURSE_ACCOUNT = "students"
SUDO_RULES = Path("/etc/sudoers.d")


@dataclass(frozen=True)
class SlurmSite:
    """A running site.

    Attributes:
        machines: the Slurms by the clusters' names. The first one's nodes are gpu1 to gpu4, those
            of any other begin with the cluster's name: olivia-gpu1.
        deployed: both sides, where every account can read them.
        users: accounts that sessions run as.
        account: the hub's own.
        home: a folder of the hub's account, for its state.
    """

    machines: Mapping[str, SlurmMachine]
    deployed: Deployed
    users: tuple[str, ...]
    account: str
    home: Path

    @property
    def machine(self) -> SlurmMachine:
        """The first Slurm."""
        return next(iter(self.machines.values()))

    @property
    def clusters(self) -> dict[str, dict[str, Any]]:
        """What `SlurmCluster` needs to know of each Slurm of the site."""
        return {
            name: {"conf": str(machine.conf), "launcher": list(self.launcher)}
            for name, machine in self.machines.items()
        }

    @property
    def cluster(self) -> dict[str, Any]:
        """What `SlurmCluster` needs to know of the first Slurm."""
        return next(iter(self.clusters.values()))

    @property
    def launcher(self) -> tuple[str, ...]:
        """How the hub runs the launcher."""
        return ("sudo", "-n", "-u", "{user}", "--", *_launcher(self.deployed))

    def as_hub(self) -> list[str]:
        """What goes before a command that the hub's account runs."""
        return ["setpriv", f"--reuid={self.account}", f"--regid={self.account}", "--clear-groups"]


def missing(*, accounting: bool = False) -> list[str]:
    """What keeps a site from running here, as sentences."""
    sudo = [] if shutil.which("sudo") else ["sudo is not installed (Debian package sudo)."]
    return SlurmMachine.missing(accounting=accounting) + sudo


@contextlib.contextmanager
def slurm_site(
    users: Sequence[str] = USERS,
    clusters: Sequence[str] = ("lesesal",),
    *,
    accounting: bool = False,
    cpus: int = 16,
) -> Iterator[SlurmSite]:
    """Start a site; at the end nothing of it is left.

    A user who exists already is another site's, and goes when that goes: name others.
    `cpus` are per node, as `SlurmMachine.start` has them.
    With `accounting`, all users may submit under the account `students`, each on every cluster,
    and the hub's account is an operator of Slurm.
    """
    root = Path(tempfile.mkdtemp(prefix="lesesal-site-", dir="/tmp"))
    root.chmod(0o755)
    # One of its own, so that ending its processes ends no other site's.
    account = f"hub-{root.name.rsplit('-', 1)[1]}"
    rule = SUDO_RULES / root.name
    try:
        with contextlib.ExitStack() as started:
            machines: dict[str, SlurmMachine] = {}
            for name in clusters:
                prefix = f"{name}-gpu" if machines else "gpu"
                machines[name] = started.enter_context(
                    SlurmMachine.start(
                        root / f"slurm{len(machines)}",
                        cluster=name,
                        node_prefix=prefix,
                        accounting=accounting,
                        cpus=cpus,
                    )
                )
            # The users live on the first machine, which is therefore stopped last.
            machines[clusters[0]].add_users([account, *users])
            if accounting:
                for machine in machines.values():
                    machine.add_account(COURSE_ACCOUNT)
                    machine.add_association(",".join(users), COURSE_ACCOUNT)
                    machine.operator(account)
            deployed = deploy(root / "opt")
            home = root / "state"
            home.mkdir(mode=0o700)
            entry = pwd.getpwnam(account)
            os.chown(home, entry.pw_uid, entry.pw_gid)
            write_rule(rule, account, deployed, users)
            try:
                yield SlurmSite(machines, deployed, tuple(users), account, home)
            finally:
                rule.unlink(missing_ok=True)
                _end_processes_of(entry.pw_uid)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def write_rule(
    rule: Path, account: str, deployed: Deployed, users: Sequence[str], group: str = ""
) -> None:
    """Let the hub's account run the launcher, and nothing else, as these users.

    With a `group`, the launcher acts for its members only.
    """
    command = [*_launcher(deployed), *([group] if group else [])]
    text = f"{account} ALL=({','.join(users)}) NOPASSWD: {' '.join(command)}\n"
    # A rule that others could write is ignored by sudo, and so must be one half-written.
    temporary = rule.with_name(f".{rule.name}")
    temporary.touch(mode=0o440)
    temporary.write_text(text)
    temporary.chmod(0o440)
    temporary.rename(rule)


def _launcher(deployed: Deployed) -> tuple[str, ...]:
    return (str(deployed.hub), "-I", "-m", "spawners.unix.launcher")


def _end_processes_of(uid: int) -> None:
    """End what a test left running under the hub's account; useradd's account goes after it."""
    left = [process for process in psutil.process_iter() if _uid(process) == uid]
    system.send(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=60)


def _uid(process: psutil.Process) -> int | None:
    try:
        return int(process.uids().real)
    except psutil.NoSuchProcess:
        return None

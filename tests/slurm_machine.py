"""A real Slurm on one machine: munged, slurmctld and four slurmd, in one directory.

    with SlurmMachine.start(Path(tempfile.mkdtemp(prefix="ls-"))) as slurm:
        slurm.add_users(["anna"])
        slurm.command("sbatch", "--gres=gpu:h100:1", "job.sh", user="anna")

With `accounting=True` it has slurmdbd and a MariaDB too, and accounts, limits and QOS count.
One whose starter crashed is stopped with `SlurmMachine.attach(directory).stop()`.
"""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import jinja2
import psutil
from slurm import system
from slurm.accounting import Accounting
from slurm.system import ask

LEFT_BEHIND = "/lesesal-site-"
"""In the homes of users that `slurm_site` made, this run's or an earlier one's."""

MIG_CAPS: Final = (30, 39, 48, 57)
"""Minor numbers of the access files of a first card's first four small slices."""
KILL_WAIT: Final = 5
START_SECONDS: Final = 120
LONGEST_PATH: Final = 64
"""A step's socket adds up to 38 characters, and a Unix socket's address holds 107."""
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS: Final = {"munge": ("munged",), "slurm-wlm": ("slurmctld", "slurmd", "sbatch")}
"""Needed programs, by Debian package."""
ACCOUNTING_PROGRAMS: Final = {
    "slurmdbd": ("slurmdbd",),
    "mariadb-server": ("mariadbd", "mariadb-install-db"),
}
TEMPLATES: Final = Path(__file__).parent / "slurm"


class SlurmMachineError(Exception):
    """What went wrong, with the end of the log that tells why."""


class _Daemon(NamedTuple):
    log: Path
    child: subprocess.Popen[bytes]


class SlurmMachine(Accounting):
    """One running Slurm: nodes gpu1 to gpu4; partitions gpu, cpu, down (waits), closed (refuses).

    gpu1 and gpu2 have `gpu:h100:2` and shards, gpu3 has `gpu:1g.10gb:4` (MIG), gpu4 no GPU. The
    nodes' names resolve to 127.0.0.1. Needs root.
    """

    def __init__(self, directory: Path) -> None:
        """Use `start` or `attach`."""
        self.directory = directory.resolve()
        self.conf = self.directory / "slurm.conf"
        self._started: list[_Daemon] = []

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes' names."""
        return tuple(self._notes()["nodes"])

    @staticmethod
    def missing(*, accounting: bool = False) -> list[str]:
        """Say what keeps a machine from running here; empty when nothing does."""
        needed = {**PROGRAMS, **(ACCOUNTING_PROGRAMS if accounting else {})}
        sentences = [
            f"{program} is not installed (Debian package {package})."
            for package, programs in needed.items()
            for program in programs
            if shutil.which(program, path=PATH) is None
        ]
        if os.geteuid() != 0:
            sentences.append("Only root can start Slurm's daemons.")
        return sentences

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        cluster: str = "lesesal",
        node_prefix: str = "gpu",
        accounting: bool = False,
        cpus: int = 16,
        memory_mb: int = 64000,
        shards: int = 8,
        limit_memory: bool = False,
    ) -> Self:
        """Start a machine in an empty or new directory; it is ready when this returns.

        The nodes' names begin with `node_prefix`. `cpus`, `memory_mb` and `shards` are per node and
        need not exist. With `accounting` only users with an association may submit (`Accounting`
        says more). `limit_memory` ends jobs that use more than they asked for (OUT_OF_MEMORY); it
        takes the computer's memory cgroups (v1), so only one machine can have it. A start that
        fails leaves nothing behind.
        """
        machine = cls(directory)
        machine._check(accounting=accounting, limit_memory=limit_memory)
        try:
            nodes = [f"{node_prefix}{number}" for number in range(1, 5)]
            listeners = ["slurmctld", *(["slurmdbd"] if accounting else []), *nodes]
            ports = dict(zip(listeners, system.free_ports(len(listeners)), strict=True))
            values = {
                "accounting": accounting,
                "cluster": cluster,
                "cpus": cpus,
                "directory": machine.directory,
                "host": socket.gethostname().partition(".")[0],
                "kill_wait": KILL_WAIT,
                "limit_memory": limit_memory,
                "memory_mb": memory_mb,
                "mig_caps": MIG_CAPS,
                "node_prefix": node_prefix,
                "nodes": nodes,
                "ports": ports,
                "shards": shards,
            }
            machine._lay_out(values)
            system.add_hosts(machine.directory, nodes)
            machine._start_munge()
            if accounting:
                machine._start_accounting(cluster)
            machine.start_controller()
            machine._start_nodes(nodes)
        except BaseException:
            machine.stop()
            raise
        return machine

    @classmethod
    def attach(cls, directory: Path) -> Self:
        """Take hold of a machine that another process started, whatever is left of it."""
        if not (directory / "machine.json").is_file():
            raise SlurmMachineError(f"There is no Slurm machine in {directory}.")
        return cls(directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def environment(self) -> dict[str, str]:
        """What Slurm's commands need in their environment to talk to this machine."""
        return {"SLURM_CONF": str(self.conf)}

    def command(
        self, *argv: str, user: str = "root", stdin: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a user, at the user's home, in a fresh environment.

        Raises SlurmMachineError with the command's stderr when it fails and `check` is set.
        """
        entry = pwd.getpwnam(user)
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=entry.pw_dir,
            user=entry.pw_uid,
            group=entry.pw_gid,
            extra_groups=[],
            env={"PATH": PATH, "HOME": entry.pw_dir, "USER": user, **self.environment()},
        )
        if check and done.returncode != 0:
            raise SlurmMachineError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr}")
        return done

    def add_users(self, names: Iterable[str]) -> None:
        """Make Unix users with homes in the directory (0700), except those that exist already.

        Those that a site left behind when it was killed are made anew: their homes are not empty.
        """
        homes = {entry.pw_name: Path(entry.pw_dir) for entry in pwd.getpwall()}
        for name in names:
            home = homes.get(name)
            if home is not None and self._is_left_behind(home):
                self.command("userdel", "--force", "--remove", name)
                home = None
            if home is None:
                home = f"--home-dir={self.directory}/homes/{name}"
                options = ("--no-log-init", "--create-home", "-K", "HOME_MODE=0700")
                self.command("useradd", *options, home, "--shell=/bin/bash", name)

    def _is_left_behind(self, home: Path) -> bool:
        """Whether it is the home of a user of another site, none of whose processes is there."""
        site = next((each for each in home.parents if LEFT_BEHIND in str(each)), None)
        while site is not None and LEFT_BEHIND in str(site.parent):
            site = site.parent
        if site is None or self.directory.is_relative_to(site):
            return False
        lines = (ask(process.cmdline) or () for process in psutil.process_iter())
        return not any(str(site) in word for line in lines for word in line)

    def node_states(self) -> dict[str, str]:
        """Node name to sinfo's word: `idle`, `mixed`, `drained`; `idle*` does not answer."""
        lines = self.command("sinfo", "--noheader", "--Node", "-o", "%N %T").stdout.splitlines()
        return dict(line.split() for line in lines)

    def start_controller(self) -> None:
        """Start slurmctld, with the jobs it knew when it was stopped."""
        daemon = self._spawn("slurmctld", "slurmctld", "-D", "-f", str(self.conf))
        self._until(lambda: system.answers(self._ports()["slurmctld"]), daemon)

    def stop_controller(self) -> None:
        """Stop slurmctld; jobs run on. Commands then try for some ten seconds, and fail."""
        self._end(lambda: self._daemons("slurmctld", "slurmscriptd"))

    def hang_controller(self) -> None:
        """Let slurmctld be there and answer nothing: commands wait for ten seconds, and fail.

        What they asked for is done when it wakes: a job that sbatch could not submit is there then.
        """
        system.send(self._daemons("slurmctld"), signal.SIGSTOP)

    def wake_controller(self) -> None:
        """Let a hanging slurmctld go on."""
        system.send(self._daemons("slurmctld"), signal.SIGCONT)

    def start_node(self, name: str) -> None:
        """Start a node's slurmd and wait until the controller counts on it."""
        self._start_nodes([name])

    def stop_node(self, name: str) -> None:
        """Stop a node's slurmd; jobs run on. The controller notices after SlurmdTimeout (30 s)."""
        self._end(lambda: [p for p in self._daemons("slurmd") if name in (ask(p.cmdline) or ())])

    def fail_node(self, name: str) -> None:
        """Cut a node's power: its slurmd and jobs are gone at once, and the controller knows."""

        def steps() -> list[psutil.Process]:
            log = f"{self.directory}/log/slurmd.{name}.log"
            found = self._daemons("slurmstepd")
            return [p for p in found if log in [file.path for file in ask(p.open_files) or ()]]

        def tasks() -> list[psutil.Process]:
            found = system.job_processes(self.directory)
            return [p for p in found if (ask(p.environ) or {}).get("SLURMD_NODENAME") == name]

        self.stop_node(name)
        # Steps first: one that outlives its tasks reports their end to the controller.
        self._end(steps, signal.SIGKILL)
        self._end(tasks, signal.SIGKILL)
        self._set_node(name, "State=DOWN", "Reason=power cut")

    def drain(self, name: str) -> None:
        """Let a node take no more jobs, as before maintenance."""
        self._set_node(name, "State=DRAIN", "Reason=maintenance")

    def resume(self, name: str) -> None:
        """Let a drained node take jobs again, and wait until the controller has heard of it.

        A controller that was started anew may have forgotten that the node was drained, and
        refuses; then there is nothing to do.
        """
        resume = ("scontrol", "update", f"NodeName={name}", "State=RESUME")
        refused = self.command(*resume, check=False).stderr
        if refused and "Invalid node state" not in refused:
            raise SlurmMachineError(f"{name} does not resume: {refused}")
        if not system.until(partial(self._is_up, name), START_SECONDS):
            raise SlurmMachineError(f"{name} does not come back: {self.node_states()[name]}.")

    def reserve(
        self,
        name: str,
        nodes: Sequence[str],
        *,
        users: Sequence[str] = (),
        accounts: Sequence[str] = (),
        minutes: int = 60,
        starts: str = "now",
        flags: Sequence[str] = (),
    ) -> None:
        """Keep nodes for these users, or for these accounts (which need accounting).

        `starts` and `flags` are scontrol's: `now+1hour`, `MAINT`, `IGNORE_JOBS`. What runs there
        runs on: Slurm refuses a reservation of busy nodes without the flag IGNORE_JOBS.
        """
        lists = {"Nodes": nodes, "Users": users, "Accounts": accounts, "Flags": flags}
        settings = [f"{key}={','.join(words)}" for key, words in lists.items() if words]
        times = (f"StartTime={starts}", f"Duration={minutes}")
        self.command("scontrol", "create", f"ReservationName={name}", *times, *settings)

    def unreserve(self, name: str) -> None:
        """Take a reservation away. Slurm refuses while a job runs in it or waits for it."""
        self.command("scontrol", "delete", f"ReservationName={name}")

    def requeue(self, job: str) -> None:
        """Put a running job back into the queue. Slurm starts it again after two minutes."""
        self.command("scontrol", "requeue", job)

    def begin_now(self, job: str) -> None:
        """Let a job that waits for its BeginTime, as a requeued one does, wait for two seconds."""
        # A job that starts in the second in which it was ended sometimes fails at once.
        self.command("scontrol", "update", f"JobId={job}", "StartTime=now+2")

    def stop(self) -> None:
        """End jobs and daemons; take back users, names and the directory. May be repeated."""
        # They run in reverse order, each also when another fails.
        with contextlib.ExitStack() as steps:
            steps.callback(system.remove, self.directory)
            steps.callback(system.remove_memory_cgroups, self.directory)
            steps.callback(system.remove_hosts, self.directory)
            steps.callback(system.remove_users, self.directory)
            steps.callback(self._end, lambda: system.job_processes(self.directory))
            steps.callback(self._end, lambda: self._daemons("munged"))
            steps.callback(self._end, lambda: self._daemons("mariadbd"))
            steps.callback(self._end, lambda: self._daemons("slurmdbd"))
            steps.callback(self.stop_controller)
            steps.callback(self._end, lambda: self._daemons("slurmstepd"), signal.SIGKILL)
            steps.callback(self._end, lambda: self._daemons("slurmd"))
            steps.callback(self._cancel_jobs)
            steps.callback(self.wake_controller)

    def _check(self, *, accounting: bool, limit_memory: bool) -> None:
        """Say why there can't be a machine in this directory, if so."""
        if missing := self.missing(accounting=accounting):
            raise SlurmMachineError(" ".join(missing))
        if len(str(self.directory)) > LONGEST_PATH:
            raise SlurmMachineError(f"{self.directory} is longer than {LONGEST_PATH} characters.")
        for parent in self.directory.parents:
            if parent.exists() and not parent.stat().st_mode & stat.S_IXOTH:
                raise SlurmMachineError(f"Users cannot enter {parent}; choose a directory in /tmp.")
        if self.directory.exists() and list(self.directory.iterdir()):
            raise SlurmMachineError(f"{self.directory} is not empty.")
        if limit_memory and not system.MEMORY_CGROUPS.is_dir():
            raise SlurmMachineError(f"There are no cgroups (v1) in {system.MEMORY_CGROUPS}.")
        if limit_memory and list(system.MEMORY_CGROUPS.glob("slurm_*")):
            raise SlurmMachineError(f"Another Slurm uses {system.MEMORY_CGROUPS}.")

    def _lay_out(self, values: Mapping[str, object]) -> None:
        """Make the folders, the configuration, and what stands in for devices."""
        for name in ("dev/nvidia-caps", "homes", "log", "munge", "run", "spool", "state"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)
        self._write("machine.json", json.dumps({key: values[key] for key in ("nodes", "ports")}))
        # autoescape is for HTML.
        jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            undefined=jinja2.StrictUndefined,
            autoescape=False,
        )
        accounting = ("mariadb.cnf", "slurmdbd.conf") if values["accounting"] else ()
        for name in ("slurm.conf", "gres.conf", *accounting):
            self._write(name, jinja.get_template(f"{name}.j2").render(values))
            # slurmdbd takes no configuration that others may read.
            (self.directory / name).chmod(0o600 if name == "slurmdbd.conf" else 0o644)
        if values["limit_memory"]:
            self._write("cgroup.conf", "CgroupPlugin=cgroup/v1\nConstrainRAMSpace=yes\n")
        caps = [f"nvidia-caps/nvidia-cap{cap + part}" for cap in MIG_CAPS for part in (0, 1)]
        for name in ("nvidia0", "nvidia1", *caps):
            # Slurm sets CUDA_VISIBLE_DEVICES for devices only; these are /dev/null by other names.
            os.mknod(self.directory / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(1, 3))

    def _write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text, encoding="utf-8")

    def _notes(self) -> dict[str, Any]:
        notes: dict[str, Any] = json.loads((self.directory / "machine.json").read_text())
        return notes

    def _ports(self) -> dict[str, int]:
        ports: dict[str, int] = self._notes()["ports"]
        return ports

    def _spawn(
        self, name: str, *argv: str, user: str = "root", environment: Mapping[str, str] = {}
    ) -> _Daemon:
        """Start a daemon in the foreground, in a session and an environment of its own."""
        log = self.directory / "log" / f"{name}.err"
        with log.open("ab") as file:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=self.directory,
                env={"PATH": PATH, **self.environment(), **environment},
                user=user,
                umask=0o022,
                start_new_session=True,
            )
        self._started.append(_Daemon(log, child))
        return self._started[-1]

    def _until(self, ready: Callable[[], bool], daemon: _Daemon) -> None:
        """Wait for a daemon that was just started; when it does not come, its log tells why."""
        system.until(lambda: ready() or daemon.child.poll() is not None, START_SECONDS)
        if not ready():
            tail = "".join(daemon.log.read_text(errors="replace").splitlines(keepends=True)[-15:])
            raise SlurmMachineError(f"{daemon.log.stem} does not start. Its log ends:\n{tail}")

    def _start_munge(self) -> None:
        home = self.directory / "munge"
        (home / "key").write_bytes(os.urandom(128))
        (home / "key").chmod(0o600)
        for path in (home, home / "key"):
            shutil.chown(path, "munge", "munge")
        files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed"}
        options = [f"--{option}={home}/{name}" for option, name in files.items()]
        daemon = self._spawn("munged", "munged", "--foreground", *options, user="munge")
        probe = ("munge", "--no-input", f"--socket={home}/socket")
        self._until(lambda: self.command(*probe, check=False).returncode == 0, daemon)

    def _start_accounting(self, cluster: str) -> None:
        home = self.directory / "mariadb"
        home.mkdir()
        shutil.chown(home, "mysql", "mysql")
        defaults = f"--defaults-file={self.directory}/mariadb.cnf"
        # Who may come in is known by his Unix account: root, and so slurmdbd, needs no password.
        self.command("mariadb-install-db", defaults, "--auth-root-authentication-method=socket")
        database = self._spawn("mariadbd", "mariadbd", defaults)
        # It makes its pid file when it is ready for connections.
        self._until((home / "pid").exists, database)
        # slurmdbd.conf has no word for the socket; MariaDB's client library has this one.
        environment = {"MYSQL_UNIX_PORT": f"{home}/socket"}
        daemon = self._spawn("slurmdbd", "slurmdbd", "-D", environment=environment)
        self._until(lambda: system.answers(self._ports()["slurmdbd"]), daemon)
        self.sacctmgr("add", "cluster", cluster)

    def _start_nodes(self, names: Iterable[str]) -> None:
        daemons = {
            name: self._spawn(f"slurmd.{name}", "slurmd", "-D", "-N", name, "-f", str(self.conf))
            for name in names
        }
        for name, daemon in daemons.items():
            self._until(partial(self._is_up, name), daemon)

    def _is_up(self, name: str) -> bool:
        """Whether a node answers and the controller counts on it."""
        if not system.answers(self._ports()[name]):
            return False
        state = self.node_states()[name]
        return state.isalpha() and state not in ("down", "unknown")

    def _set_node(self, name: str, *settings: str) -> None:
        self.command("scontrol", "update", f"NodeName={name}", *settings)

    def _cancel_jobs(self) -> None:
        """Let jobs end as scancel ends them, as far as there is a controller to do it."""
        if not self._daemons("slurmctld"):
            return
        jobs = self.command("squeue", "--noheader", "-o", "%A", check=False).stdout.split()
        if jobs:
            self.command("scancel", *jobs, check=False)
            system.until(lambda: not self._daemons("slurmstepd"), KILL_WAIT + 3)

    def _daemons(self, *names: str) -> list[psutil.Process]:
        return system.daemons(self.directory, *names)

    def _end(self, find: system.Find, *signals: signal.Signals) -> None:
        system.end(find, *signals)
        for daemon in self._started:
            daemon.child.poll()

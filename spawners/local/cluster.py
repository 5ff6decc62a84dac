"""The embedded cluster: the port over processes of this machine, under the hub's own account.

For a laptop, a demo and the tests. All sessions share one Unix account: people who must not see
each other's files need a real cluster.

A job is a process in a session of its own, with a record in ``<root>/jobs/<id>.json``, so that a
hub that starts again finds what still runs. The record of an ended job goes when it is forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from ..errors import Refused, SubmitRefused
from ..jobs import Cluster, Job, JobId, JobSpec, JobState, SessionKey
from ..language import Sentence as _
from ..names import folder_name
from ..overview import Count, Node, Overview
from ..unix import files

# What a session gets of the hub's environment: nothing but where programs are.
KEEP = ("PATH", "LANG", "LC_ALL", "TZ")
# Seconds between asking a process to end and ending it.
GRACE = 5.0
# Seconds before its end at which a session is told by SIGUSR1, as Slurm does.
NOTICE = 60.0
BATCH_NOTICE = 120.0
# Seconds by which the clock may have been set since a process began. The kernel counts from its
# boot, and says when that was in whole seconds of the clock as it is now.
SET_BY = 2.0


class LocalCluster(Cluster):
    """Runs sessions as processes of this machine.

    Args:
        hub: the hub's id.
        root: folder for homes, session files and records; made when it is missing.
    """

    def __init__(self, hub: str, root: str) -> None:
        self._hub = hub
        self._root = Path(root).absolute()
        self._jobs = self._root / "jobs"
        self._ours: dict[JobId, asyncio.subprocess.Process] = {}

    async def submit(self, spec: JobSpec) -> JobId:
        """See `Cluster.submit`."""
        home = self._home(spec.key)
        log = files.log_file(self._state(spec.key), self._hub, spec.key.folder, spec.attempt)
        settings = dict(spec.environment)
        if spec.key.run:
            settings["LESESAL_BATCH_TASKS"] = str(spec.tasks)
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._jobs.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory = files.prepare(
                self._state(spec.key),
                self._hub,
                spec.key.folder,
                spec.attempt,
                {**spec.files, **files.of(spec.token, settings)},
                spec.inherit,
            )
            environment = {name: os.environ[name] for name in KEEP if name in os.environ}
            environment |= {"HOME": str(home), "LESESAL_SESSION_DIR": str(directory)}
            with log.open("w", encoding="utf-8") as output:
                process = await asyncio.create_subprocess_exec(
                    *spec.argv,
                    cwd=home,
                    env=environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            files.remove(self._state(spec.key), self._hub, spec.key.folder, spec.attempt)
            raise SubmitRefused(
                _("This machine could not start the session: {why}.", why=error.strerror),
                str(error),
            ) from error
        return self._record(process, spec)

    async def snapshot(self) -> Mapping[JobId, Job]:
        """See `Cluster.snapshot`. Also ends what ran past its time, as a real cluster does, and
        tells before."""
        jobs = {}
        for record in sorted(self._jobs.glob("*.json")):
            try:
                fields = json.loads(record.read_text(encoding="utf-8"))
            except FileNotFoundError:  # forgotten while we looked
                continue
            job = self._job(record.stem, fields)
            if job.state is JobState.RUNNING and time.time() > fields["ends"]:
                await self.cancel(job.id, "")
                fields["reason"] = "TimeLimit"
                _write(record, fields)
                job = self._job(record.stem, fields)
            elif (
                job.state is JobState.RUNNING
                and time.time() > fields["ends"] - (BATCH_NOTICE if job.key.run else NOTICE)
                # Once for each end: it may be moved.
                and fields.get("told") != fields["ends"]
                and _tell(job.id)
            ):
                fields["told"] = fields["ends"]
                _write(record, fields)
            jobs[job.id] = job
        return jobs

    async def cancel(self, job: JobId, username: str) -> None:
        """See `Cluster.cancel`. Ends the process and what it started, politely at first."""
        process = _process(job)
        if process is None:
            return
        # The leader ends its kernels itself; what of them is left after the grace is ended too,
        # because a kernel is in a process group of its own.
        family = [process]
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended just now
            family += process.children(recursive=True)
            process.terminate()
        _, alive = await asyncio.to_thread(psutil.wait_procs, family, GRACE)
        for left in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
        await asyncio.to_thread(psutil.wait_procs, alive, GRACE)
        if ours := self._ours.get(job):
            await ours.wait()

    async def log_tail(
        self, key: SessionKey, attempt: int, username: str, lines: int = 20, task: int = 0
    ) -> str:
        """See `Cluster.log_tail`."""
        return files.log_tail(self._state(key), self._hub, key.folder, attempt, lines)

    async def forget(self, key: SessionKey, username: str) -> None:
        """See `Cluster.forget`."""
        files.remove(self._state(key), self._hub, key.folder)
        for id_, job in (await self.snapshot()).items():
            if job.key == key and job.state is JobState.ENDED:
                (self._jobs / f"{id_}.json").unlink(missing_ok=True)
                self._ours.pop(id_, None)

    async def extend(self, job: JobId, username: str, hours: float) -> None:
        """See `Cluster.extend`."""
        if _process(job) is None:
            raise Refused(_("This session has ended. Start it again."))
        record = self._jobs / f"{job}.json"
        fields = json.loads(record.read_text(encoding="utf-8"))
        fields["ends"] += hours * 3600
        _write(record, fields)

    async def overview(self) -> Overview:
        """See `Cluster.overview`: one machine; its GPUs are not told."""
        cores, memory = os.cpu_count() or 1, psutil.virtual_memory()
        node = Node(
            name="127.0.0.1",
            partitions=(),
            up=True,
            cpus=Count(cores, cores),
            memory_mb=Count(memory.available // 2**20, memory.total // 2**20),
        )
        return Overview(nodes=(node,), at=time.time())

    async def expected_start(self, spec: JobSpec) -> float | None:
        """See `Cluster.expected_start`: it starts whatever it is asked for, at once."""
        return time.time()

    def _record(self, process: asyncio.subprocess.Process, spec: JobSpec) -> JobId:
        # A pid alone can be another process tomorrow; with its start time it can't.
        try:
            created = psutil.Process(process.pid).create_time()
        except psutil.NoSuchProcess:  # ended and waited for already
            created = time.time()
        job = f"{process.pid}-{round(created * 100)}"
        self._ours[job] = process
        _write(
            self._jobs / f"{job}.json",
            {
                "key": asdict(spec.key),
                "attempt": spec.attempt,
                "ends": time.time() + spec.hours * 3600,
                "reason": "",
            },
        )
        return job

    def _job(self, id_: JobId, fields: Mapping[str, Any]) -> Job:
        ours = self._ours.get(id_)
        # One of this hub's has ended when its exit code is there.
        running = _process(id_) is not None if ours is None else ours.returncode is None
        code = None if ours is None else ours.returncode
        # How one ended that an earlier hub has started, nobody knows.
        word = "RUNNING" if running else {0: "COMPLETED", None: ""}.get(code, "FAILED")
        if not running and fields["reason"]:
            word = "TIMEOUT"
        return Job(
            id=id_,
            key=SessionKey(**fields["key"]),
            state=JobState.RUNNING if running else JobState.ENDED,
            word=word,
            reason=fields["reason"],
            why=_("its time was over") if word == "TIMEOUT" else "",
            node="127.0.0.1",
            exit_code=code,
            # When it ended is known to who has looked until then.
            ends=fields["ends"] if running else min(fields["ends"], time.time()),
            attempt=fields["attempt"],
            submitted=_created(id_),
            starts=_created(id_),
        )

    def _home(self, key: SessionKey) -> Path:
        return self._root / "homes" / folder_name(key.user)

    def _state(self, key: SessionKey) -> Path:
        return files.state_directory(self._home(key))


def _process(job: JobId) -> psutil.Process | None:
    """The live process of a job; None when it has ended."""
    pid, created = job.split("-")
    try:
        process = psutil.Process(int(pid))
        if abs(process.create_time() * 100 - int(created)) > SET_BY * 100:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.NoSuchProcess:
        return None


def _tell(job: JobId) -> bool:
    """Announce the end; False when the session does not listen yet: it would be killed by that."""
    try:
        process = psutil.Process(int(job.split("-")[0]))
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
        # A bit for each signal that has a handler (proc_pid_status(5)).
        [caught] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
        listens = bool(int(caught, 16) >> (signal.SIGUSR1 - 1) & 1)
        if listens:
            process.send_signal(signal.SIGUSR1)
    except (OSError, psutil.NoSuchProcess):  # it has ended just now
        return False
    return listens


def _created(job: JobId) -> float:
    return int(job.split("-")[1]) / 100


def _write(path: Path, fields: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(fields), encoding="utf-8")
    temporary.rename(path)

"""The controller of `fake_slurm` and all its sessions, in one process: jobs that wait, start, boot,
report to the hub and answer.

    python fake_slurmctld.py SOCKET '{"boot": 1.5, …}'

A question is a line of JSON on the socket, and so is its answer. A session listens at a port of its
own and reports it with its own token, as ``lesesal_notebook.session`` does; then it answers
everything with 200.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import random
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ANSWER = (
    b"HTTP/1.1 200 OK\r\nX-JupyterHub-Version: 6.1.1\r\nContent-Type: text/html\r\n"
    b"Content-Length: 7\r\n\r\nsession"
)
NODES = 40


@dataclass(frozen=True)
class Times:
    """How long things take, in seconds; lognormal, the same each time.

    Attributes:
        queue: what most jobs wait for the scheduler, the median.
        crowded: what the others wait for room, the median.
        crowd: which share of jobs the others are.
        boot: from a job's start to its report, the median.
        spread: sigma of the logarithm: with 0.6, one in a thousand takes six times as long.
        longest: no boot takes longer.
    """

    queue: float = 0.4
    crowded: float = 3.0
    crowd: float = 0.3
    boot: float = 1.5
    spread: float = 0.6
    longest: float = 10.0


@dataclass
class Job:
    """One job; its times are in seconds since 1970."""

    id: int
    user: str
    comment: str
    partition: str
    submitted: float
    starts: float
    ended: float | None = None
    server: asyncio.Server | None = None
    boot: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def state(self) -> str:
        """Slurm's word."""
        if self.ended is not None:
            return "CANCELLED"
        return "RUNNING" if time.time() >= self.starts else "PENDING"


class Controller:
    """All jobs."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._random = random.Random(0)
        self.jobs: dict[int, Job] = {}
        self._last = 0

    async def serve(self, socket: str) -> None:
        """Answer until the process is ended."""
        server = await asyncio.start_unix_server(self._asked, socket, limit=1 << 20)
        await server.serve_forever()

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = json.loads(await reader.readline())
        answer = getattr(self, f"do_{request['action']}")(request)
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    def do_submit(self, request: dict) -> dict:
        """sbatch."""
        options = dict(each.removeprefix("--").partition("=")[::2] for each in request["options"])
        times, now = self._times, time.time()
        crowded = self._random.random() < times.crowd
        wait = self._drawn(times.crowded if crowded else times.queue)
        self._last += 1
        job = Job(
            self._last,
            request["user"],
            options["comment"],
            options["partition"],
            now,
            math.ceil(now + wait) if wait > 1 else now + wait,
        )
        self.jobs[job.id] = job
        settings = json.loads(request["files"]["session.json"])
        after = job.starts - now + min(self._drawn(times.boot), times.longest)
        job.boot = asyncio.create_task(
            self._boot(job, after, settings, request["files"]["token"], request["attempt"])
        )
        return {"job": str(job.id)}

    def do_estimate(self, _: dict) -> dict:
        """sbatch --test-only."""
        return {"text": f"sbatch: Job 1 to start at {time.time():.0f} using 1 processors"}

    def do_cancel(self, request: dict) -> dict:
        """scancel."""
        job = self.jobs.get(int(request["job"]))
        if job is not None and job.ended is None:
            job.ended = time.time()
            if job.boot:
                job.boot.cancel()
            if job.server:
                job.server.close()
        return {}

    def do_log(self, _: dict) -> dict:
        """A session's log."""
        return {"text": ""}

    def do_forget(self, _: dict) -> dict:
        """Nothing is kept."""
        return {}

    def do_jobs(self, request: dict) -> dict:
        """squeue, the hub's jobs."""
        lines = []
        for job in self.jobs.values():
            state = job.state
            fields = [
                job.id,
                request["mark"],
                state,
                "Priority" if state == "PENDING" else "None",
                "" if state == "PENDING" else "localhost",
                0,
                round(job.submitted),
                "N/A" if state == "PENDING" else round(job.starts),
                round(job.ended or job.starts + 7200),
                0,
                job.user,
                job.comment,
                "",
            ]
            lines.append("|".join(map(str, fields)))
        return {"text": "\n".join(lines)}

    def do_squeue(self, _: dict) -> dict:
        """squeue, everybody's jobs."""
        lines = [
            f"{job.id}|{job.state}|Priority|{job.partition}|{round(job.starts)}|"
            f"{'' if job.state == 'PENDING' else 'gpu1'}||"
            for job in self.jobs.values()
            if job.ended is None
        ]
        return {"text": "\n".join(lines)}

    def do_sinfo(self, _: dict) -> dict:
        """sinfo."""
        gres = "gpu:h100:2(S:0-1),gpu:1g.10gb:14(S:0-1)"
        lines = [
            f"gpu{number}|{name}|up|mixed|8/120/0/128|1024000|8192|{gres}|"
            "gpu:h100:1(IDX:0),gpu:1g.10gb:2(IDX:2-3)|"
            for number in range(1, NODES + 1)
            for name in ("cpu*", "gpu")
        ]
        return {"text": "\n".join(lines)}

    def do_scontrol(self, _: dict) -> dict:
        """scontrol show reservation."""
        return {"text": ""}

    def _drawn(self, median: float) -> float:
        return self._random.lognormvariate(math.log(median), self._times.spread)

    async def _boot(self, job: Job, after: float, settings: dict, token: str, attempt: int) -> None:
        await asyncio.sleep(after)
        job.server = await asyncio.start_server(_session, "127.0.0.1", 0)
        port = job.server.sockets[0].getsockname()[1]
        status = await _report(settings["JUPYTERHUB_API_URL"], token, port, attempt)
        if status != 204:
            print(f"job {job.id}: the hub answered {status}", flush=True)
            self.do_cancel({"job": job.id})


async def _report(api: str, token: str, port: int, attempt: int) -> int:
    """lesesal_notebook.session.report."""
    url = urlsplit(api)
    body = json.dumps({"port": port, "attempt": attempt})
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(
        f"POST {url.path}/session HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n"
        f"Authorization: token {token}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


async def _session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)


if __name__ == "__main__":
    asyncio.run(Controller(Times(**json.loads(sys.argv[2]))).serve(sys.argv[1]))

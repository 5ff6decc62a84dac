"""One session on its way: from a wish that was granted to the address where it listens."""

from __future__ import annotations

import asyncio
from typing import Any

from .errors import ClusterSilent, JobLost, LaunchError
from .jobs import Cluster, Job, JobId, JobSpec, JobState
from .watcher import Snapshot, Watcher

# Looks that must agree before a job that is in none of them counts as gone: one look may have begun
# before the controller knew the job.
MISSING_LOOKS = 2


class Launch:
    """Submits a session's job and waits until the session can be reached.

    Args:
        cluster: where the job runs.
        watcher: the cluster's shared eye.
        spec: the session.
        boot_timeout: seconds that the session may take from its job's start to its report; time in
            the queue does not count.

    Attributes:
        news: what there is to tell the person who waits, in words.
        job: what the last look saw of the job; None before the first.
    """

    def __init__(
        self, cluster: Cluster, watcher: Watcher, spec: JobSpec, boot_timeout: float
    ) -> None:
        self._cluster = cluster
        self._watcher = watcher
        self._spec = spec
        self._boot_timeout = boot_timeout
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.news = "Asking the cluster for a session"
        self.job: Job | None = None

    async def submit(self) -> JobId:
        """Submit the job; first end what runs under the same key and nobody owns.

        That is what a hub left that died before it noted the id. Raises `LaunchError`.
        """
        snapshot = await self._watcher.fresh(max_age=1.0)
        for job in snapshot.jobs.values():
            if job.key == self._spec.key and job.state is not JobState.ENDED:
                await self._cluster.cancel(job.id, self._spec.username)
        return await self._cluster.submit(self._spec)

    @property
    def expects_port(self) -> bool:
        """Whether the session has not reported yet."""
        return not self._port.done()

    def take_port(self, port: int) -> None:
        """The session's report. Only the first one counts."""
        if not self._port.done():
            self._port.set_result(port)

    async def up(self, id_: JobId) -> tuple[str, int]:
        """Wait until the session has reported, and return its host and port.

        Raises `JobLost` when the job ends or vanishes, or stays mute after it started. A cluster
        that does not answer is waited for.
        """
        missing = 0
        running_since: float | None = None
        while True:
            snapshot = await self._look()
            if snapshot is None:
                continue
            self.job = job = snapshot.jobs.get(id_)
            if job is None:
                missing += 1
                if missing >= MISSING_LOOKS:
                    raise JobLost("The session vanished from the cluster. Please start it again.")
            elif job.state is JobState.ENDED:
                raise JobLost(f"The session ended: {_why(job)}.", await self._last_words())
            elif job.state is JobState.RUNNING:
                if self._port.done() and job.node:
                    self.news = "Your notebook is being opened"
                    return job.node, self._port.result()
                self.news = f"Your session is starting on {job.node}"
                running_since = running_since or snapshot.asked
                if snapshot.asked - running_since > self._boot_timeout:
                    raise JobLost(
                        f"The session did not report within {self._boot_timeout:.0f} seconds of "
                        "its start. Please start it again; if that does not help, tell the "
                        "operators.",
                        await self._last_words(),
                    )
            else:
                self.news = f"In the queue: {job.why or job.reason}"

    async def _look(self) -> Snapshot | None:
        """The next snapshot; None when the report came first, or the cluster is silent."""
        reported = self._port.done()
        look = asyncio.create_task(self._watcher.next(hurry=reported))
        if not reported:
            either: set[asyncio.Future[Any]] = {look, self._port}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not look.done():
                look.cancel()
                return None
        try:
            return await look
        except ClusterSilent as silent:
            self.news = silent.sentence
            return None

    async def _last_words(self) -> str:
        try:
            return (await self._cluster.log_tail(self._spec.key, self._spec.username)).strip()
        except LaunchError:
            return ""


def _why(job: Job) -> str:
    if job.why:
        return job.why
    code = "" if job.exit_code is None else f" with exit code {job.exit_code}"
    return f"its program stopped{code} before it could be used"

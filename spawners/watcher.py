"""One look at a cluster, shared by every session on it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from .errors import ClusterSilent
from .jobs import Job, JobId

# A look may use at most this share of the time, so that a slow controller is asked less often.
BUSY_SHARE = 0.1
# Seconds between looks at least, however many are in a hurry; doubled by each look that failed.
SHORTEST_PAUSE = 0.1
# Seconds between looks while the cluster does not answer, at most.
LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Snapshot:
    """What one look saw.

    Attributes:
        jobs: all jobs of this hub by id.
        asked: when the look began, by the monotonic clock, in seconds.
    """

    jobs: Mapping[JobId, Job]
    asked: float

    @property
    def age(self) -> float:
        """Seconds since the look began."""
        return time.monotonic() - self.asked


class Watcher:
    """Looks at a cluster on behalf of everybody who waits, and only while somebody does.

    Args:
        look: asks the cluster for all jobs.
        interval: seconds from one look to the next, while the cluster is quick.
    """

    def __init__(
        self, look: Callable[[], Awaitable[Mapping[JobId, Job]]], interval: float = 2.0
    ) -> None:
        self._look = look
        self._interval = interval
        self._latest: Snapshot | None = None
        self._waiters: list[tuple[float, asyncio.Future[Snapshot]]] = []
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._rest = interval
        self._gap = SHORTEST_PAUSE
        self._due = 0.0

    async def fresh(self, max_age: float) -> Snapshot:
        """A snapshot that is at most `max_age` seconds old: the latest, or the next one.

        Raises `ClusterSilent` when the look that was waited for failed.
        """
        if self._latest and self._latest.age <= max_age:
            return self._latest
        return await self.next()

    async def next(self, *, hurry: bool = False) -> Snapshot:
        """The first snapshot whose look begins after this call.

        `hurry` asks for it now instead of at the next interval; many who hurry share one look.
        Raises `ClusterSilent` when that look failed.
        """
        waiter: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._waiters.append((time.monotonic(), waiter))
        if hurry:
            self._hurry.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        return await waiter

    async def _watch(self) -> None:
        while self._waiters:
            await self._pause(self._due - time.monotonic())
            began = time.monotonic()
            answer: Snapshot | Exception
            try:
                answer = self._latest = Snapshot(await self._look(), began)
                self._rest = max(self._interval, (time.monotonic() - began) / BUSY_SHARE)
                self._gap = SHORTEST_PAUSE
            except ClusterSilent as silent:
                answer = silent
                self._rest = min(2 * self._rest, LONGEST_PAUSE)
                self._gap = min(2 * self._gap, LONGEST_PAUSE)
            except Exception as broken:  # a waiter must never wait for a look that died
                answer = broken
                self._rest = LONGEST_PAUSE
            # Kept between watches: a cluster that does not answer is left in peace also by those
            # who come one after the other.
            self._due = began + self._rest
            self._answer(began, answer)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), max(0.0, seconds))
            await asyncio.sleep(max(0.0, min(seconds, self._gap)))
        self._hurry.clear()

    def _answer(self, began: float, answer: Snapshot | Exception) -> None:
        due = [waiter for asked, waiter in self._waiters if asked <= began]
        self._waiters = [pair for pair in self._waiters if pair[0] > began]
        for waiter in due:
            if waiter.done():
                continue
            if isinstance(answer, Snapshot):
                waiter.set_result(answer)
            else:
                waiter.set_exception(answer)

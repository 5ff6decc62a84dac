"""One look at a cluster, shared by every session on it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from .errors import ClusterSilent
from .jobs import Cluster, Job, JobId
from .overview import Overview

# A look may use at most this share of the time, so that a slow controller is asked less often.
BUSY_SHARE = 0.1
# Seconds between looks at least, however many are in a hurry; doubled by each look that failed.
SHORTEST_PAUSE = 0.1
# Seconds between looks while the cluster is slow or does not answer, at most.
LONGEST_PAUSE = 15.0
# Seconds after which a look that has no answer yet counts as silence.
PATIENCE = 8.0


T = TypeVar("T")


@dataclass(frozen=True)
class Look(Generic[T]):
    """What one look saw.

    Attributes:
        seen: what there was to see.
        asked: when the look began, by the monotonic clock, in seconds.
    """

    seen: T
    asked: float

    @property
    def age(self) -> float:
        """Seconds since the look began."""
        return time.monotonic() - self.asked


class Watcher(Generic[T]):
    """Looks at a cluster on behalf of everybody who waits, and only while somebody does.

    Args:
        look: asks the cluster.
        interval: seconds from one look to the next, while the cluster is quick.

    Attributes:
        latest: the last look that succeeded; None before the first.
        failures: looks that failed, in all.
    """

    def __init__(self, look: Callable[[], Awaitable[T]], interval: float = 2.0) -> None:
        self._look = look
        self._interval = interval
        self.latest: Look[T] | None = None
        self.failures = 0
        self._failing_since: float | None = None
        self._looking_since: float | None = None
        self._waiters: list[tuple[float, asyncio.Future[Look[T]]]] = []
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._rest = interval
        self._gap = SHORTEST_PAUSE
        self._due = 0.0

    @property
    def silent_since(self) -> float | None:
        """Since when the cluster does not answer, in seconds since 1970; None while it does.

        A controller that hangs keeps a look waiting until its timeout; it counts as silent before.
        """
        looking = self._looking_since
        hangs = looking is not None and time.time() - looking > PATIENCE
        return self._failing_since or (looking if hangs else None)

    async def fresh(self, max_age: float) -> Look[T]:
        """A look that is at most `max_age` seconds old: the latest, or the next one.

        Raises `ClusterSilent` when the look that was waited for failed.
        """
        if self.latest and self.latest.age <= max_age:
            return self.latest
        return await self.next()

    def glance(self, max_age: float) -> T | None:
        """What the latest look saw, at once; None before the first.

        When it is older than `max_age` seconds, a new one is on its way for who glances next.
        """
        if (self.latest is None or self.latest.age > max_age) and not self._waiters:
            asyncio.ensure_future(self.next()).add_done_callback(_heard)
        return self.latest.seen if self.latest else None

    async def next(self, *, hurry: bool = False) -> Look[T]:
        """The first look that begins after this call.

        `hurry` asks for it now instead of at the next interval; many who hurry share one look.
        Raises `ClusterSilent` when that look failed.
        """
        waiter: asyncio.Future[Look[T]] = asyncio.get_running_loop().create_future()
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
            answer: Look[T] | Exception
            try:
                self._looking_since = time.time()
                answer = self.latest = Look(await self._look(), began)
                self._failing_since = None
                # A look that an outage held up says little of the next one.
                slow = (time.monotonic() - began) / BUSY_SHARE
                self._rest = max(self._interval, min(slow, LONGEST_PAUSE))
                self._gap = SHORTEST_PAUSE
            except ClusterSilent as silent:
                answer = silent
                self.failures += 1
                self._failing_since = self._failing_since or self._looking_since
                self._rest = min(2 * self._rest, LONGEST_PAUSE)
                self._gap = min(2 * self._gap, LONGEST_PAUSE)
            except Exception as broken:  # a waiter must never wait for a look that died
                answer = broken
                self._rest = LONGEST_PAUSE
            finally:
                self._looking_since = None
            # Kept between watches: a cluster that does not answer is left in peace also by those
            # who come one after the other.
            self._due = began + self._rest
            self._answer(began, answer)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), max(0.0, seconds))
            await asyncio.sleep(max(0.0, min(seconds, self._gap)))
        self._hurry.clear()

    def _answer(self, began: float, answer: Look[T] | Exception) -> None:
        due = [waiter for asked, waiter in self._waiters if asked <= began]
        self._waiters = [pair for pair in self._waiters if pair[0] > began]
        for waiter in due:
            if waiter.done():
                continue
            if isinstance(answer, Look):
                waiter.set_result(answer)
            else:
                waiter.set_exception(answer)


def _heard(look: asyncio.Future[Look[T]]) -> None:
    # Nobody waits for it; a failure is in `silent_since` and `failures`.
    if not look.cancelled():
        look.exception()


@dataclass(frozen=True)
class Watched:
    """A cluster and its two shared eyes.

    Attributes:
        name: what the configuration calls it.
        cluster: the adapter.
        jobs: looks at all jobs of this hub.
        overview: looks at what there is and who waits; less often, because it costs more.
    """

    name: str
    cluster: Cluster
    jobs: Watcher[Mapping[JobId, Job]]
    overview: Watcher[Overview]

    @classmethod
    def of(cls, name: str, cluster: Cluster) -> Watched:
        """With the usual pace."""
        return cls(
            name, cluster, Watcher(cluster.snapshot), Watcher(cluster.overview, interval=5.0)
        )

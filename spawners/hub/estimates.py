"""When a cluster would start a session: asked by every page with offers, and answered for many.

Each question is a program that runs in a user's name. When a class opens its pages, hundreds would
run at once; so who asks for the same offer within a second is told the same. No longer: a partition
that has closed is to be seen at once. And only times are shared: a refusal may be about the person.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time

from ..errors import LaunchError
from ..jobs import Cluster, JobSpec

# Seconds from the beginning of a question in which its answer is everybody's.
SHARED = 1.0
# How many questions to one cluster may be on their way.
AT_ONCE = 4


class Estimates:
    """The questions to one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._room = asyncio.Semaphore(AT_ONCE)
        self._latest: dict[str, tuple[float, asyncio.Future[float | None]]] = {}

    async def of(self, spec: JobSpec) -> float | None:
        """See `Cluster.expected_start`; it may be somebody else's, for the same offer and hours."""
        # To the minute, as a cluster is asked: what is left of a reservation is never the same.
        what, now = repr((spec.offer, math.ceil(spec.hours * 60))), time.monotonic()
        self._latest = {
            key: latest for key, latest in self._latest.items() if now - latest[0] < SHARED
        }
        if what in self._latest:
            with contextlib.suppress(LaunchError):
                # Who does not want to wait any more must not take it from the others.
                return await asyncio.shield(self._latest[what][1])
        mine = asyncio.ensure_future(self._ask(spec))
        mine.add_done_callback(_heard)
        self._latest[what] = now, mine
        return await asyncio.shield(mine)

    def forget(self) -> None:
        """Share nothing that was told so far: the cluster has just shown that it has changed."""
        self._latest.clear()

    async def _ask(self, spec: JobSpec) -> float | None:
        async with self._room:
            return await self._cluster.expected_start(spec)


def _heard(answer: asyncio.Future[float | None]) -> None:
    # Those who asked may all have left.
    if not answer.cancelled():
        answer.exception()

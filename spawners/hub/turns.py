"""Starts wait for each other, so that pages need not wait for them.

What JupyterHub does to start a session is some 30 ms of work in the loop that answers all pages,
most of it for its database. When a class presses Start at once, that is more than there is time
for, and every page would wait for all of it. So starts go one by one, each when the loop has time;
the waiting page is there meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import object_session

if TYPE_CHECKING:
    from .spawner import ClusterSpawner

# Seconds from one start to the next at least, and by how much a loop that has time may be late.
STEP = 0.05
LATE = 0.01
# However busy the hub is, a start waits no longer than this for the loop, in seconds.
LONGEST = 1.0


class Turns:
    """Lets starts through, one after the other, in the order in which they came."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._latest = 0.0

    @property
    def free(self) -> bool:
        """Whether it is anybody's turn: nobody waits, and nobody has just had his."""
        since = asyncio.get_running_loop().time() - self._latest
        return not self._turn.locked() and since > STEP

    async def mine(self) -> None:
        """Return when it is the caller's turn."""
        loop = asyncio.get_running_loop()
        if not self.free:
            async with self._turn:
                began = loop.time()
                late = LATE
                while late >= LATE and loop.time() - began < LONGEST:
                    asked = loop.time()
                    await asyncio.sleep(STEP)
                    late = loop.time() - asked - STEP
        self._latest = loop.time()


turns = Turns()


def line_up(spawner: ClusterSpawner, start: Callable[[], Awaitable[Any]]) -> None:
    """Let the hub start a session when it is its turn, and count it as starting until then.

    What the hub raises before it has begun is kept as it keeps its own failures, for the pages.
    """

    async def in_line() -> None:
        spawner.in_line = True
        try:
            await turns.mine()
        finally:
            spawner.in_line = spawner._spawn_pending = False
        spawner._spawn_future = None
        spawner.has_turn = True
        try:
            await start()
        except Exception:
            if spawner._spawn_future is None:
                spawner._spawn_future = waiting
            raise
        finally:
            spawner.has_turn = False

    spawner._spawn_pending = True
    waiting = spawner._spawn_future = asyncio.ensure_future(in_line())
    # It is told on the pages, and to the log by the hub.
    waiting.add_done_callback(lambda done: done.cancelled() or done.exception())


def token_scopes(spawner: ClusterSpawner) -> Any:
    """For ``Spawner.server_token_scopes``, which the hub asks for when a start begins: none but the
    usual, in due time for those who did not come by `line_up`."""
    if spawner.has_turn or turns.free:
        return []
    # At once, before anything else can run: the hub takes back what nobody has committed whenever
    # a page is done (BaseHandler.finish), and has just noted the server.
    if (session := object_session(spawner.orm_spawner)) is not None:
        session.commit()
    return _in_turn(spawner)


async def _in_turn(spawner: ClusterSpawner) -> list[str]:
    spawner.in_line = True
    try:
        await turns.mine()
    finally:
        spawner.in_line = False
    return []

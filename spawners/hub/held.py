"""What the hub holds: its clusters, one adapter and one pair of eyes each, and all its spawners."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ..errors import ClusterSilent, LaunchError
from ..watcher import Watched
from . import settings

if TYPE_CHECKING:
    from .spawner import ClusterSpawner


class Clusters:
    """Makes what the configuration describes when it is first asked for, and keeps it."""

    def __init__(self) -> None:
        self._made: dict[str, Watched] = {}
        # Those that have refused to lengthen a session.
        self.unyielding: set[str] = set()

    def get(self, name: str, configured: Mapping[str, Any], hub: str) -> Watched:
        """The cluster of this name. Raises `ClusterSilent` when it is not configured any more."""
        if name not in self._made:
            if name not in configured:
                raise ClusterSilent(f"The cluster {name!r} is not configured any more.")
            adapter = settings.make_cluster(name, configured[name], hub)
            self._made[name] = Watched.of(name, adapter)
        return self._made[name]

    def all(self) -> list[Watched]:
        """Those that were made."""
        return list(self._made.values())


class Estimates:
    """Expected starts, asked once for all who want the same at the same time.

    A class that opens the spawn page at nine would else run `sbatch --test-only` for everybody.
    """

    def __init__(self, age: float = 20.0) -> None:
        self._age = age
        self._asked: dict[Hashable, tuple[float, asyncio.Future[float | None]]] = {}

    async def get(
        self, wish: Hashable, ask: Callable[[], Coroutine[Any, Any, float | None]]
    ) -> float | None:
        """The answer to the same wish, if one is young or on its way; else that of `ask`.

        A refusal is one person's, so each asks for himself after one. Raises what `ask` raises.
        """
        at, known = self._asked.get(wish, (0.0, None))
        if known is not None and time.monotonic() - at < self._age:
            with contextlib.suppress(LaunchError):
                return await asyncio.shield(known)
        answer = asyncio.ensure_future(ask())
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._asked[wish] = (time.monotonic(), answer)
        return await asyncio.shield(answer)


clusters = Clusters()
estimates = Estimates()
spawners: WeakSet[ClusterSpawner] = WeakSet()


def sessions() -> Iterator[ClusterSpawner]:
    """The spawners that have a session, waiting or running."""
    return (spawner for spawner in list(spawners) if spawner.session.bids)

"""What the hub holds: its clusters, one adapter and one pair of eyes each, and all its spawners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ..errors import ClusterSilent
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


clusters = Clusters()
spawners: WeakSet[ClusterSpawner] = WeakSet()


def sessions() -> Iterator[ClusterSpawner]:
    """The spawners that have a session, waiting or running."""
    return (spawner for spawner in list(spawners) if spawner.session.bids)

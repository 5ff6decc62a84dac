"""What the hub holds: its clusters, one adapter and one pair of eyes each, and all its spawners."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ..errors import ClusterSilent
from ..watcher import Watched
from . import settings
from .estimates import Estimates

if TYPE_CHECKING:
    from .spawner import ClusterSpawner


class Clusters:
    """Makes what the configuration describes when it is first asked for, and keeps it."""

    def __init__(self) -> None:
        self._made: dict[str, Watched] = {}
        self._estimates: dict[str, Estimates] = {}
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

    def estimates(self, watched: Watched) -> Estimates:
        """Expected starts on this cluster."""
        return self._estimates.setdefault(watched.name, Estimates(watched.cluster))

    def all(self) -> list[Watched]:
        """Those that were made."""
        return list(self._made.values())


clusters = Clusters()
spawners: WeakSet[ClusterSpawner] = WeakSet()
# Those that wait or boot.
on_their_way: WeakSet[ClusterSpawner] = WeakSet()
# By the number of the user in the hub's database: names can change.
_of_person: defaultdict[int, WeakSet[ClusterSpawner]] = defaultdict(WeakSet)
_of_course: defaultdict[str, WeakSet[ClusterSpawner]] = defaultdict(WeakSet)


def hold(spawner: ClusterSpawner) -> None:
    """A spawner that the hub has made; it is dropped here when the hub drops it."""
    spawners.add(spawner)
    # Whoever reads a configuration makes one of nobody's (spawners/site).
    if spawner.user is not None:
        _of_person[spawner.user.id].add(spawner)
    # A session is a named server; the hub makes one without a name for everybody who comes.
    if spawner.name:
        _of_course[spawner.name].add(spawner)


def of_person(user: int) -> list[ClusterSpawner]:
    """All of a person's, by the number of the user in the hub's database."""
    return list(_of_person.get(user, ()))


def of_course(name: str) -> list[ClusterSpawner]:
    """All of a course."""
    return list(_of_course.get(name, ()))


def with_runs() -> Iterator[ClusterSpawner]:
    """The spawners that have batch runs, ended ones too."""
    return (spawner for spawner in list(spawners) if spawner.runs)


def sessions() -> Iterator[ClusterSpawner]:
    """The spawners that have a session, waiting or running."""
    return (spawner for spawner in list(spawners) if spawner.session.bids)

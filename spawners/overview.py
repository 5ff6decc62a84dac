"""What a cluster has, what of it is free, and who waits for it: values and rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .offers import GresName, Limits, Offer

# What `Overview.gpus` calls shares of GPUs, which have no kind.
SHARD = "shard"


@dataclass(frozen=True)
class Count:
    """So many of something: free now, and in all."""

    free: int
    total: int


@dataclass(frozen=True)
class Node:
    """One machine of a cluster.

    Attributes:
        name: the cluster's name of it.
        partitions: where it takes jobs; empty on a cluster that has no partitions.
        up: whether it takes jobs; one that is down or drained does not. Who may use one that is
            reserved, `Reservation` tells.
        cpus: processor cores.
        memory_mb: main memory in MiB.
        gpus: GPUs and MIG slices by kind. One that is in use by shares is not free.
        shards: shares of GPUs. Those of a GPU that is in use as a whole are not free.
        shards_of_one: the most shares that one of its GPUs has. A session's are all of one GPU. How
            many are free there, not every Slurm tells: then it is how many can be at best.
    """

    name: str
    partitions: tuple[str, ...]
    up: bool
    cpus: Count
    memory_mb: Count
    gpus: Mapping[GresName, Count] = field(default_factory=dict)
    shards: Count = Count(0, 0)
    shards_of_one: Count = Count(0, 0)

    def count(self, kind: GresName) -> Count:
        """Its GPUs of a kind; ``""`` is any kind, and `SHARD` its shares."""
        if kind == SHARD:
            return self.shards
        return _sum(self.gpus.values()) if kind == "" else self.gpus.get(kind, Count(0, 0))


@dataclass(frozen=True)
class Waiting:
    """A job in the queue, of anybody, that could start if there were room; an array counts once.

    Attributes:
        id: the cluster's id.
        partition: where it waits.
        starts: when the cluster expects to start it, in seconds since 1970; None when unknown.
    """

    id: str
    partition: str
    starts: float | None = None


@dataclass(frozen=True)
class Reservation:
    """Machines that are kept for some people for some time.

    One that keeps some cores of a machine is taken to keep all of it.

    Attributes:
        name: the cluster's name of it.
        active: whether it holds now.
        starts, ends: in seconds since 1970.
        nodes: how many machines it has.
        maintenance: whether it keeps everybody out.
        names: which machines it has.
    """

    name: str
    active: bool
    starts: float
    ends: float
    nodes: int
    maintenance: bool = False
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Overview:
    """One look at a whole cluster.

    Attributes:
        nodes: all machines.
        queue: all jobs that wait for room, in the order in which the cluster would take them; a
            job in several partitions is there once for each.
        default_partition: where a job goes that names none; empty when there is none.
        closed: partitions that start nothing now.
        reservations: those that hold or will hold.
        at: when it was taken, in seconds since 1970.
    """

    nodes: tuple[Node, ...] = ()
    queue: tuple[Waiting, ...] = ()
    default_partition: str = ""
    closed: frozenset[str] = frozenset()
    reservations: tuple[Reservation, ...] = ()
    at: float = 0.0

    def gpus(self, offer: Offer) -> dict[GresName, Count]:
        """The offer's kinds of GPU, free and in all: ``""`` is any kind, `SHARD` shares.

        On the machines of its partition, or of its reservation if it has one. Those that are down
        or kept for others count as not free.
        """
        nodes = self._nodes(offer)
        kinds = [*offer.limits.gpus, *([SHARD] if offer.limits.shards else [])]
        return {
            kind: Count(
                _sum(node.count(kind) for node in nodes if self._takes(node, offer, 0)).free,
                _sum(node.count(kind) for node in nodes).total,
            )
            for kind in kinds
        }

    def could_start_now(self, offer: Offer, hours: float | None = None) -> bool:
        """Whether one machine has all that the offer asks for free, for so many hours.

        ``hours`` are the offer's longest when not given; a reservation of others that begins
        before their end is in the way. This is "could": who waits already may have been promised
        the machine, and the offer's account, QOS or constraint may forbid it. That is known to
        the cluster only (`Cluster.expected_start`).
        """
        length = offer.limits.hours if hours is None else hours
        return any(
            self._takes(node, offer, length) and _has(node, offer.limits, lambda count: count.free)
            for node in self._nodes(offer)
        )

    def exists(self, offer: Offer) -> bool:
        """Whether one machine has all that the offer asks for, free or not, up or not."""
        return any(
            _has(node, offer.limits, lambda count: count.total)
            for node in self.nodes
            if self._in_partition(node, offer)
        )

    def place(self, job: str) -> int | None:
        """A job's place among those that wait in its partition, from 1; None when it is not there.

        Where it waits in several partitions, the best of its places.
        """
        return self._places.get(job)

    @cached_property
    def _places(self) -> dict[str, int]:
        """Every waiting job's place: all who wait are told theirs from one look."""
        lengths: dict[str, int] = {}
        places: dict[str, int] = {}
        for waiting in self.queue:
            place = lengths[waiting.partition] = lengths.get(waiting.partition, 0) + 1
            places[waiting.id] = min(place, places.get(waiting.id, place))
        return places

    def queue_length(self, job: str) -> int | None:
        """How many jobs wait in the partitions that a job waits in; None when it is not there."""
        partitions = self._partitions_of.get(job)
        if partitions is None:
            return None
        if len(partitions) == 1:
            return len(self._jobs_in[next(iter(partitions))])
        return len(set().union(*(self._jobs_in[name] for name in partitions)))

    @cached_property
    def _partitions_of(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for waiting in self.queue:
            found.setdefault(waiting.id, set()).add(waiting.partition)
        return found

    @cached_property
    def _jobs_in(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for waiting in self.queue:
            found.setdefault(waiting.partition, set()).add(waiting.id)
        return found

    def _nodes(self, offer: Offer) -> list[Node]:
        """The machines of the offer's partition, and of its reservation if it has one."""
        kept = [each.names for each in self.reservations if each.name == offer.reservation]
        return [
            node
            for node in self.nodes
            if self._in_partition(node, offer)
            and (not offer.reservation or any(node.name in names for names in kept))
        ]

    def _in_partition(self, node: Node, offer: Offer, closed: frozenset[str] = frozenset()) -> bool:
        # Slurm takes several partitions, with commas.
        wanted = set((offer.partition or self.default_partition).split(",")) - closed
        return not node.partitions or not wanted.isdisjoint(node.partitions)

    def _takes(self, node: Node, offer: Offer, hours: float) -> bool:
        """Whether the machine would take a session of the offer that lasts so long."""
        if not node.up or not self._in_partition(node, offer, self.closed):
            return False
        end = self.at + hours * 3600
        ours = [each for each in self.reservations if node.name in each.names]
        return all(
            each.active if each.name == offer.reservation else each.starts >= end for each in ours
        )


def _sum(counts: Iterable[Count]) -> Count:
    counts = list(counts)
    return Count(sum(each.free for each in counts), sum(each.total for each in counts))


def _has(node: Node, limits: Limits, number: Callable[[Count], int]) -> bool:
    """Whether a machine has what one session gets, by either number of its counts."""
    return (
        number(node.cpus) >= limits.cpus
        and number(node.memory_mb) >= limits.memory_mb
        and number(node.shards_of_one) >= limits.shards
        and all(number(node.count(kind)) >= wanted for kind, wanted in limits.gpus.items())
    )

"""What an offer needs, against what a cluster has. Pure functions."""

from __future__ import annotations

from ..offers import Limits, Offer
from ..overview import Node, Overview
from .findings import Finding, failed, warning


def nodes_of(offer: Offer, overview: Overview) -> list[Node]:
    """The machines of the offer's partitions, up or not."""
    # Slurm takes several partitions, with commas.
    wanted = set((offer.partition or overview.default_partition).split(","))
    return [
        node
        for node in overview.nodes
        if not node.partitions or not wanted.isdisjoint(node.partitions)
    ]


def seats_on(node: Node, limits: Limits) -> int:
    """How many sessions of this size a machine has room for, when nothing else runs there."""
    rooms = [node.cpus.total // limits.cpus, node.memory_mb.total // limits.memory_mb]
    rooms += [node.count(kind).total // count for kind, count in limits.gpus.items() if count]
    if limits.shards:
        # A session's shares are all of one GPU.
        one = node.shards_of_one.total
        rooms.append(one // limits.shards * (node.shards.total // one) if one else 0)
    return min(rooms)


def fits(offer: Offer, overview: Overview) -> Finding | None:
    """What is wrong with an offer, by what the cluster has; None when nothing is."""
    name = f"offer {offer.name}"
    setting = f'c.ClusterSpawner.offers["{offer.name}"]'
    partition = offer.partition or overview.default_partition
    known = {each for node in overview.nodes for each in node.partitions}
    unknown = set(offer.partition.split(",")) - known if offer.partition else set()
    if unknown:
        return failed(
            name,
            f"it names the partition {', '.join(sorted(unknown))}; the cluster has "
            f"{', '.join(sorted(known))}.",
            f"Correct {setting}.",
        )
    if not overview.exists(offer):
        where = f" of the partition {partition}" if partition else ""
        return failed(
            name,
            f"no machine{where} has as many cores, as much memory and all the GPUs that it asks "
            "for.",
            f"Correct {setting}; sinfo -N -o '%N %P %c %m %G' shows what there is.",
        )
    if partition and overview.closed.issuperset(partition.split(",")):
        return warning(
            name,
            f"the partition {partition} starts nothing now.",
            f"Open it: scontrol update PartitionName={partition} State=UP.",
        )
    return None


def in_words(seconds: float) -> str:
    """When something will be, that is so many seconds away."""
    minutes = seconds / 60
    if minutes < 1:
        return "at once"
    if minutes < 2:
        return "in a minute or two"
    if minutes < 90:
        return f"in about {minutes:.0f} minutes"
    hours = minutes / 60
    return f"in about {hours:.0f} hours" if hours < 36 else f"in about {hours / 24:.0f} days"

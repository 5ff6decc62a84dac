"""What could start now, where, and who is before whom: the rules over one look at a cluster."""

from dataclasses import replace

import pytest

from spawners.offers import Limits, Offer
from spawners.overview import SHARD, Count, Node, Overview, Reservation, Waiting

NOW = 1_795_300_000.0
HOUR = 3600.0


def node(name: str, *partitions: str, cpus: int = 16, up: bool = True, **more: object) -> Node:
    counts = {"cpus": Count(cpus, 16), "memory_mb": Count(64000, 64000), **more}
    return Node(name, partitions or ("gpu",), up, **counts)  # type: ignore[arg-type]


def offer(**limits: object) -> Offer:
    words = {name: limits.pop(name) for name in ("partition", "reservation") if name in limits}
    asked = {"cpus": 2, "memory_mb": 4000, **limits}
    return Offer("it", "It", "here", Limits(**asked), **words)  # type: ignore[arg-type]


H100 = {"h100": Count(1, 2)}
LOOK = Overview(
    nodes=(
        node("gpu1", gpus=H100),
        node("gpu2", gpus={"h100": Count(2, 2)}, up=False),
        node("gpu3", gpus={"1g.10gb": Count(3, 4), "h100": Count(0, 1)}),
        node("gpu4", "gpu", "long", shards=Count(5, 8), shards_of_one=Count(3, 4)),
        node("cpu1", "cpu", "shut", cpus=4),
    ),
    queue=(
        Waiting("7", "gpu", NOW + HOUR),
        Waiting("5", "cpu"),
        Waiting("9", "gpu"),
        Waiting("8", "cpu"),
        Waiting("8", "gpu"),
    ),
    default_partition="gpu",
    closed=frozenset({"shut"}),
    at=NOW,
)


@pytest.mark.parametrize(
    ("asked", "could", "exists"),
    [
        (offer(), True, True),
        (offer(gpus={"h100": 1}), True, True),
        # Two are free, but not on one machine that is up.
        (offer(gpus={"h100": 2}), False, True),
        (offer(gpus={"h100": 3}), False, False),
        (offer(gpus={"1g.10gb": 3}), True, True),
        (offer(gpus={"": 3}), True, True),
        (offer(gpus={"": 4}), False, True),
        (offer(gpus={"a100": 1}), False, False),
        (offer(gpus={"1g.10gb": 1, "h100": 1}), False, True),
        (offer(shards=3), True, True),
        # A session's shares are all of one GPU, which has four.
        (offer(shards=4), False, True),
        (offer(shards=5), False, False),
        (offer(shards=1, partition="long"), True, True),
        (offer(gpus={"h100": 1}, partition="long"), False, False),
        (offer(gpus={"h100": 1}, partition="long,gpu"), True, True),
        (offer(partition="cpu", cpus=4), True, True),
        (offer(partition="cpu", cpus=5), False, True),
        (offer(partition="cpu", cpus=17), False, False),
        (offer(partition="cpu", memory_mb=64001), False, False),
        (offer(partition="shut"), False, True),
        (offer(partition="nowhere"), False, False),
        (offer(reservation="nobody's"), False, True),
    ],
)
def test_one_open_machine_must_have_it_all(asked: Offer, could: bool, exists: bool) -> None:
    assert LOOK.could_start_now(asked) is could
    assert LOOK.exists(asked) is exists


def test_gpus_are_counted_where_the_offer_may_go() -> None:
    assert LOOK.gpus(offer(gpus={"h100": 1, "": 1, "a100": 1}, shards=1)) == {
        "h100": Count(1, 5),
        "": Count(4, 9),
        "a100": Count(0, 0),
        SHARD: Count(5, 8),
    }
    assert LOOK.gpus(offer(gpus={"h100": 1}, partition="cpu")) == {"h100": Count(0, 0)}
    assert LOOK.gpus(offer()) == {}


def reserved(**more: object) -> Reservation:
    fields = {"active": True, "starts": NOW - HOUR, "ends": NOW + HOUR, **more}
    return Reservation("class", nodes=1, names=frozenset({"gpu1"}), **fields)  # type: ignore[arg-type]


def test_a_reservation_keeps_its_machines_for_its_offers() -> None:
    look = replace(LOOK, reservations=(reserved(),))
    everybody, ours = offer(gpus={"h100": 1}), offer(gpus={"h100": 1}, reservation="class")
    assert not look.could_start_now(everybody)
    assert look.gpus(everybody) == {"h100": Count(0, 5)}
    assert look.could_start_now(ours)
    assert look.gpus(ours) == {"h100": Count(1, 2)}
    assert not look.could_start_now(offer(shards=1, reservation="class"))


def test_a_reservation_that_has_not_begun_is_for_short_sessions_of_others() -> None:
    later = reserved(active=False, starts=NOW + HOUR, ends=NOW + 2 * HOUR)
    look = replace(LOOK, reservations=(later,))
    everybody = offer(gpus={"h100": 1}, hours=2)
    assert look.could_start_now(everybody, hours=1)
    assert not look.could_start_now(everybody, hours=1.1)
    assert not look.could_start_now(everybody)
    assert look.gpus(everybody) == {"h100": Count(1, 5)}
    assert not look.could_start_now(replace(everybody, reservation="class"), hours=0.1)


def test_a_cluster_without_partitions_takes_any_offer() -> None:
    look = Overview(nodes=(Node("here", (), True, Count(2, 2), Count(8000, 8000)),))
    assert look.could_start_now(offer(partition="gpu"))
    assert not look.could_start_now(offer(cpus=3))


@pytest.mark.parametrize(("job", "place"), [("7", 1), ("9", 2), ("5", 1), ("8", 2), ("10", None)])
def test_a_place_is_counted_in_its_partition(job: str, place: int | None) -> None:
    assert LOOK.place(job) == place

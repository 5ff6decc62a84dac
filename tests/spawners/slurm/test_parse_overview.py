"""What the recorded scenario does not have: rare states and spellings, and nonsense."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spawners.overview import Count, Node, Overview
from spawners.slurm.parse_overview import expand_hostlist, parse_estimate, parse_overview

RESERVATION = (
    "ReservationName=class StartTime=100 EndTime=200 Duration=00:01:40 Nodes=n1 NodeCnt=1 "
    "Flags=SPEC_NODES State=ACTIVE\n"
)


def node(gres: str = "(null)", used: str = "", state: str = "idle", queue: str = "") -> Node:
    row = f"n1|gpu*|up|{state}|4/12/0/16|64000|1000|{gres}|{used}|\n"
    reservations = RESERVATION if state == "reserved with its name" else ""
    return parse_overview(row.replace(" with its name", ""), reservations, queue, 0.0).nodes[0]


@pytest.mark.parametrize(
    ("state", "up"),
    [
        ("idle", True),
        ("mixed", True),
        ("allocated", True),
        ("planned", True),
        ("completing", True),
        # Switched off to save power, to be switched on for a job.
        ("idle~", True),
        ("mixed#", True),
        # A reservation tells whose it is; Slurm may hide it from us.
        ("reserved with its name", True),
        ("reserved", False),
        ("maint", False),
        ("idle*", False),
        ("idle%", False),
        ("idle@", False),
        ("drained", False),
        ("draining", False),
        ("down*", False),
        ("fail", False),
        ("unknown", False),
    ],
)
def test_which_states_take_jobs(state: str, up: bool) -> None:
    assert node(state=state).up is up


@pytest.mark.parametrize(
    ("gres", "used", "gpus"),
    [
        ("gpu:4", "gpu:1", {"": Count(3, 4)}),
        ("gpu:a100:4(S:0-1)", "gpu:a100:3(IDX:0,2-3)", {"a100": Count(1, 4)}),
        ("gpu:a100:2(S:0),gpu:a100:2(S:1)", "gpu:a100:1(IDX:3)", {"a100": Count(3, 4)}),
        (
            "craynetwork:4,gpu:a100:2,gpu:1g.10gb:7,mygpu:3",
            "craynetwork:0,gpu:a100:0(IDX:N/A),gpu:1g.10gb:2(IDX:2,5),mygpu:1",
            {"a100": Count(2, 2), "1g.10gb": Count(5, 7)},
        ),
        # One more than it has: the node's configuration was changed under a running job.
        ("gpu:a100:1", "gpu:a100:2(IDX:0-1)", {"a100": Count(0, 1)}),
    ],
)
def test_gpus_are_read_with_and_without_kind(gres: str, used: str, gpus: dict[str, Count]) -> None:
    assert node(gres, used).gpus == gpus


@pytest.mark.parametrize(
    ("used", "jobs", "h100", "shards", "of_one"),
    [
        ("gpu:h100:0(IDX:N/A),shard:h100:0(IDX:N/A)", (), 2, 8, 4),
        # Two jobs on the first card: Slurm 22.05 counts cards, newer ones count shards.
        ("gpu:h100:0(IDX:N/A),shard:h100:1(IDX:0)", ("gres:shard:1", "gres:shard:2"), 1, 5, 4),
        ("gpu:h100:0(IDX:N/A),shard:h100:3(3/4,0/4)", ("gres/shard:1", "gres/shard:2"), 1, 5, 4),
        # Two each on both: how much one has left only the newer ones say.
        ("gpu:h100:0(IDX:N/A),shard:h100:2(IDX:0-1)", ("gres:shard:2", "gres:shard:2"), 0, 4, 4),
        ("gpu:h100:0(IDX:N/A),shard:h100:4(2/4,2/4)", ("gres/shard:2", "gres/shard:2"), 0, 4, 2),
        # A whole card and the other one's first share.
        ("gpu:h100:1(IDX:1),shard:h100:1(IDX:0)", ("gres:gpu:1", "gres:shard:h100:1"), 0, 3, 3),
        ("gpu:h100:2(IDX:0-1),shard:h100:0(0/4,0/4)", ("gres/gpu:h100:2",), 0, 0, 0),
    ],
)  # fmt: skip
def test_a_gpu_is_whole_or_shared(
    used: str, jobs: tuple[str, ...], h100: int, shards: int, of_one: int
) -> None:
    queue = "".join(f"{i}|RUNNING|None|gpu|100|n1|{job}|\n" for i, job in enumerate(jobs))
    seen = node("gpu:h100:2,shard:h100:8(S:0)", used, queue=queue)
    assert seen.gpus == {"h100": Count(h100, 2)}
    assert (seen.shards, seen.shards_of_one) == (Count(shards, 8), Count(of_one, 4))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("(null)", []),
        ("gpu1", ["gpu1"]),
        ("olivia-gpu[09-11,20],login", ["olivia-gpu09", "olivia-gpu10", "olivia-gpu11",
                                        "olivia-gpu20", "login"]),
        ("r[1-2]n[1,3]-ib", ["r1n1-ib", "r1n3-ib", "r2n1-ib", "r2n3-ib"]),
    ],
)  # fmt: skip
def test_lists_of_names_are_spelled_out(text: str, names: list[str]) -> None:
    assert expand_hostlist(text) == names


def test_an_empty_cluster_is_empty() -> None:
    assert parse_overview("", "No reservations in the system\n", "", 5.0) == Overview(at=5.0)


@settings(max_examples=300)
@given(*[st.text("|=/:(),[]-09agpushrdPENDINGIX. \n²", max_size=200)] * 3)
def test_nonsense_raises_nothing(nodes: str, reservations: str, queue: str) -> None:
    filled = f"n1|gpu*|up|{nodes}|{queue}|{nodes}|N/A|gpu:{queue}|shard:{nodes}|"
    waits = f"1|RUNNING|None|gpu|{nodes}|{queue}|{nodes}|"
    booked = f"ReservationName=a StartTime=1 EndTime=2 Nodes={reservations}"
    for texts in ((nodes, reservations, queue), (filled, booked, waits)):
        assert parse_overview(*texts, at=0.0).at == 0.0
    assert parse_estimate(nodes) is None

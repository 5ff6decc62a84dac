"""What Slurm answers of a whole cluster, as values. Pure functions."""

from __future__ import annotations

import itertools
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ..overview import Count, Node, Overview, Reservation, Waiting
from .argv import NODE_FIELDS, QUEUE_FIELDS, SEPARATOR
from .parse import epoch

# sinfo(1), NODE STATE CODES: a word and perhaps a mark, as in "idle~". These words take jobs, if
# no mark says that the node does not answer (*), goes off (%) or boots anew (@^).
TAKES_JOBS = frozenset("idle mixed allocated completing planned".split())
KEPT = frozenset(["reserved", "maint"])
AWAY = "*%@^"
# Reasons of jobs that would not start in an empty cluster either: they are before nobody.
NOT_FOR_ROOM = frozenset(
    "BeginTime Dependency DependencyNeverSatisfied JobArrayTaskLimit JobHeldAdmin "
    "JobHeldUser".split()
)

# No cluster has as many nodes; a range that is longer is a mistake.
LONGEST_RANGE = 100_000

_GRES = re.compile(r"(?:^|,)(gpu|shard):(?:([^:,()]+):)?(\d+)(?:\(([^)]*)\))?")
_SHARDS_OF_A_JOB = re.compile(r"shard[:=](?:[^:,=()]+[:=])?(\d+)")


def parse_overview(nodes: str, reservations: str, queue: str, at: float) -> Overview:
    """The answers to the three queries of `argv`, with SLURM_TIME_FORMAT=%s, asked at this time."""
    rows = list(_rows(nodes, NODE_FIELDS))
    jobs = list(_rows(queue, QUEUE_FIELDS))
    shards: Counter[str] = Counter()
    for job in jobs:
        # While a job waits its list is empty.
        for name in expand_hostlist(job["NodeList"]):
            shards[name] += sum(map(int, _SHARDS_OF_A_JOB.findall(job["tres-per-node"])))
    by_name = defaultdict(list)
    for row in rows:
        by_name[row["NodeList"]].append(row)
    kept = parse_reservations(reservations)
    return Overview(
        nodes=tuple(
            _node(same, shards[name], known=any(name in each.names for each in kept))
            for name, same in by_name.items()
        ),
        queue=tuple(
            # A waiting array is one, as "7_[2-9]".
            Waiting(job["JobArrayID"].partition("_")[0], job["Partition"], epoch(job["StartTime"]))
            for job in jobs
            if job["State"] == "PENDING" and job["Reason"].split(",")[0] not in NOT_FOR_ROOM
        ),
        default_partition=next(
            (row["Partition"][:-1] for row in rows if row["Partition"].endswith("*")), ""
        ),
        closed=frozenset(row["Partition"].rstrip("*") for row in rows if row["Available"] != "up"),
        reservations=kept,
        at=at,
    )


def parse_reservations(text: str) -> tuple[Reservation, ...]:
    """The answer to `argv.reservations_argv`, with SLURM_TIME_FORMAT=%s."""
    found = []
    for line in text.splitlines():
        fields: defaultdict[str, str] = defaultdict(str, re.findall(r"(\w+)=(\S*)", line))
        starts, ends = epoch(fields["StartTime"]), epoch(fields["EndTime"])
        if fields["ReservationName"] and starts is not None and ends is not None:
            found.append(
                Reservation(
                    name=fields["ReservationName"],
                    active=fields["State"] == "ACTIVE",
                    starts=starts,
                    ends=ends,
                    nodes=_int(fields["NodeCnt"]),
                    maintenance="MAINT" in fields["Flags"].split(","),
                    names=frozenset(expand_hostlist(fields["Nodes"])),
                )
            )
    return tuple(found)


def parse_estimate(text: str) -> float | None:
    """The start that ``sbatch --test-only`` tells, with SLURM_TIME_FORMAT=%s; None without one."""
    found = re.search(r"\bto start at (\d+)\b", text)
    return float(found[1]) if found else None


def expand_hostlist(text: str) -> list[str]:
    """The names in Slurm's short form: ``gpu[1-2,07],login`` has four."""
    if text in ("", "(null)", "n/a", "N/A"):
        return []
    names = []
    for part in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text):
        # Every second piece is what stood in brackets.
        pieces = re.split(r"\[([^\]]*)\]", part)
        choices = [_numbers(piece) if i % 2 else [piece] for i, piece in enumerate(pieces)]
        names += ["".join(choice) for choice in itertools.product(*choices)]
    return names


def _numbers(ranges: str) -> list[str]:
    numbers = []
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and last.isdecimal() and int(last) - int(first) < LONGEST_RANGE:
            numbers += [str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)]
        else:
            numbers.append(part)
    return numbers


def _rows(text: str, fields: Sequence[str]) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        values = line.split(SEPARATOR)
        if len(values) > len(fields):  # each field ends with the separator
            yield dict(zip(fields, values, strict=False))


def _node(rows: Sequence[Mapping[str, str]], shards_used: int, *, known: bool) -> Node:
    """A node from its rows, of which it has one in each of its partitions.

    `known` is whether there is a reservation that tells for whom it is kept: Slurm hides those of
    others when PrivateData says so.
    """
    row = rows[0]
    state = row["StateLong"].lower()
    word = state.rstrip("*~#!%$@^-")
    # Allocated, idle, other, total.
    cpus = [_int(number) for number in row["CPUsState"].split("/")]
    memory = _int(row["Memory"])
    shards, shards_of_one = _shards(row["Gres"], row["GresUsed"], shards_used)
    return Node(
        name=row["NodeList"],
        partitions=tuple(sorted(each["Partition"].rstrip("*") for each in rows)),
        up=(word in TAKES_JOBS or (word in KEPT and known)) and not set(AWAY) & set(state),
        cpus=Count(max(0, cpus[-1] - cpus[0]), cpus[-1]),
        memory_mb=Count(max(0, memory - _int(row["AllocMem"])), memory),
        gpus=_gpus(row["Gres"], row["GresUsed"]),
        shards=shards,
        shards_of_one=shards_of_one,
    )


def _gpus(has: str, used: str) -> dict[str, Count]:
    """A node's GPUs by kind, from its Gres and GresUsed. One that is shared is not free."""
    total, busy, shared = _count(has), _count(used), _shared(used)
    return {
        kind: Count(max(0, number - busy["gpu", kind] - len(shared[kind])), number)
        for (name, kind), number in total.items()
        if name == "gpu"
    }


def _shards(has: str, used: str, shards_used: int) -> tuple[Count, Count]:
    """A node's shards, and those of one of its GPUs.

    GresUsed has no right count of them: in Slurm 22.05 it is the number of GPUs that have some in
    use. So it comes from the jobs.
    """
    total, busy, shared = _count(has), _count(used), _shared(used)
    free = number = best = most = 0
    for (name, kind), shards in total.items():
        # Shards without a kind are those of all GPUs.
        cards = _of_kind(total, kind)
        if name != "shard" or not cards:
            continue
        each = shards // cards
        untouched = cards - _of_kind(busy, kind) - len(shared[kind])
        number += shards
        free += shards - each * _of_kind(busy, kind)
        most = max(most, each)
        best = max(best, each if untouched > 0 else max(shared[kind], default=0))
    free = max(0, free - shards_used)
    return Count(free, number), Count(min(free, best), most)


def _of_kind(counts: Mapping[tuple[str, str], int], kind: str) -> int:
    return sum(n for (name, each), n in counts.items() if name == "gpu" and kind in ("", each))


def _shared(used: str) -> defaultdict[str, list[int]]:
    """For each GPU that has shards in use, by kind, how many it may have left."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for name, kind, _, where in _GRES.findall(used):
        if name != "shard":
            continue
        if where.startswith("IDX:"):  # "IDX:0-1,3" is which GPUs they are
            numbers = [] if where == "IDX:N/A" else _numbers(where.removeprefix("IDX:"))
            found[kind] += [sys.maxsize for _ in numbers]
        else:  # "3/4,0/4" is how many of each GPU's are in use
            parts = re.findall(r"(\d+)/(\d+)", where)
            found[kind] += [int(has) - int(taken) for taken, has in parts if taken != "0"]
    return found


def _int(text: str) -> int:
    # What Slurm does not know is not there to be had: N/A.
    return int(text) if text.isdecimal() else 0


def _count(gres: str) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for name, kind, number, _ in _GRES.findall(gres):
        counts[name, kind] += int(number)
    return counts

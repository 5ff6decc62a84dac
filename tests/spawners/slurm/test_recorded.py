"""What several versions of Slurm answered in the same scenario (record.py), read."""

from dataclasses import replace
from pathlib import Path

import pytest

from spawners.jobs import Job, JobState, SessionKey
from spawners.overview import Count, Node, Overview, Waiting
from spawners.slurm import words
from spawners.slurm.parse import parse_squeue, refusal
from spawners.slurm.parse_overview import parse_estimate, parse_overview

RECORDED = Path(__file__).parent / "recorded"
VERSIONS = sorted(path.name for path in RECORDED.iterdir())
# Slurm knows shards since 22.05.
WITHOUT_SHARDS = {"20.11.4"}
KEY = SessionKey("uio", "kim", "ai")
HOUR = 3600
DAY = 24 * HOUR


def recorded(version: str, name: str) -> str:
    return (RECORDED / version / f"{name}.txt").read_text()


def look(version: str) -> Overview:
    return parse_overview(
        *(recorded(version, name) for name in ("nodes", "reservations", "queue")), at=1.0
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_jobs(version: str) -> None:
    jobs = parse_squeue(recorded(version, "squeue"), "uio").values()
    running, waiting, ended = JobState.RUNNING, JobState.WAITING, JobState.ENDED
    failed = next(job for job in jobs if job.word == "FAILED")
    expected = [
        Job("", KEY, running, "RUNNING", node="gpu1", attempt=1),
        Job("", KEY, running, "RUNNING", node="gpu3", attempt=2),
        Job("", KEY, ended, "FAILED", "NonZeroExitCode", words.ENDED.get("FAILED", ""),
            failed.node, 3, attempt=3),
        Job("", KEY, ended, "CANCELLED", "JobHeldUser", words.ENDED["CANCELLED"], exit_code=0,
            attempt=4),
        Job("", KEY, waiting, "PENDING", "Resources", words.WAITING["Resources"], attempt=5),
    ]  # fmt: skip
    seen = sorted(jobs, key=lambda job: job.attempt)
    assert [replace(job, id="", submitted=None, starts=None, ends=None) for job in seen] == [
        replace(job, username="root") for job in expected
    ]
    lengths = []
    for job in seen:
        assert job.submitted is not None
        assert job.starts is not None
        assert job.ends is not None
        assert 0 <= job.starts - job.submitted <= HOUR + 5
        lengths.append(job.ends - job.starts)
    assert lengths == [HOUR, HOUR, 0, 0, HOUR]


@pytest.mark.parametrize("version", VERSIONS)
def test_nodes(version: str) -> None:
    def h100(name: str, up: bool, cpus: int, memory: int, gpus: int, shards: int) -> Node:
        return Node(name, ("gpu",), up, Count(cpus, 16), Count(memory, 64000),
                    {"h100": Count(gpus, 2)}, Count(shards, 8), Count(shards // 2, 4))  # fmt: skip

    # gpu1: one card is in use as a whole, the other's four shares are.
    expected = [
        h100("gpu1", True, 13, 61000, 0, 0),
        h100("gpu2", False, 16, 64000, 2, 8),
        Node("gpu3", ("gpu",), True, Count(14, 16), Count(62000, 64000),
             {"1g.10gb": Count(1, 4)}),
        Node("gpu4", ("closed", "cpu", "down"), True, Count(6, 16), Count(44000, 64000)),
    ]  # fmt: skip
    if version in WITHOUT_SHARDS:
        none = Count(0, 0)
        expected[0] = h100("gpu1", True, 15, 63000, 1, 0)
        expected = [replace(node, shards=none, shards_of_one=none) for node in expected]
    seen = look(version)
    assert seen.nodes == tuple(expected)
    assert (seen.default_partition, seen.closed, seen.at) == ("gpu", {"closed", "down"}, 1.0)


@pytest.mark.parametrize("version", VERSIONS)
def test_queue(version: str) -> None:
    queue = look(version).queue
    first = parse_squeue(recorded(version, "squeue"), "uio")[queue[0].id]
    assert queue == (
        Waiting(first.id, "gpu", first.starts),
        Waiting(str(int(first.id) + 1), "down", None),
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_reservations(version: str) -> None:
    kept, upkeep = look(version).reservations
    assert (kept.name, kept.active, kept.nodes, kept.maintenance, kept.names) == (
        "class", True, 1, False, {"gpu4"}
    )  # fmt: skip
    assert (upkeep.name, upkeep.active, upkeep.nodes, upkeep.maintenance, upkeep.names) == (
        "upkeep", False, 2, True, {"gpu1", "gpu3"}
    )  # fmt: skip
    assert [each.ends - each.starts for each in (kept, upkeep)] == [HOUR, HOUR]
    assert upkeep.starts - kept.starts == pytest.approx(7 * DAY, abs=5)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_expected_start_and_a_refusal(version: str) -> None:
    starts = parse_estimate(recorded(version, "estimate"))
    assert starts is not None
    assert 0 <= starts - look(version).reservations[0].starts < HOUR
    refused = recorded(version, "refused")
    assert parse_estimate(refused) is None
    assert refusal(refused, words.REFUSALS, words.REFUSED).startswith("No machine of the cluster")

"""A session is told of its end by SIGUSR1, by every adapter on the real thing."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from places import Place, local_place, slurm_place

from spawners.jobs import JobId, JobState

LISTENS = """
import signal, time
print("up", flush=True)
signal.signal(signal.SIGUSR1, lambda *_: print("told", flush=True))
time.sleep(200)
"""
SECOND = 1 / 3600


async def submit(place: Place, program: str, hours: float) -> JobId:
    return await place.cluster.submit(replace(place.running(program), hours=hours))


async def printed(place: Place) -> list[str]:
    spec = place.spec
    return (await place.cluster.log_tail(spec.key, spec.attempt, spec.username)).split()


async def until_printed(place: Place, job: JobId, *wanted: str) -> None:
    """Look at the cluster, as the hub does, until the session has printed this."""
    async with asyncio.timeout(60):
        while await printed(place) != list(wanted):
            assert (await place.cluster.snapshot())[job].state is not JobState.ENDED
            await asyncio.sleep(0.2)


async def ended_as(place: Place, job: JobId) -> str:
    """The cluster's word for how it ended."""
    async with asyncio.timeout(60):
        while (seen := (await place.cluster.snapshot())[job]).state is not JobState.ENDED:
            await asyncio.sleep(0.2)
    return seen.word


@pytest.mark.slow
@pytest.mark.parametrize("where", ["local", pytest.param("slurm", marks=pytest.mark.slurm)])
async def test_a_session_is_told_before_its_end(
    where: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    site = request.getfixturevalue("slurm_site") if where == "slurm" else None
    place = slurm_place(site) if site else local_place(tmp_path)
    job = await submit(place, LISTENS, hours=1 / 60)
    await until_printed(place, job, "up", "told")
    await place.cluster.cancel(job, place.spec.username)


async def test_the_embedded_cluster_tells_once_for_each_end(tmp_path: Path) -> None:
    place = local_place(tmp_path)
    # Within the minute before its end: it is told as soon as it listens.
    job = await submit(place, LISTENS, hours=40 * SECOND)
    await until_printed(place, job, "up", "told")
    await place.cluster.extend(job, place.spec.username, hours=10 * SECOND)
    await until_printed(place, job, "up", "told", "told")
    for _ in range(5):  # looks that tell nothing more
        await place.cluster.snapshot()
        await asyncio.sleep(0.2)
    # Its end is now, however long all that took.
    await place.cluster.extend(job, place.spec.username, hours=-60 * SECOND)
    assert await ended_as(place, job) == "TIMEOUT"
    assert await printed(place) == ["up", "told", "told"]


async def test_a_batch_run_is_told_two_minutes_before(tmp_path: Path) -> None:
    place = local_place(tmp_path)
    run = replace(place, spec=replace(place.spec, key=replace(place.spec.key, run="train")))
    job = await submit(run, LISTENS, hours=118 * SECOND)
    async with asyncio.timeout(50):  # a session would be told in 58 s
        await until_printed(run, job, "up", "told")
    await run.cluster.cancel(job, run.spec.username)


async def test_what_does_not_listen_is_not_ended_by_being_told(tmp_path: Path) -> None:
    place = local_place(tmp_path)
    job = await submit(place, "import time; time.sleep(60)", hours=3 * SECOND)
    assert await ended_as(place, job) == "TIMEOUT"

"""A session's way to its address, also where the cluster does what can't be provoked."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from places import spec

from spawners.errors import ClusterSilent, JobLost
from spawners.jobs import Cluster, Job, JobId, JobSpec, JobState, SessionKey
from spawners.launch import Bid, Launch, Phase
from spawners.overview import Overview
from spawners.watcher import Watched, Watcher

SPEC = spec("kim")
SECONDS = 60
Step = Job | None | ClusterSilent


def job(state: JobState, **kwargs: object) -> Job:
    return Job("1", SPEC.key, state, node="gpu1", **kwargs)  # type: ignore[arg-type]


class Scripted(Cluster):
    """A cluster whose looks go through these steps and then stay at the last."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.cancelled: list[JobId] = []

    async def submit(self, spec: JobSpec) -> JobId:
        return "1"

    async def snapshot(self) -> Mapping[JobId, Job]:
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, ClusterSilent):
            raise step
        return {step.id: step} if step else {}

    async def cancel(self, job: JobId, username: str) -> None:
        self.cancelled.append(job)

    async def log_tail(
        self, key: SessionKey, attempt: int, username: str, lines: int = 20, task: int = 0
    ) -> str:
        return "its last words\n"

    async def forget(self, key: SessionKey, username: str) -> None:
        raise NotImplementedError

    async def extend(self, job: JobId, username: str, hours: float) -> None:
        raise NotImplementedError

    async def overview(self) -> Overview:
        raise NotImplementedError

    async def expected_start(self, spec: JobSpec) -> float | None:
        raise NotImplementedError


def bid(cluster: Cluster, id_: JobId = "1", attempt: int = 1) -> Bid:
    watched = Watched("here", cluster, Watcher(cluster.snapshot, 0.01), Watcher(cluster.overview))
    return Bid(watched, replace(SPEC, attempt=attempt), id_)


async def at_once(host: str, port: int) -> None:
    """A session that answers as soon as it is asked."""


async def never(host: str, port: int) -> None:
    """A session that accepts connections and says nothing."""
    await asyncio.Event().wait()


async def until(what: Bid, phase: Phase) -> None:
    async with asyncio.timeout(SECONDS):
        while what.phase is not phase:
            await asyncio.sleep(0.001)


async def up(one: Bid, boot_timeout: float = 60) -> tuple[str, int]:
    return await asyncio.wait_for(one.up(boot_timeout, at_once), SECONDS)


async def test_waiting_then_running_then_reported() -> None:
    cluster = Scripted(job(JobState.WAITING))
    one = bid(cluster)
    coming = asyncio.create_task(one.up(60, at_once))
    await until(one, Phase.WAITING)
    cluster.steps = [job(JobState.RUNNING)]
    await until(one, Phase.BOOTING)
    assert one.port is None
    one.take_port(40123)
    one.take_port(666)
    assert await asyncio.wait_for(coming, SECONDS) == ("gpu1", 40123)


async def test_a_report_before_the_cluster_says_running_is_kept() -> None:
    waiting = job(JobState.WAITING)
    one = bid(Scripted(waiting, waiting, waiting, job(JobState.RUNNING)))
    one.take_port(40123)
    assert await up(one) == ("gpu1", 40123)


async def test_a_job_that_vanishes_is_lost_but_one_late_look_is_not_enough() -> None:
    one = bid(Scripted(None, job(JobState.RUNNING)))
    one.take_port(40123)
    assert await up(one) == ("gpu1", 40123)
    with pytest.raises(JobLost, match="vanished from the cluster"):
        await up(bid(Scripted(None)))


async def test_a_silent_cluster_is_waited_for() -> None:
    silent = ClusterSilent("The cluster does not answer at the moment.")
    one = bid(Scripted(silent, silent, job(JobState.RUNNING)))
    one.take_port(40123)
    assert await up(one) == ("gpu1", 40123)


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (
            job(JobState.ENDED, why="it used more memory than it had; choose a larger offer"),
            "The session ended: it used more memory than it had; choose a larger offer.",
        ),
        (
            job(JobState.ENDED, exit_code=3),
            "The session ended: its program stopped with exit code 3.",
        ),
    ],
)
async def test_an_end_has_its_reason_and_the_last_words(ended: Job, sentence: str) -> None:
    with pytest.raises(JobLost) as lost:
        await up(bid(Scripted(ended)))
    assert (lost.value.sentence, lost.value.detail) == (sentence, "its last words")


async def test_an_end_after_the_report_is_noticed_too() -> None:
    """The session had bound its port, and then Jupyter did not come up."""
    cluster = Scripted(job(JobState.RUNNING))
    one = bid(cluster)
    one.take_port(40123)
    coming = asyncio.create_task(one.up(60, never))
    await until(one, Phase.OPENING)
    cluster.steps = [job(JobState.ENDED, exit_code=1)]
    with pytest.raises(JobLost, match="exit code 1"):
        await asyncio.wait_for(coming, SECONDS)


@pytest.mark.parametrize(("reported", "word"), [(False, "report"), (True, "answer")])
async def test_only_booting_counts_against_the_timeout(*, reported: bool, word: str) -> None:
    one = bid(Scripted(*[job(JobState.WAITING)] * 20, job(JobState.RUNNING)))
    if reported:
        one.take_port(40123)
    with pytest.raises(JobLost, match=f"did not {word} within 0 seconds of its start"):
        await asyncio.wait_for(one.up(0.05, never), SECONDS)
    assert one.job is not None
    assert one.job.state is JobState.RUNNING


async def test_what_was_reported_before_a_restart_is_void() -> None:
    cluster = Scripted(job(JobState.RUNNING))
    one = bid(cluster)
    one.take_port(40123)
    coming = asyncio.create_task(one.up(60, never))
    await until(one, Phase.OPENING)
    cluster.steps = [job(JobState.WAITING, restarts=1)]
    await until(one, Phase.WAITING)
    cluster.steps = [job(JobState.RUNNING, restarts=1)]
    await until(one, Phase.BOOTING)
    assert one.port is None
    coming.cancel()


async def test_a_job_whose_id_was_lost_is_known_by_its_key_and_its_account() -> None:
    mine = job(JobState.WAITING, username=SPEC.username)
    one = bid(Scripted(mine), id_="")
    others = {
        "2": replace(mine, id="2", username="somebody"),
        "3": replace(mine, id="3", attempt=2),
        "4": replace(mine, id="4", key=SessionKey(SPEC.key.hub, "lee", "ai")),
    }
    assert one.mine(others) is None
    assert one.mine({**others, "1": mine}) == mine
    assert one.id == "1"


async def test_the_first_bid_that_answers_wins_and_the_others_are_ended() -> None:
    waits, runs = Scripted(job(JobState.WAITING)), Scripted(job(JobState.RUNNING))
    first, second = bid(waits), bid(runs, attempt=2)
    launch = Launch([first], 60, at_once)
    coming = asyncio.create_task(launch.up())
    await until(first, Phase.WAITING)
    launch.bids.append(second)
    launch.added()
    assert launch.expecting(3) is None
    expected = launch.expecting(2)
    assert expected is second
    second.take_port(40123)
    assert await asyncio.wait_for(coming, SECONDS) == (second, ("gpu1", 40123))
    assert (waits.cancelled, runs.cancelled) == (["1"], [])


async def test_a_bid_that_is_lost_is_a_note_while_another_is_left() -> None:
    waits = bid(Scripted(job(JobState.WAITING)))
    lost = bid(Scripted(job(JobState.ENDED, exit_code=3)), attempt=2)
    launch = Launch([waits, lost], 60, at_once)
    coming = asyncio.create_task(launch.up())
    async with asyncio.timeout(SECONDS):
        while not launch.notes:
            await asyncio.sleep(0.001)
    assert launch.notes == ["Small: The session ended: its program stopped with exit code 3."]
    assert launch.bids == [waits]
    coming.cancel()

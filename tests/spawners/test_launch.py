"""A session's way to its address, also where the cluster does what can't be provoked."""

import asyncio
from collections.abc import Mapping

import pytest
from places import spec

from spawners.errors import ClusterSilent, JobLost
from spawners.jobs import Cluster, Job, JobId, JobSpec, JobState, SessionKey
from spawners.launch import Launch
from spawners.watcher import Watcher

SPEC = spec("kim")
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

    async def log_tail(self, key: SessionKey, username: str, lines: int = 20) -> str:
        return "its last words\n"

    async def forget(self, key: SessionKey, username: str) -> None:
        raise NotImplementedError


def launch(cluster: Cluster, boot_timeout: float = 60) -> Launch:
    return Launch(cluster, Watcher(cluster.snapshot, interval=0.01), SPEC, boot_timeout)


async def test_waiting_then_running_then_reported() -> None:
    waiting = job(JobState.WAITING, why="others are before you in the queue")
    running = job(JobState.RUNNING)
    one = launch(Scripted(waiting, waiting, running))
    up = asyncio.create_task(one.up("1"))
    async with asyncio.timeout(5):
        while one.news != "In the queue: others are before you in the queue":
            await asyncio.sleep(0.001)
        while one.news != "Your session is starting on gpu1":
            await asyncio.sleep(0.001)
        assert one.expects_port
        one.take_port(40123)
        one.take_port(666)
        assert await up == ("gpu1", 40123)
    assert not one.expects_port


async def test_a_report_before_the_cluster_says_running_is_kept() -> None:
    waiting = job(JobState.WAITING)
    one = launch(Scripted(waiting, waiting, waiting, job(JobState.RUNNING)))
    one.take_port(40123)
    assert await asyncio.wait_for(one.up("1"), 5) == ("gpu1", 40123)


async def test_a_job_that_vanishes_is_lost_but_one_late_look_is_not_enough() -> None:
    one = launch(Scripted(None, job(JobState.RUNNING)))
    one.take_port(40123)
    assert await asyncio.wait_for(one.up("1"), 5) == ("gpu1", 40123)
    with pytest.raises(JobLost, match="vanished from the cluster"):
        await asyncio.wait_for(launch(Scripted(None)).up("1"), 5)


async def test_a_silent_cluster_is_waited_for_and_told() -> None:
    silent = ClusterSilent("The cluster does not answer at the moment.")
    one = launch(Scripted(silent, silent, job(JobState.RUNNING)))
    up = asyncio.create_task(one.up("1"))
    async with asyncio.timeout(5):
        while one.news != "The cluster does not answer at the moment.":
            await asyncio.sleep(0.001)
        one.take_port(40123)
        assert await up == ("gpu1", 40123)


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (
            job(JobState.ENDED, why="it used more memory than it had; choose a larger offer"),
            "The session ended: it used more memory than it had; choose a larger offer.",
        ),
        (
            job(JobState.ENDED, exit_code=3),
            "The session ended: its program stopped with exit code 3 before it could be used.",
        ),
    ],
)
async def test_an_end_has_its_reason_and_the_last_words(ended: Job, sentence: str) -> None:
    with pytest.raises(JobLost) as lost:
        await asyncio.wait_for(launch(Scripted(ended)).up("1"), 5)
    assert (lost.value.sentence, lost.value.detail) == (sentence, "its last words")


async def test_only_booting_counts_against_the_boot_timeout() -> None:
    one = launch(Scripted(*[job(JobState.WAITING)] * 20, job(JobState.RUNNING)), boot_timeout=0.05)
    with pytest.raises(JobLost, match=r"did not report within 0 seconds of its start"):
        await asyncio.wait_for(one.up("1"), 5)
    assert one.job is not None
    assert one.job.state is JobState.RUNNING


async def test_what_nobody_owns_is_ended_before_a_new_job() -> None:
    left = Scripted(job(JobState.RUNNING))
    assert await launch(left).submit() == "1"
    assert left.cancelled == ["1"]
    other = Job("2", SessionKey(SPEC.key.hub, "lee", "ai"), JobState.RUNNING)
    for step in (job(JobState.ENDED), other):
        untouched = Scripted(step)
        await launch(untouched).submit()
        assert untouched.cancelled == []

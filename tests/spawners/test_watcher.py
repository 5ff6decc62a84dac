"""One look serves everybody who waits, and nobody waits for ever."""

import asyncio
import time

import pytest

from spawners.errors import ClusterSilent
from spawners.jobs import Job, JobId
from spawners.watcher import Watcher


class Counted:
    """A cluster that counts how often it is asked, and can be silent."""

    def __init__(self) -> None:
        self.asked = 0
        self.silent = False

    async def look(self) -> dict[JobId, Job]:
        self.asked += 1
        await asyncio.sleep(0.001)
        if self.silent:
            raise ClusterSilent("The cluster does not answer.")
        return {}


async def test_two_hundred_who_wait_share_one_look() -> None:
    cluster = Counted()
    watcher = Watcher(cluster.look, interval=0.05)
    snapshots = await asyncio.gather(*(watcher.next() for _ in range(200)))
    assert cluster.asked == 1
    assert len({id(snapshot) for snapshot in snapshots}) == 1


async def test_nobody_waiting_means_no_looking() -> None:
    cluster = Counted()
    watcher = Watcher(cluster.look, interval=0.01)
    await watcher.next()
    await asyncio.sleep(0.1)
    assert cluster.asked == 1


async def test_next_never_answers_with_a_look_that_began_before() -> None:
    cluster = Counted()
    watcher = Watcher(cluster.look, interval=0.01)
    first = await watcher.next()
    second = await watcher.next()
    assert second.asked > first.asked


async def test_fresh_is_the_latest_while_it_is_young() -> None:
    cluster = Counted()
    watcher = Watcher(cluster.look, interval=0.01)
    first = await watcher.next()
    assert await watcher.fresh(max_age=60) is first
    assert await watcher.fresh(max_age=0) is not first


async def test_silence_reaches_all_who_waited_and_the_next_look_may_succeed() -> None:
    cluster = Counted()
    watcher = Watcher(cluster.look, interval=0.01)
    cluster.silent = True
    answers = await asyncio.gather(watcher.next(), watcher.next(), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ClusterSilent, ClusterSilent]
    cluster.silent = False
    assert (await watcher.next()).seen == {}


async def test_hurrying_is_answered_before_the_interval_but_not_without_bound() -> None:
    cluster = Counted()
    watcher = Watcher(cluster.look, interval=60)
    await watcher.next()
    for _ in range(3):
        await asyncio.wait_for(watcher.next(hurry=True), timeout=50)
    assert cluster.asked == 4


async def test_a_look_that_breaks_is_told_to_those_who_wait() -> None:
    async def broken() -> dict[JobId, Job]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(Watcher(broken, interval=0.01).next(), timeout=60)


async def test_a_silent_cluster_is_left_in_peace_also_by_those_who_come_in_turn() -> None:
    cluster = Counted()
    cluster.silent = True
    watcher = Watcher(cluster.look, interval=0.05)
    began = asyncio.get_running_loop().time()
    for _ in range(4):
        with pytest.raises(ClusterSilent):
            await watcher.next()
    # Rests of 2, 4 and 8 intervals lie between the four looks.
    assert asyncio.get_running_loop().time() - began >= 14 * 0.05
    assert cluster.asked == 4


async def test_a_glance_waits_for_nothing_and_brings_a_look_about() -> None:
    cluster = Counted()
    watcher = Watcher(cluster.look, interval=0.01)
    assert watcher.glance(max_age=1) is None
    await watcher.next()
    assert watcher.glance(max_age=60) == {}
    assert cluster.asked == 1


async def test_silence_is_told_with_its_beginning_until_it_ends() -> None:
    cluster = Counted()
    watcher = Watcher(cluster.look, interval=0.01)
    await watcher.next()
    assert watcher.silent_since is None
    cluster.silent = True
    before = time.time()
    with pytest.raises(ClusterSilent):
        await watcher.next(hurry=True)
    after = time.time()
    with pytest.raises(ClusterSilent):
        await watcher.next(hurry=True)
    assert watcher.silent_since is not None
    assert before <= watcher.silent_since <= after
    assert watcher.failures == 2
    cluster.silent = False
    await watcher.next(hurry=True)
    assert watcher.silent_since is None


async def test_a_cluster_that_hangs_counts_as_silent_before_the_look_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spawners.watcher.PATIENCE", 0.05)

    async def hangs() -> dict[JobId, Job]:
        await asyncio.sleep(60)
        return {}

    watcher = Watcher(hangs, interval=0.01)
    look = asyncio.ensure_future(watcher.next())
    async with asyncio.timeout(50):
        while watcher.silent_since is None:
            await asyncio.sleep(0.01)
    look.cancel()


async def test_a_look_that_was_held_up_does_not_put_off_the_next_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spawners.watcher.LONGEST_PAUSE", 0.3)
    # A look may use so little of the time that the next one would come after 200 seconds.
    monkeypatch.setattr("spawners.watcher.BUSY_SHARE", 0.001)

    async def held_up() -> dict[JobId, Job]:
        await asyncio.sleep(0.2)
        return {}

    watcher = Watcher(held_up, interval=0.01)
    first = await watcher.next()
    second = await asyncio.wait_for(watcher.next(), timeout=60)
    assert second.asked - first.asked > 0.29

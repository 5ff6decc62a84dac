"""The life of a session that the hub counts as started: what becomes of it, and who brings it back.

JupyterHub knows a session from ``start()`` to ``stop()``, at one address. On a cluster it may come
again: after a restart of the hub while it waited or booted, on another machine when its own has
failed, or in the job that was booked to follow. Each time it is on its way once more under the same
name, so the hub is told what it would know of a session that is just starting (`come_back`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError
from jupyterhub.app import JupyterHub

from ..errors import ClusterSilent, LaunchError
from ..jobs import Job, JobId, JobState
from ..language import Sentence
from ..language import Sentence as _
from ..launch import Bid, Launch, why
from . import metrics
from .failures import exception
from .state import BidState

if TYPE_CHECKING:
    from .spawner import ClusterSpawner

# Seconds that an answer may be old; all sessions of a cluster share it.
LOOK_AGE = 2.0
# How often to look for the end of a job when the one that is to follow has begun.
LOOKS = 10


async def poll(spawner: ClusterSpawner) -> int | None:
    """See ``ClusterSpawner.poll``.

    The first question after a restart of the hub comes before it has settled who runs: a session
    that was not up yet must not be mistaken for one that should answer, or it would be ended
    (``JupyterHub.init_spawners``). So the hub sees no server until its next step, and after that
    one that is starting.
    """
    if not spawner.session.bids:
        return 0
    # What is to be ended needs no look: ending is idempotent, and the cluster may be silent.
    if spawner.launch is not None or spawner._stop_pending:
        return None
    restarted = spawner._check_pending and not spawner.recovered
    spawner.recovered = True
    if restarted and spawner.session.up is None:
        return _again(spawner, spawner.session.bids, restarted=True)
    noted = spawner.session.bid(spawner.session.up.attempt) if spawner.session.up else None
    if noted is None:
        noted = spawner.session.bids[0]
    try:
        job = await _look(spawner, noted)
    except ClusterSilent:
        return None
    if job is not None and job.alive:
        if _must_come_back(spawner, job, restarted=restarted):
            return _again(spawner, [noted], restarted=restarted)
        return None
    following = [bid for bid in spawner.session.bids if bid is not noted]
    if following:
        return _again(spawner, following, restarted=restarted)
    await ended(spawner, noted, job)
    return job.exit_code if job and job.exit_code is not None else 1


def _again(spawner: ClusterSpawner, bids: Sequence[BidState], *, restarted: bool) -> int | None:
    come_back(spawner, bids)
    if not restarted:
        return None
    spawner.hidden = True
    asyncio.get_running_loop().call_soon(setattr, spawner, "hidden", False)
    return 0


def _must_come_back(spawner: ClusterSpawner, job: Job, *, restarted: bool) -> bool:
    """Whether the job is not where the session was reached last."""
    up = spawner.session.up
    if up is None or not (spawner.ready or restarted):
        return False
    return job.state is JobState.WAITING or job.restarts != up.restarts


async def _look(spawner: ClusterSpawner, noted: BidState) -> Job | None:
    jobs = spawner.watched(noted.cluster).jobs
    seen: Mapping[JobId, Job] = (await jobs.fresh(max_age=LOOK_AGE)).seen
    # As a rule: it is asked for each session every two seconds.
    if noted.job in seen:
        return seen[noted.job]
    bid = spawner.found(noted)
    return bid.mine(seen) or bid.mine((await jobs.next()).seen)


async def ended(spawner: ClusterSpawner, noted: BidState, job: Job | None) -> None:
    """Note how a session ended by itself, and remove its files: the hub calls no stop() for it."""
    bid = spawner.found(noted)
    at = job.ends if job and job.ends else time.time()
    if job is None:
        sentence, detail = _("It vanished from the cluster."), ""
    else:
        sentence = Sentence("{why!c}.", why=why(job))
        # What a program said that was ended from outside explains nothing.
        detail = "" if job.why else await bid.last_words()
    spawner.session = spawner.session.ended(at, sentence, detail)
    try:
        await bid.watched.cluster.forget(bid.spec.key, noted.username)
    except LaunchError as error:
        spawner.log.warning("%s: its files are left: %s", spawner._log_name, error)


def come_back(spawner: ClusterSpawner, bids: Sequence[BidState]) -> None:
    """Let the hub count the session as one that is starting, until one of these bids answers."""
    returning = spawner.session.up is not None
    spawner.session.bids = list(bids)
    for noted in spawner.session.bids:
        # What a bid reported before it was the session is still to be tried; after that it is void.
        noted.port = None if returning else noted.port
    waiting = [spawner.found(noted, port=noted.port) for noted in spawner.session.bids]
    spawner.session.up = None
    spawner.save()
    spawner._spawn_pending = True
    launch = Launch(waiting, spawner.start_timeout, spawner.answers, returning=returning)
    spawner.launch = launch
    coming = asyncio.ensure_future(_bring_back(spawner, launch))

    def settle(coming: asyncio.Future[None]) -> None:
        # As the hub does with its own: only an error is kept, for the pages.
        if coming.cancelled() or coming.exception() is None:
            spawner._spawn_future = None

    spawner._spawn_future = coming
    coming.add_done_callback(settle)


async def _bring_back(spawner: ClusterSpawner, launch: Launch) -> None:
    """What the hub itself does around start() for a session that is new."""
    user, name, app = spawner.user, spawner.name, JupyterHub.instance()
    try:
        # A hub that is starting has no proxy yet.
        await app._start_future
        # Who comes meanwhile gets the hub's page, not a dead address.
        await _tell_proxy(spawner, app.proxy.delete_user)
        spawner.server.ip, spawner.server.port = await spawner.arrive(launch)
        spawner.server.proto = "https" if spawner.internal_ssl else "http"
        spawner.save()
        # Before the hub's word for this session changes from starting to ready.
        await _tell_proxy(spawner, app.proxy.add_user)
    except LaunchError as error:
        spawner.log.warning("%s did not come back: %s", spawner._log_name, error)
        metrics.refused(error)
        spawner.launch = None
        spawner.session.fails(error)
        await user.stop(name)
        raise exception(error) from error
    finally:
        spawner.launch = None
        spawner._spawn_pending = False
    spawner.add_poll_callback(_gone, spawner)
    spawner.start_polling()
    spawner.log.info("%s is back at %s", spawner._log_name, spawner.server.url)


async def _tell_proxy(
    spawner: ClusterSpawner, change: Callable[[Any, str], Awaitable[object]]
) -> None:
    """Change a route; the hub compares all of them now and then, so that a failure is mended."""
    try:
        await change(spawner.user, spawner.name)
    except (ClientError, OSError) as error:
        spawner.log.warning("%s: the proxy did not take it: %s", spawner._log_name, error)


async def _gone(spawner: ClusterSpawner) -> None:
    """What the hub does when a session of its own start has ended by itself."""
    await _tell_proxy(spawner, JupyterHub.instance().proxy.delete_user)
    await spawner.user.stop(spawner.name)


async def expecting(spawner: ClusterSpawner, attempt: int) -> Bid | None:
    """The bid of this number, if the hub waits for its report.

    A job that the cluster started anew, or that was booked to follow, may report before the hub has
    seen that the session moves: then it looks.
    """
    up = spawner.session.up
    if spawner.launch is None and up is not None and spawner.ready:
        if not any(bid.attempt == attempt for bid in spawner.session.bids):
            return None
        watched = spawner.watched(spawner.session.bid(up.attempt).cluster)
        for _ in range(LOOKS):
            # At the usual pace: who has the token could ask without end.
            await watched.jobs.next()
            await poll(spawner)
            if spawner.launch is not None or attempt == up.attempt:
                break
    return spawner.launch.expecting(attempt) if spawner.launch is not None else None


def has_reported(spawner: ClusterSpawner, attempt: int, port: int) -> bool:
    """Whether this attempt has reported this port before."""
    return any(bid.attempt == attempt and bid.port == port for bid in spawner.session.bids)


def report(spawner: ClusterSpawner, bid: Bid, port: int) -> None:
    """Note what a bid has reported, also for a hub that starts again."""
    bid.take_port(port)
    spawner.session.bid(bid.spec.attempt).port = port
    spawner.save()

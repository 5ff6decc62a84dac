"""Batch runs: submitted beside a session, watched without it, and what there is to tell of them.

A run is a job of its person's in a course, or an array of such jobs: no session, with no token and
no address. It is noted in the hub's database with the course's server, before it is submitted, and
stays there when the session ends; so a hub that starts again finds what became of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import limits
from ..errors import ClusterSilent, LaunchError, Refused, SubmitRefused
from ..jobs import Job, JobId, JobState
from ..language import Sentence
from ..language import Sentence as _
from ..launch import MISSING_LOOKS, why
from ..watcher import Look
from . import held, specs
from .state import RunState, TaskState

if TYPE_CHECKING:
    from .spawner import ClusterSpawner

# Seconds that what is told of runs may be old; all of a cluster share it.
LOOK_AGE = 2.0
# Seconds that who asks waits for a cluster's answer.
LOOK_SECONDS = 5.0
# Seconds after which a job that the cluster never named will not appear any more: the launcher may
# outlive the hub that has started it, by so much (spawners/unix/launcher.py).
SUBMIT_SECONDS = 120.0
# What is remembered of ended runs of a person in a course.
KEPT_SECONDS = 7 * 24 * 3600.0
KEPT = 30
# A person's in a course that wait or run, where no limit is set: the hub notes each.
MOST = 100

UNSEEN = _("It ended while nobody looked; what it has written says how.")

Seen = Mapping[JobId, Sequence[Job]]
# By person, course and run: removing the files of one that has ended.
_forgetting: dict[tuple[str, str, str], asyncio.Task[None]] = {}
# By cluster: its latest look, and the jobs in it by what `Cluster.submit` said.
_seen: dict[str, tuple[Look[Any], Seen]] = {}


def living(spawner: ClusterSpawner) -> list[RunState]:
    """Those that wait or run, as far as was noted."""
    return [run for run in spawner.runs if run.ended is None]


def find(spawner: ClusterSpawner, id_: str) -> RunState | None:
    """The latest run of this id."""
    return next((run for run in reversed(spawner.runs) if run.id == id_), None)


# From a wish to a job


async def submit(
    spawner: ClusterSpawner, id_: str, wish: Mapping[str, Any], tasks: int
) -> RunState:
    """Grant and submit a run. Raises `LaunchError`."""
    if not 1 <= tasks <= spawner.batch_tasks:
        raise Refused(
            _("A batch run has at most {most} tasks. Make it smaller.", most=spawner.batch_tasks)
        )
    await look(spawner)
    if (forgetting := _forgetting.get((spawner.user.name, spawner.name, id_))) is not None:
        await asyncio.wait([forgetting])  # or it would take the new run's files
    plan, at_once = await spawner.plan_run(wish, tasks)
    # From here to the note nothing is awaited, so that two of them can't both pass.
    before = find(spawner, id_)
    if before is not None and before.ended is None:
        raise SubmitRefused(_("This run was submitted already."))
    if len(living(spawner)) >= MOST:
        raise Refused(_("You have {count} batch runs here. Cancel some first.", count=MOST))
    run = RunState(
        id=id_,
        attempt=before.attempt + 1 if before else 1,
        cluster=plan.offer.cluster,
        offer=plan.offer.name,
        title=plan.offer.title,
        hours=plan.hours,
        username=plan.account.unix,
        count=tasks,
        at_once=at_once,
        gpus=limits.gpus_of(plan.offer),
        since=time.time(),
    )
    run.submitting = True
    spawner.runs = [each for each in spawner.runs if each is not before] + [run]
    # Before: a hub that dies now must know that there may be a job.
    spawner.save()
    submitting = asyncio.ensure_future(_submit(spawner, run, specs.of_run(spawner, plan, run)))
    # Who asked may leave; what the cluster answers is to be noted all the same.
    await asyncio.shield(submitting)
    return run


async def _submit(spawner: ClusterSpawner, run: RunState, spec: Any) -> None:
    watched = spawner.watched(run.cluster)
    try:
        run.job = await watched.cluster.submit(spec)
    except LaunchError:
        # A job that a silent cluster has taken all the same is ended by the keeper.
        spawner.runs = [each for each in spawner.runs if each is not run]
        raise
    finally:
        run.submitting, run.looked = False, time.monotonic()
        spawner.save()
    spawner.log.info("%s: run %s is job %s on %s", spawner._log_name, run.id, run.job, run.cluster)
    if run.cancelled:
        await watched.cluster.cancel(run.job, run.username)


async def cancel(spawner: ClusterSpawner, id_: str) -> None:
    """End a run with all of its tasks; nothing happens when it has ended, or never was.

    Raises `ClusterSilent`; then the keeper ends it as soon as the cluster answers.
    """
    run = find(spawner, id_)
    if run is None or run.ended is not None:
        return
    run.cancelled = True
    spawner.save()
    if run.submitting:
        return
    watched = spawner.watched(run.cluster)
    if not run.job:
        await watched.jobs.next(hurry=True)
        settle(spawner)
    if run.job and run.ended is None:
        await watched.cluster.cancel(run.job, run.username)


async def cancel_all(spawner: ClusterSpawner) -> None:
    """End and forget all runs of a person, or of a server, that the hub is about to forget.

    What a silent cluster does not end is nobody's then, and ended by the keeper.
    """
    for run in living(spawner):
        try:
            await cancel(spawner, run.id)
            await _forget(spawner, run)
        except LaunchError as error:
            spawner.log.warning("%s: run %s: not ended yet: %s", spawner._log_name, run.id, error)
    spawner.runs = []


# What became of them


async def look(spawner: ClusterSpawner) -> None:
    """See what the clusters know of this spawner's runs now, as far as they answer."""
    for cluster in {run.cluster for run in living(spawner)} & set(spawner.clusters):
        jobs = spawner.watched(cluster).jobs
        since = max(run.looked for run in living(spawner) if run.cluster == cluster)
        # One that was submitted after the latest look is not in it.
        late = jobs.latest is None or jobs.latest.asked < since
        looking = jobs.next() if late else jobs.fresh(max_age=LOOK_AGE)
        # Without an answer, what was seen before is told, and that the cluster is silent.
        with contextlib.suppress(ClusterSilent, TimeoutError):
            await asyncio.wait_for(looking, LOOK_SECONDS)
    settle(spawner)


def settle(spawner: ClusterSpawner) -> None:
    """Note what the latest looks saw of this spawner's runs; nothing is waited for.

    A cluster remembers ended jobs for some minutes only.
    """
    changed = [run for run in living(spawner) if _settle(spawner, run)]
    for run in changed:
        if run.ended is not None:
            whose = (spawner.user.name, spawner.name, run.id)
            task = _forgetting[whose] = asyncio.ensure_future(_forget(spawner, run))
            task.add_done_callback(partial(_forgotten, whose))
    kept = _kept(spawner.runs)
    if changed or len(kept) < len(spawner.runs):
        spawner.runs = kept
        spawner.save()


def _settle(spawner: ClusterSpawner, run: RunState) -> bool:
    """Note what the latest look saw of a run; whether that is something new."""
    if run.submitting:
        return False
    if run.cluster not in spawner.clusters:
        return _gone(run, run.numbers)
    latest = spawner.watched(run.cluster).jobs.latest
    if latest is None or latest.asked <= run.looked:
        return False
    run.looked = latest.asked
    jobs = _jobs(spawner, run)
    changed = False
    if jobs and not run.job:
        run.job, changed = next(iter(jobs.values())).whole, True
    missing = []
    for number in run.numbers:
        job = _of_task(jobs, number)
        if job is None:
            if number not in run.tasks:
                missing.append(number)
        elif job.alive:
            # It was put back in the queue.
            changed |= run.tasks.pop(number, None) is not None
        elif number not in run.tasks:
            run.tasks[number], changed = _ended(run, job), True
    run.missing = run.missing + 1 if missing else 0
    late = run.job or time.time() - run.since > SUBMIT_SECONDS
    if missing and run.missing >= MISSING_LOOKS and late:
        changed = _gone(run, missing)
    if len(run.tasks) == run.count:
        ends = [task.ends for task in run.tasks.values() if task.ends is not None]
        run.ended, changed = max(ends, default=time.time()), True
    return changed


def _gone(run: RunState, numbers: Sequence[int]) -> bool:
    sentence = UNSEEN if run.job else _("It did not reach the cluster. Submit it again.")
    for number in numbers:
        run.tasks.setdefault(number, TaskState(sentence=sentence))
    if len(run.tasks) == run.count:
        run.ended = time.time()
    return True


def _ended(run: RunState, job: Job) -> TaskState:
    if job.word == "COMPLETED":
        sentence = ""
    elif run.cancelled:
        sentence = _("It was ended on request.")
    elif not job.word:
        sentence = UNSEEN
    else:
        sentence = Sentence("{why!c}.", why=why(job))
    return TaskState(node=job.node, ends=job.ends, word=job.word, sentence=sentence)


async def _forget(spawner: ClusterSpawner, run: RunState) -> None:
    """Remove the environment that an ended run had; its log stays."""
    if run.cluster not in spawner.clusters:
        return
    try:
        await spawner.watched(run.cluster).cluster.forget(spawner.key(run.id), run.username)
    except LaunchError as error:
        spawner.log.warning("%s: files of run %s are left: %s", spawner._log_name, run.id, error)


def _forgotten(whose: tuple[str, str, str], _task: object) -> None:
    _forgetting.pop(whose, None)


def _kept(runs: Sequence[RunState]) -> list[RunState]:
    """Those to be remembered: all that live, and the latest that ended, for a while."""
    since = time.time() - KEPT_SECONDS
    ended = [run for run in runs if run.ended is not None and run.ended > since][-KEPT:]
    return [run for run in runs if run.ended is None or run in ended]


def _jobs(spawner: ClusterSpawner, run: RunState) -> Mapping[int, Job]:
    """A run's jobs in its cluster's latest look, by their task; 0 is all tasks.

    A job can say in its comment whose it is; whose account it runs under it can't choose.
    """
    watched = spawner.watched(run.cluster)
    if watched.jobs.latest is None:
        return {}
    seen = _by_whole(watched.name, watched.jobs.latest)
    if run.job:
        return {job.task: job for job in seen.get(run.job, ())}
    wanted = (spawner.key(run.id), run.attempt, run.username)
    for jobs in seen.values():
        job = jobs[0]
        if (job.key, job.attempt, job.username or run.username) == wanted:
            return {each.task: each for each in jobs}
    return {}


def _by_whole(cluster: str, latest: Look[Any]) -> Seen:
    known = _seen.get(cluster)
    if known is not None and known[0] is latest:
        return known[1]
    found: defaultdict[JobId, list[Job]] = defaultdict(list)
    for job in latest.seen.values():
        if job.key.run:
            found[job.whole].append(job)
    _seen[cluster] = latest, found
    return found


def _of_task(jobs: Mapping[int, Job], number: int) -> Job | None:
    return jobs.get(number) or jobs.get(0)


# For others


def owner(cluster: str) -> Callable[[Job], bool]:
    """Tells whether a run's job on this cluster is one that is noted, and that is not to end."""
    noted = [
        (spawner, run)
        for spawner in held.with_runs()
        for run in living(spawner)
        if run.cluster == cluster and not run.cancelled
    ]
    known = {run.job for _spawner, run in noted if run.job}
    unknown = {(spawner.key(run.id), run.attempt) for spawner, run in noted if not run.job}
    return lambda job: job.whole in known or (job.key, job.attempt) in unknown


def uses(spawner: ClusterSpawner) -> list[limits.Use]:
    """What this spawner's runs count for in limits."""
    settle(spawner)
    return [
        limits.Use(
            spawner.user.name,
            spawner.name,
            run.gpus * min(run.at_once, run.count - len(run.tasks)),
            batch=True,
        )
        for run in living(spawner)
    ]


def state(spawner: ClusterSpawner, run: RunState) -> JobState:
    """Where a run as a whole is in its life."""
    if run.ended is not None:
        return JobState.ENDED
    jobs = _jobs(spawner, run).values() if run.cluster in spawner.clusters else ()
    running = any(job.state is JobState.RUNNING for job in jobs)
    return JobState.RUNNING if running else JobState.WAITING


def job_of(spawner: ClusterSpawner, run: RunState, number: int) -> Job | None:
    """What the latest look saw of a task that has not ended."""
    if number in run.tasks or run.cluster not in spawner.clusters:
        return None
    return _of_task(_jobs(spawner, run), number)

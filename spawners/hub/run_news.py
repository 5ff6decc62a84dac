"""What there is to tell of batch runs, as JSON; docs/session-api.md describes the fields."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .. import limits
from ..jobs import Job, JobState
from ..language import Sentence, told
from ..language import Sentence as _
from ..overview import Overview
from . import news, runs, wish
from .state import RunState

if TYPE_CHECKING:
    from .spawner import ClusterSpawner

Told = dict[str, Any]


async def tell_all(spawner: ClusterSpawner) -> Told:
    """Of all runs of a person in a course, and of what a run may be submitted with."""
    await runs.look(spawner)
    terms = await spawner.find_terms()
    offers = wish.offers_of(terms, spawner.find_offers(terms)) if terms else []
    return {
        "runs": {run.id: tell(spawner, run) for run in spawner.runs},
        "offers": [
            {
                "name": offer.name,
                "title": offer.title,
                "hours": offer.limits.hours,
                "gpus": limits.gpus_of(offer),
            }
            for offer in offers
        ],
    }


def tell(spawner: ClusterSpawner, run: RunState) -> Told:
    """Of one run; nothing is waited for."""
    state = runs.state(spawner, run)
    jobs = {number: runs.job_of(spawner, run, number) for number in run.numbers}
    return {
        "job": run.job,
        "offer": run.offer,
        "state": state.value,
        "submitted": run.since,
        **_in_the_queue(spawner, run, jobs, state),
        "tasks": {str(number): _task(run, number, job) for number, job in jobs.items()},
        "sentence": told(_sentence(spawner, run, jobs, state)),
    }


def _task(run: RunState, number: int, job: Job | None) -> Told:
    ended = run.tasks.get(number)
    if ended is not None:
        return {
            "state": JobState.ENDED.value,
            "node": ended.node,
            "ends": ended.ends,
            "word": ended.word,
            "sentence": told(ended.sentence),
        }
    if job is None or not job.alive:
        return {"state": "waiting", "node": "", "ends": None, "word": "", "sentence": ""}
    return {
        "state": job.state.value,
        "node": job.node,
        "ends": job.ends if job.state is JobState.RUNNING else None,
        "word": job.word,
        "sentence": told(Sentence("{why!c}.", why=job.why)) if job.why else "",
    }


def _in_the_queue(
    spawner: ClusterSpawner, run: RunState, jobs: dict[int, Job | None], state: JobState
) -> Told:
    """Place, reason and expected start, as far as tasks wait."""
    job = _first_waiting(jobs)
    if state is JobState.ENDED or job is None:
        return {"reason": "", "place": None, "queue_length": None, "expected": None}
    watched = spawner.watched(run.cluster)
    overview = watched.overview.glance(max_age=news.QUEUE_AGE) or Overview()
    return {
        "reason": told(job.why or job.reason),
        "place": overview.place(run.job),
        "queue_length": overview.queue_length(run.job),
        "expected": news.expected(job.starts, time.time()) if job.starts else None,
    }


def _first_waiting(jobs: dict[int, Job | None]) -> Job | None:
    waiting = [job for job in jobs.values() if job is not None and job.state is JobState.WAITING]
    return waiting[0] if waiting else None


def _sentence(
    spawner: ClusterSpawner, run: RunState, jobs: dict[int, Job | None], state: JobState
) -> str:
    if state is JobState.ENDED:
        return _how_it_ended(run)
    if run.cluster in spawner.clusters and spawner.watched(run.cluster).jobs.silent_since:
        return _("The cluster does not answer at the moment. Nothing is lost; we keep asking.")
    if run.cancelled:
        return _("It is being ended.")
    if state is JobState.WAITING:
        job = _first_waiting(jobs)
        if job is None:
            return _("It is on its way to the cluster.")
        return _(
            "In the queue: {reason}", reason=job.why or job.reason or _("waiting for its turn")
        )
    running = [job for job in jobs.values() if job and job.state is JobState.RUNNING]
    if running and not running[0].task:
        return _("It runs on {node}.", node=running[0].node)
    return _("{ended} of {count} tasks have ended.", ended=len(run.tasks), count=run.count)


def _how_it_ended(run: RunState) -> str:
    failed = {number: task for number, task in sorted(run.tasks.items()) if task.sentence}
    if not failed:
        return _("It has run to its end.")
    number, first = next(iter(failed.items()))
    if run.count == 1 or (run.cancelled and len(failed) == run.count):
        return first.sentence
    return _(
        "{failed} of {count} tasks did not come to their end. Task {number}: {sentence}",
        failed=len(failed),
        count=run.count,
        number=number,
        sentence=first.sentence,
    )

"""Jobs that no session owns: found, given a time of grace, and then to be ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .jobs import Job, JobId, JobState


class Keeper:
    """Tells orphans from sessions.

    A job is an orphan when it carries this hub's name and no session of this hub says that it is
    its own: the hub died before it noted the job, or a cancellation did not reach a silent cluster.
    Jobs of other hubs, and those that are no session's at all, are in no look of ours.

    Args:
        grace: seconds that a job may go unowned; what is being submitted has no owner for a moment.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._unowned: dict[JobId, float] = {}

    def orphans(self, jobs: Iterable[Job], owned: Callable[[Job], bool], now: float) -> list[Job]:
        """Those of `jobs` that have gone unowned, at every look, for the time of grace.

        `now` is in seconds, by any clock that does not jump.
        """
        unowned = [job for job in jobs if job.state is not JobState.ENDED and not owned(job)]
        self._unowned = {job.id: self._unowned.get(job.id, now) for job in unowned}
        return [job for job in unowned if now - self._unowned[job.id] >= self._grace]

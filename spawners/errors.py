"""What can keep a session from running, each as a sentence for the person who asked for it.

- LaunchError
    - Refused: the wish itself is not allowed (offer, course, hours)
        - LimitReached: it would be, if this person or course did not have as much already
        - NoAccount: the person has no account on that cluster yet
    - SubmitRefused: the cluster did not take the job
    - ClusterSilent: the cluster did not answer
    - JobLost: the job ended, or vanished, before the session could be used
"""

from __future__ import annotations


class LaunchError(Exception):
    """A session can't run.

    Attributes:
        sentence: what happened and what to do, for the person who asked.
        detail: the cluster's own words, to be shown under the sentence; may be empty.
        reason: a label for the hub's metrics.
        status: the HTTP status that fits.
    """

    reason = "error"
    status = 500

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(sentence if not detail else f"{sentence}\n{detail}")
        self.sentence = sentence
        self.detail = detail


class Refused(LaunchError):
    """What was asked for is not on offer to this person."""

    reason = "refused"
    status = 403


class LimitReached(Refused):
    """The person or the course has as much as it may."""

    reason = "limit_reached"


class NoAccount(Refused):
    """The person has no account on the cluster yet."""

    reason = "no_account"


class SubmitRefused(LaunchError):
    """The cluster did not take the job."""

    reason = "submit_refused"
    status = 409


class ClusterSilent(LaunchError):
    """The cluster did not answer; nothing is known about its jobs."""

    reason = "cluster_silent"
    status = 503


class JobLost(LaunchError):
    """The job ended before its session could be used."""

    reason = "job_lost"
    status = 502

"""Jobs: what a session or a batch run asks of a cluster, what a cluster says of it, and the port
between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qs, urlencode

from .offers import Offer
from .overview import Overview

JobId = str


class JobState(Enum):
    """Where a job is in its life, as far as a session cares."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True)
class SessionKey:
    """Which session, or which batch run beside it, a job belongs to.

    Attributes:
        hub: the hub's id; a job of another hub is none of ours.
        user: the hub's name of the user.
        server: the named server, which is the course's slug.
        run: the batch run, ``[a-z0-9][a-z0-9-]{0,39}``; empty for a session.
    """

    hub: str
    user: str
    server: str
    run: str = ""

    @property
    def folder(self) -> str:
        """What its files are called: no session's and no other run's are called so."""
        return f"{self.server}.{self.run}" if self.run else self.server


def write_comment(key: SessionKey, attempt: int) -> str:
    """A job's comment: whose it is and which attempt, as one line of text without spaces."""
    fields = {"hub": key.hub, "user": key.user, "server": key.server, "attempt": str(attempt)}
    return urlencode(fields | ({"run": key.run} if key.run else {}))


def read_comment(comment: str) -> tuple[SessionKey, int] | None:
    """What `write_comment` wrote; None where it is somebody else's comment."""
    fields = parse_qs(comment, keep_blank_values=True)
    try:
        [hub], [user], [server], [attempt] = (
            fields[name] for name in ("hub", "user", "server", "attempt")
        )
        [run] = fields.get("run", [""])
        return SessionKey(hub, user, server, run), int(attempt)
    except (KeyError, ValueError):
        return None


@dataclass(frozen=True)
class JobSpec:
    """A session or a batch run, resolved from an offer and ready to be submitted.

    Attributes:
        key: whose it is.
        username: the Unix account it runs as (a cluster of one account ignores it).
        offer: what it gets.
        hours: how long, in hours; at most ``offer.limits.hours``.
        argv: the program that serves the session, or runs the batch run, with absolute path.
        environment: its variables; nothing secret, because job scripts and logs may show them.
        token: the session's hub token. It reaches the session as a 0600 file only. Empty for a
            batch run, which has none.
        attempt: which job of the session this is, from 1. A session has a second one while it
            waits for a better offer or for its own continuation; each has its files and its log.
        after: the job that must have ended before this one begins; empty for none.
        inherit: the attempt whose secret files this one takes over, where the hub does not have
            them any more; 0 for none.
        files: more that the session finds beside its token, by file name, as 0600 files too.
        tasks: how many tasks a batch run has, numbered from 1. A cluster with job arrays gives each
            a job of its own, and tells it its number in ``SLURM_ARRAY_TASK_ID``; the embedded one
            has one job, and tells it how many in ``LESESAL_BATCH_TASKS``.
        at_once: how many of the tasks may run at a time.
    """

    key: SessionKey
    username: str
    offer: Offer
    hours: float
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    token: str = field(repr=False)
    attempt: int = 1
    after: JobId = ""
    inherit: int = 0
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    tasks: int = 1
    at_once: int = 1


@dataclass(frozen=True)
class Job:
    """What a cluster says of one job.

    Attributes:
        id: the cluster's id; that of an array's task is the array's, ``_`` and the number.
        key: whose it is.
        state: where it is in its life.
        word: the cluster's own word for the state, such as ``PENDING`` or ``OUT_OF_MEMORY``.
        reason: the cluster's own word for why it waits or ended; may be empty.
        why: the same in words that a student understands; may be empty.
        node: the host it runs on; empty while it waits.
        exit_code: the program's exit code once it has ended; None when unknown.
        ends: when it will be ended at the latest, or has ended, in seconds since 1970; None when
            unknown.
        attempt: which of the session's jobs it is.
        username: the Unix account that it runs as; empty on a cluster of one account.
        restarts: how often the cluster has started it anew, on another machine perhaps.
        submitted: when it was put in the queue, in seconds since 1970; None when unknown.
        starts: when it started, or is expected to; None when unknown.
    """

    id: JobId
    key: SessionKey
    state: JobState
    word: str = ""
    reason: str = ""
    why: str = ""
    node: str = ""
    exit_code: int | None = None
    ends: float | None = None
    attempt: int = 1
    username: str = ""
    restarts: int = 0
    submitted: float | None = None
    starts: float | None = None

    @property
    def whole(self) -> JobId:
        """The id that `Cluster.submit` gave: the array's, for a task of one."""
        return self.id.partition("_")[0]

    @property
    def task(self) -> int:
        """Which task of an array it is, from 1; 0 where it is no array's."""
        return int(self.id.partition("_")[2] or 0)

    @property
    def alive(self) -> bool:
        """Whether it waits or runs."""
        return self.state is not JobState.ENDED


class Cluster(ABC):
    """A place that runs jobs. One contract suite (tests/spawners) runs over every adapter.

    All methods raise `ClusterSilent` when the cluster does not answer.
    """

    @abstractmethod
    async def submit(self, spec: JobSpec) -> JobId:
        """Start a job, or put it in the queue, and return its id.

        The token and the environment are in place before the job can run. Raises `SubmitRefused`
        when the cluster does not take it; then nothing is left behind.
        """

    @abstractmethod
    async def snapshot(self) -> Mapping[JobId, Job]:
        """All jobs of this hub, of all users, in one look; each task of an array is one.

        Ended jobs stay in it for a while, at least until they were seen once.
        """

    @abstractmethod
    async def cancel(self, job: JobId, username: str) -> None:
        """End a job, waiting or running, with all of its tasks.

        Idempotent: an ended or unknown job is no error.
        """

    @abstractmethod
    async def log_tail(
        self, key: SessionKey, attempt: int, username: str, lines: int = 20, task: int = 0
    ) -> str:
        """The last lines that this attempt of the session printed; empty when there are none.

        `task` is which task's of an array, see `Job.task`.
        """

    @abstractmethod
    async def forget(self, key: SessionKey, username: str) -> None:
        """Remove what `submit` left for all attempts: token and environment. Idempotent."""

    @abstractmethod
    async def extend(self, job: JobId, username: str, hours: float) -> None:
        """Let a running job go on for this much longer than it may now.

        Raises `Refused` when the cluster does not allow that.
        """

    @abstractmethod
    async def overview(self) -> Overview:
        """What the cluster has, what of it is free, and who waits, in one look."""

    @abstractmethod
    async def expected_start(self, spec: JobSpec) -> float | None:
        """When the cluster would start this session if it were submitted now.

        In seconds since 1970; None when the cluster does not say. Nothing is submitted. Raises
        `SubmitRefused` when the cluster would not take it.
        """

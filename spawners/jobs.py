"""Jobs: what a session asks of a cluster, what a cluster says of it, and the port between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qs, urlencode

from .offers import Offer

JobId = str


class JobState(Enum):
    """Where a job is in its life, as far as a session cares."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True)
class SessionKey:
    """Which session a job belongs to.

    Attributes:
        hub: the hub's id; a job of another hub is none of ours.
        user: the hub's name of the user.
        server: the named server, which is the course's slug.
    """

    hub: str
    user: str
    server: str

    def comment(self) -> str:
        """The key as one line of text without spaces, for a job's comment."""
        return urlencode({"hub": self.hub, "user": self.user, "server": self.server})

    @classmethod
    def from_comment(cls, comment: str) -> SessionKey | None:
        """The key in a job's comment; None where it is somebody else's comment."""
        fields = parse_qs(comment, keep_blank_values=True)
        try:
            [hub], [user], [server] = fields["hub"], fields["user"], fields["server"]
        except (KeyError, ValueError):
            return None
        return cls(hub=hub, user=user, server=server)


@dataclass(frozen=True)
class JobSpec:
    """A session, resolved from an offer and ready to be submitted.

    Attributes:
        key: whose session it is.
        username: the Unix account it runs as (a cluster of one account ignores it).
        offer: what it gets.
        hours: how long, in hours; at most ``offer.limits.hours``.
        argv: the program that serves the session, with absolute path.
        environment: its variables; nothing secret, because job scripts and logs may show them.
        token: the session's hub token. It reaches the session as a 0600 file only.
    """

    key: SessionKey
    username: str
    offer: Offer
    hours: float
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    token: str = field(repr=False)


@dataclass(frozen=True)
class Job:
    """What a cluster says of one job.

    Attributes:
        id: the cluster's id.
        key: whose session it is.
        state: where it is in its life.
        word: the cluster's own word for the state, such as ``PENDING`` or ``OUT_OF_MEMORY``.
        reason: the cluster's own word for why it waits or ended; may be empty.
        why: the same in words that a student understands; may be empty.
        node: the host it runs on; empty while it waits.
        exit_code: the program's exit code once it has ended; None when unknown.
        ends: when it will be ended at the latest, in seconds since 1970; None when unknown.
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
        """All jobs of this hub, of all users, in one look.

        Ended jobs stay in it for a while, at least until they were seen once.
        """

    @abstractmethod
    async def cancel(self, job: JobId, username: str) -> None:
        """End a job, waiting or running. Idempotent: an ended or unknown job is no error."""

    @abstractmethod
    async def log_tail(self, key: SessionKey, username: str, lines: int = 20) -> str:
        """The last lines that the session of this key printed; empty when there are none."""

    @abstractmethod
    async def forget(self, key: SessionKey, username: str) -> None:
        """Remove what `submit` left for the session: token and environment. Idempotent."""

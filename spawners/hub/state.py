"""What the hub's database keeps of a session and of batch runs, so that a hub that starts again
finds all of it."""

from __future__ import annotations

import time
from typing import Annotated

from pydantic import BaseModel, Field, PlainSerializer, PlainValidator

from ..errors import LaunchError
from ..language import heard, kept

# Told in the language of whoever reads it, also after a restart of the hub.
Said = Annotated[str, PlainValidator(heard), PlainSerializer(kept)]


class BidState(BaseModel):
    """One job of the session.

    Attributes:
        attempt: its number, from 1.
        cluster: the configured cluster's name.
        offer: the offer's name.
        title: the offer's title, which stays when the offer goes.
        hours: what was asked for.
        username: the Unix account.
        job: the cluster's id; empty until the cluster has said it.
        port: what the session has reported; None before.
        since: when it was submitted, in seconds since 1970.
    """

    attempt: int
    cluster: str
    offer: str
    title: str
    hours: float
    username: str
    job: str = ""
    port: int | None = None
    since: float


class UpState(BaseModel):
    """Which bid is the session now, and where it listens.

    Attributes:
        attempt: the bid.
        node: the host.
        port: where it listens.
        restarts: how often the cluster had started the job anew by then; more is another start.
    """

    attempt: int
    node: str
    port: int
    restarts: int


class LastState(BaseModel):
    """How the latest session of this server ended.

    Attributes:
        at: in seconds since 1970.
        sentence: how and why.
        detail: the cluster's words or the log's tail; may be empty.
    """

    at: float
    sentence: Said
    detail: str = ""


class SessionState(BaseModel):
    """A session.

    Attributes:
        token: the id of the session's token in the hub's database; not the token.
        bids: its jobs; none when there is no session.
        up: None until it could be used.
        gpus: how many GPUs it counts for.
        added_hours: by how much it was lengthened.
        notes: what its person should know of it, as sentences.
        last: how the session before ended, or how this one fails; None without either.
        failing: whether `last` is about this one: what is told of its job's end adds nothing.
    """

    token: str = ""
    bids: list[BidState] = Field(default_factory=list)
    up: UpState | None = None
    gpus: int = 0
    added_hours: float = 0.0
    notes: list[Said] = Field(default_factory=list)
    last: LastState | None = None
    failing: bool = False

    def bid(self, attempt: int) -> BidState:
        """The bid of this number."""
        return next(bid for bid in self.bids if bid.attempt == attempt)

    def owns(self, job: str) -> bool:
        """Whether this job is the session's, or may turn out to be."""
        return any(bid.job in (job, "") for bid in self.bids)

    def fails(self, error: LaunchError) -> None:
        """Note why it does not come up; its jobs are still to be ended."""
        self.last = LastState(at=time.time(), sentence=error.sentence, detail=error.detail)
        self.failing = True

    def ended(self, at: float, sentence: str, detail: str = "") -> SessionState:
        """What is left when the session has ended."""
        if self.failing:
            return SessionState(last=self.last)
        return SessionState(last=LastState(at=at, sentence=sentence, detail=detail))


class TaskState(BaseModel):
    """How a task of a batch run ended.

    Attributes:
        node: the host it ran on; empty when it ran on none, or nobody knows.
        ends: when, in seconds since 1970; None when unknown.
        word: the cluster's own word for it; empty when unknown.
        sentence: why, for its person; empty when it came to its own end.
    """

    node: str = ""
    ends: float | None = None
    word: str = ""
    sentence: Said = ""


class RunState(BaseModel):
    """One batch run.

    Attributes:
        id: what the session calls it.
        attempt: how often it was submitted under this id.
        cluster: the configured cluster's name.
        offer: the offer's name.
        title: the offer's title, which stays when the offer goes.
        hours: for how long each task may run.
        username: the Unix account.
        count: how many tasks it has.
        at_once: how many of them may run at a time.
        gpus: how many GPUs a task counts for.
        job: the cluster's id; empty until the cluster has said it.
        since: when it was submitted, in seconds since 1970.
        tasks: those that have ended, by number from 1.
        ended: when the last of them ended, in seconds since 1970; None while one waits or runs.
        cancelled: whether somebody wants it ended.
        submitting: whether the cluster is being asked to take it; of this hub's life only, as what
            follows.
        looked: when the look began that was noted last, by the monotonic clock.
        missing: how many looks in a row have not seen all of its tasks.
    """

    id: str
    attempt: int
    cluster: str
    offer: str
    title: str
    hours: float
    username: str
    count: int
    at_once: int
    gpus: int = 0
    job: str = ""
    since: float
    tasks: dict[int, TaskState] = Field(default_factory=dict)
    ended: float | None = None
    cancelled: bool = False
    submitting: bool = Field(default=False, exclude=True)
    looked: float = Field(default=0.0, exclude=True)
    missing: int = Field(default=0, exclude=True)

    @property
    def numbers(self) -> range:
        """The numbers of its tasks."""
        return range(1, self.count + 1)

"""One session on its way: from a wish that was granted to the address where it listens.

A session has one job as a rule. It has a second one while its person waits in one queue and tries
another offer as well, or while a continuation waits for its own turn: each such job is a `Bid`, and
the first that can be used wins.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum
from typing import Any

from .errors import ClusterSilent, JobLost, LaunchError
from .jobs import Job, JobId, JobSpec, JobState
from .language import Sentence
from .language import Sentence as _
from .watcher import Look, Watched

# Looks that must agree before a job that is in none of them counts as gone: one look may have begun
# before the controller knew the job.
MISSING_LOOKS = 2

Address = tuple[str, int]
# Returns as soon as a session answers requests at this host and port.
Answers = Callable[[str, int], Awaitable[object]]


class Phase(Enum):
    """How far a session has come."""

    SUBMITTING = "submitting"
    WAITING = "waiting"
    BOOTING = "booting"
    OPENING = "opening"


class Bid:
    """One job of a session, from its submission to the address where the session listens.

    Args:
        watched: the cluster.
        spec: the session; a bid that was found again after a restart of the hub has no token in it.
        id_: the job, when it is submitted already.
        port: what it has reported, when it has already.

    Attributes:
        job: what the last look saw of the job; None before the first.
        since: when it was submitted, in seconds since 1970.
    """

    def __init__(
        self, watched: Watched, spec: JobSpec, id_: JobId = "", port: int | None = None
    ) -> None:
        self.watched = watched
        self.spec = spec
        self.id = id_
        self.job: Job | None = None
        self.since = time.time()
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._reported = 0.0
        self._restarts: int | None = None
        if port is not None:
            self.take_port(port)

    @property
    def phase(self) -> Phase:
        """How far it has come."""
        if self.job is None:
            return Phase.WAITING if self.id else Phase.SUBMITTING
        if self.job.state is not JobState.RUNNING:
            return Phase.WAITING
        return Phase.OPENING if self._port.done() else Phase.BOOTING

    @property
    def port(self) -> int | None:
        """The port that the session has reported; None before."""
        return self._port.result() if self._port.done() else None

    def take_port(self, port: int) -> None:
        """The session's report. Only the first one counts."""
        if not self._port.done():
            self._reported = time.time()
            self._port.set_result(port)

    async def submit(self) -> None:
        """Submit the job. Raises `LaunchError`."""
        self.id = await self.watched.cluster.submit(self.spec)

    async def cancel(self) -> None:
        """End the job. A silent cluster is left to whoever looks for jobs that nobody owns."""
        if self.id:
            try:
                await self.watched.cluster.cancel(self.id, self.spec.username)
            except LaunchError:
                return

    async def up(self, boot_timeout: float, answers: Answers) -> Address:
        """Wait until the session answers, and return its host and port.

        Raises `JobLost` when the job ends or vanishes, or stays mute for `boot_timeout` seconds
        after it started. A cluster that does not answer is waited for.
        """
        missing = 0
        running_since: float | None = None
        opening: asyncio.Task[object] | None = None
        try:
            while True:
                look = await self._look(opening)
                if opening is not None and opening.done() and self.job and self.port:
                    opening.result()
                    return self.job.node, self.port
                if look is None:
                    continue
                job = self.mine(look.seen)
                if job is None:
                    missing += 1
                    if missing >= MISSING_LOOKS:
                        raise JobLost(
                            _("The session vanished from the cluster. Please start it again.")
                        )
                    continue
                if self._was_restarted(job) and opening is not None:
                    opening.cancel()
                    opening = None
                self.job = job
                if job.state is JobState.ENDED:
                    raise JobLost(
                        _("The session ended: {why}.", why=why(job)), await self.last_words()
                    )
                if job.state is JobState.WAITING:
                    running_since = None
                    continue
                running_since = running_since or look.asked
                if opening is None and self.port and job.node:
                    opening = asyncio.ensure_future(_call(answers, job.node, self.port))
                if look.asked - running_since > boot_timeout:
                    raise JobLost(self._mute(boot_timeout), await self.last_words())
        finally:
            if opening is not None:
                opening.cancel()

    def mine(self, seen: Mapping[JobId, Job]) -> Job | None:
        """This bid's job; one whose id was lost with a hub is known by its key.

        A job can say in its comment whose it is; whose account it runs under it can't choose.
        """
        if self.id:
            return seen.get(self.id)
        spec = self.spec
        for job in seen.values():
            whose = (job.key, job.attempt, job.username or spec.username)
            if whose == (spec.key, spec.attempt, spec.username):
                self.id = job.id
                return job
        return None

    async def last_words(self) -> str:
        """The tail of the session's log; empty when it can't be had."""
        spec = self.spec
        try:
            log = await self.watched.cluster.log_tail(spec.key, spec.attempt, spec.username)
        except LaunchError:
            return ""
        return log.strip()

    def _was_restarted(self, job: Job) -> bool:
        """Note that the cluster put the job back in the queue: what it reported is void then."""
        before, self._restarts = self._restarts, job.restarts
        if before is None or job.restarts == before or not self._port.done():
            return False
        # The report may be the new start's own, when it came before this look.
        if job.state is JobState.RUNNING and self._reported >= (job.starts or 0.0) - 1.0:
            return False
        self._port = asyncio.get_running_loop().create_future()
        return True

    async def _look(self, opening: asyncio.Task[object] | None) -> Look[Any] | None:
        """The next look; None when the report or the answer came first, or the cluster is mute."""
        look = asyncio.ensure_future(self.watched.jobs.next(hurry=self._port.done()))
        first: set[asyncio.Future[Any]] = {look}
        if opening is not None:
            first.add(opening)
        elif not self._port.done():
            first.add(self._port)
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            return await look if look.done() else None
        except ClusterSilent:
            return None
        finally:
            look.cancel()

    def _mute(self, boot_timeout: float) -> str:
        if self._port.done():
            return _(
                "The session did not answer within {seconds} seconds of its start. Please start it "
                "again; if that does not help, tell the operators.",
                seconds=round(boot_timeout),
            )
        return _(
            "The session did not report within {seconds} seconds of its start. Please start it "
            "again; if that does not help, tell the operators.",
            seconds=round(boot_timeout),
        )


class Launch:
    """All bids of a session that is on its way.

    Args:
        bids: at least one.
        boot_timeout: seconds that a job may take from its start to its first answer; time in the
            queue does not count.
        answers: see `Answers`.
        returning: whether the session was there before, and is coming back.

    Attributes:
        notes: what its person should know besides, as sentences.
        first_place: the worst place in the queue that was told, for a progress bar; 0 before.
    """

    def __init__(
        self,
        bids: Iterable[Bid],
        boot_timeout: float,
        answers: Answers,
        *,
        returning: bool = False,
        notes: Iterable[str] = (),
    ) -> None:
        self.bids = list(bids)
        self.returning = returning
        self.notes = list(notes)
        self.first_place = 0
        self._boot_timeout = boot_timeout
        self._answers = answers
        self._more = asyncio.Event()

    @property
    def leading(self) -> Bid:
        """The bid that has come furthest; the earliest of equals."""
        order = list(Phase)
        return max(self.bids, key=lambda bid: order.index(bid.phase))

    def expecting(self, attempt: int) -> Bid | None:
        """The bid of this number, while it has not reported."""
        for bid in self.bids:
            if bid.spec.attempt == attempt and bid.port is None:
                return bid
        return None

    def added(self) -> None:
        """`bids` has one more, already submitted."""
        self._more.set()

    def drop(self, bid: Bid) -> None:
        """No longer wait for this one; what it has is the caller's to end."""
        self.bids.remove(bid)
        self._more.set()

    async def up(self) -> tuple[Bid, Address]:
        """The first bid that answers, and where; the others are ended.

        A bid that is lost while another is left becomes a note. Raises the last one's `JobLost`.
        """
        tasks: dict[asyncio.Task[Address], Bid] = {}
        try:
            while True:
                for bid in self.bids:
                    if bid not in tasks.values():
                        up = bid.up(self._boot_timeout, self._answers)
                        tasks[asyncio.ensure_future(up)] = bid
                for task in [task for task, bid in tasks.items() if bid not in self.bids]:
                    task.cancel()
                    del tasks[task]
                for task in await self._any_of(tasks):
                    bid = tasks.pop(task)
                    try:
                        address = task.result()
                    except JobLost as lost:
                        if len(self.bids) == 1:
                            raise
                        self.bids.remove(bid)
                        offer = bid.spec.offer.title
                        self.notes.append(
                            Sentence("{offer}: {why}", offer=offer, why=lost.sentence)
                        )
                        continue
                    others = [each for each in self.bids if each is not bid]
                    self.bids = [bid]
                    for other in others:
                        await other.cancel()
                    return bid, address
        finally:
            for task in tasks:
                task.cancel()

    async def _any_of(
        self, tasks: Iterable[asyncio.Task[Address]]
    ) -> Iterable[asyncio.Task[Address]]:
        """Those that are done; none when a bid was added first."""
        added = asyncio.ensure_future(self._more.wait())
        everything: set[asyncio.Future[Any]] = {*tasks, added}
        try:
            await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
        finally:
            added.cancel()
            self._more.clear()
        return [task for task in tasks if task.done()]


def why(job: Job) -> str:
    """Why a job ended, as half a sentence."""
    if job.why:
        return job.why
    if job.exit_code is None:
        return _("its program stopped")
    return _("its program stopped with exit code {code}", code=job.exit_code)


async def _call(answers: Answers, host: str, port: int) -> object:
    return await answers(host, port)

"""A grading run in Slurm jobs of accounts that are not believed: the sandbox is the Unix account.

For clusters that forbid user namespaces. Each account has one submission at a time, so that none
sees another's; what an account hands back is taken as anything that it might be (`boxes`). What
this does not hold: docs/sandbox.md.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from courses.errors import WorkersError
from courses.language import gettext as _
from spawners.errors import ClusterSilent, LaunchError
from spawners.jobs import Cluster, SessionKey
from spawners.offers import Offer

from . import arrays, boxes, errands
from .held import hold
from .lost import ended_early, give_up
from .queue import Queue

T = TypeVar("T")

TRIES = 3
# Seconds: between two looks into the boxes, between two questions to Slurm, and that a job has
# after its result to tidy up.
POLL = 0.3
LOOK = 2.0
PATIENCE = 10.0
# A job that ended without a result counts as lost when it is seen so twice: the shared folder may
# show the result a moment later.
SEEN_ENDED = 2


@dataclass(frozen=True)
class AccountWorkers:
    """Implements `courses.workers.Workers` with jobs of accounts, one submission each at a time.

    Attributes:
        cluster: acts for the accounts through the launcher, as it does for people.
        queue: asks Slurm, and tells people what it does.
        hub: the name that the jobs have.
        python: the interpreter with lesesal_notebook, as the nodes see it.
        offer: what a job gets.
        accounts: Unix accounts of the nodes that have nothing else to do.
        look: seconds between two questions to Slurm.
    """

    cluster: Cluster
    queue: Queue
    hub: str
    python: Path
    offer: Offer
    accounts: Sequence[str]
    look: float = LOOK

    def run(self, run: Path, keys: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """See `courses.workers.Workers.run`. The run's folder is one that the accounts can enter,
        but not list.
        """
        run = run.resolve()
        with ExitStack() as held:
            mine = hold(run.parent, self.accounts, self.queue.say, held)
            following = _Run(self, run, mine)
            try:
                yield from following.follow(iter(keys))
            finally:
                following.end()


@dataclass
class _Errand:
    """A task that an account has."""

    key: str
    box: Path
    job: str = ""
    started: bool = False
    ended: int = 0
    word: str = ""


class _Run:
    def __init__(self, how: AccountWorkers, run: Path, accounts: Sequence[str]) -> None:
        self._how, self._path, self._accounts = how, run, accounts
        settings = json.loads((run / "run.json").read_text(encoding="utf-8"))
        _, asked = arrays.room(how.offer, settings)
        # Without GPUs it is for several notebooks at a time; here there is one.
        self._asked = asked if asked.gpus else replace(asked, cpus=1)
        self._at: dict[str, _Errand] = {}
        # Accounts of which Slurm has nothing alive, as far as the last look showed.
        self._free: set[str] = set()
        # Jobs that have given their result, and until when they may tidy up.
        self._ending: dict[str, float] = {}
        self._again: list[str] = []
        self._tries: Counter[str] = Counter()
        self._more, self._begun = True, False
        self._looked = 0.0

    def follow(self, keys: Iterator[str]) -> Iterator[tuple[str, bool]]:
        """Until each key has its result."""
        for box in (self._path / "boxes").glob("*"):
            boxes.remove(box)
        while True:
            yield from self._look()
            yield from self._give(keys)
            if not self._at and not self._more and not self._again:
                return
            time.sleep(POLL)
            yield from self._take()

    def end(self) -> None:
        """Nothing goes on; what has given its result may tidy up, unless all is broken off."""
        until = time.monotonic() + (0.0 if self._at else PATIENCE)
        for account, errand in self._at.items():
            self._cancel(account, errand.job)
            self._forget(account, errand)
        self._at.clear()
        while (left := self._tidying()) and time.monotonic() < until:
            time.sleep(POLL)
        for each in left:
            self._cancel(each.account, each.job)

    def _tidying(self) -> list[errands.Seen]:
        """Jobs that have given their result, and are there."""
        seen = self._how.queue.ask(errands.squeue_argv(self._accounts)) if self._ending else None
        found = errands.parse_squeue(seen or "")
        return [each for each in found if each.alive and each.job in self._ending]

    def _give(self, keys: Iterator[str]) -> Iterator[tuple[str, bool]]:
        """Each account that has nothing to do gets a task."""
        for account in sorted(self._free - self._at.keys()):
            while (key := self._next(keys)) is not None and self._result(key).is_file():
                yield key, True
            if key is None:
                return
            errand = _Errand(key, boxes.make(self._path, key))
            self._at[account] = errand
            self._free.discard(account)
            errand.job = self._submit(account, errand)

    def _next(self, keys: Iterator[str]) -> str | None:
        if self._again:
            return self._again.pop(0)
        if self._more:
            for key in keys:
                return key
            self._more = False
        return None

    def _submit(self, account: str, errand: _Errand) -> str:
        how = self._how
        spec = errands.job(
            how.hub, account, errand.key, errand.box, how.python, how.offer, self._asked
        )
        try:
            return _do(how.cluster.submit(spec))
        except ClusterSilent as silent:
            # If Slurm has it all the same, it is found by the next look, and cancelled.
            how.queue.is_silent(silent.detail)
            return ""
        except LaunchError as error:
            raise WorkersError(
                _(
                    "Nothing can be graded under the account {account}: {sentence} {detail}",
                    account=account,
                    sentence=error.sentence,
                    detail=error.detail,
                ).rstrip()
            ) from error

    def _take(self) -> Iterator[tuple[str, bool]]:
        """What has come back."""
        for account, errand in list(self._at.items()):
            if boxes.take(errand.box, self._path, errand.key):
                del self._at[account]
                self._forget(account, errand)
                self._ending[errand.job] = time.monotonic() + PATIENCE
                self._begun = True
                yield errand.key, True

    def _look(self) -> Iterator[tuple[str, bool]]:
        """Ask Slurm about all accounts, and settle what it says."""
        if time.monotonic() < self._looked + (POLL if self._waits() else self._how.look):
            return
        self._looked = time.monotonic()
        seen = self._how.queue.ask(errands.squeue_argv(self._accounts))
        if seen is None:
            return
        found = [each for each in errands.parse_squeue(seen) if each.account in self._accounts]
        self._free = set(self._accounts) - {each.account for each in found if each.alive}
        ours = {errand.job: errand for errand in self._at.values() if errand.job}
        for each in found:
            errand = ours.get(each.job)
            if errand is None:
                # Of a run that was killed, or what a submission has left there.
                if each.alive and self._looked > self._ending.get(each.job, 0.0):
                    self._cancel(each.account, each.job)
                continue
            errand.word = each.word
            if each.word == "RUNNING" and not errand.started:
                errand.started = True
                yield errand.key, False
        self._how.queue.say_why(
            [each.reason for each in found if each.job in ours and each.word == "PENDING"],
            runs=any(each.job in ours and each.word == "RUNNING" for each in found),
        )
        yield from self._take()
        for account, errand in list(self._at.items()):
            errand.ended = errand.ended + 1 if account in self._free else 0
            if errand.ended >= SEEN_ENDED:
                yield from self._lost(account, errand)

    def _waits(self) -> bool:
        """Whether an account could have a task, if Slurm has ended its last."""
        return len(self._at) < len(self._accounts) and (self._more or bool(self._again))

    def _lost(self, account: str, errand: _Errand) -> Iterator[tuple[str, bool]]:
        """A job ended without a result: it is tried again, a few times."""
        said = self._last_line(account, errand)
        del self._at[account]
        self._forget(account, errand)
        self._tries[errand.key] += 1
        if self._tries[errand.key] < TRIES:
            self._how.queue.say(ended_early(errand.word, 1))
            self._again.append(errand.key)
            return
        if not self._begun:
            raise WorkersError(
                _(
                    "Nothing comes back from the account {account}. {detail} Its jobs must be able "
                    "to enter the folder {folder} and to run {python}.",
                    account=account,
                    detail=said,
                    folder=self._path,
                    python=self._how.python,
                )
            )
        give_up(self._path, errand.key)
        yield errand.key, True

    def _last_line(self, account: str, errand: _Errand) -> str:
        key = SessionKey(self._how.hub, account, errand.key)
        with suppress(LaunchError):
            text = _do(self._how.cluster.log_tail(key, 1, account, 1)).strip()
            return f"{text[:300].rstrip('.')}." if text else ""
        return ""

    def _cancel(self, account: str, job: str) -> None:
        if job:
            with suppress(LaunchError):
                _do(self._how.cluster.cancel(job, account))

    def _forget(self, account: str, errand: _Errand) -> None:
        boxes.remove(errand.box)
        with suppress(LaunchError):
            _do(self._how.cluster.forget(SessionKey(self._how.hub, account, errand.key), account))

    def _result(self, key: str) -> Path:
        return self._path / "results" / f"{key}.json"


def _do(what: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(what)

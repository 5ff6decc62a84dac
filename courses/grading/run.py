"""One run of grading: tasks are made, executed by workers, and recorded in order."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from courses.grades import Outcome, Progress, Reason, State
from courses.grading import intake
from courses.grading.again import compared
from courses.grading.intake import RefusedError
from courses.grading.place import Key, Place
from courses.grading.plan import Plan, Submission, plan
from courses.grading.record import Recorder
from courses.grading.report import Graded, as_known, reason_of
from courses.grading.sanitize import sanitize
from courses.grading.settings import RunFolder
from courses.grading.source import Source
from courses.grading.stock import Stock
from courses.workers import Workers

log = logging.getLogger(__name__)

OURS = "engine"


@dataclass
class _Entry:
    """A submission on its way: its task once it has one, or why it has none."""

    submission: Submission
    key: Key | None = None
    reason: Reason | None = None
    ready: bool = False


class Run:
    """Grades what is to be graded, once."""

    def __init__(
        self,
        stock: Stock,
        source: Source,
        place: Place,
        folder: RunFolder,
        record: Recorder,
        workers: Workers,
        on_progress: Callable[[Progress], None],
        on_outcome: Callable[[Graded], None],
    ) -> None:
        self._stock, self._source, self._place = stock, source, place
        self._folder, self._record, self._workers = folder, record, workers
        self._on_progress, self._on_outcome = on_progress, on_outcome
        self._salt = f"{folder.rules}\n{source.digest}"
        self._began = time.monotonic()
        self._running: set[str] = set()
        self._states: Counter[State] = Counter()
        self._recorded: list[Graded] = []
        self._known: dict[str, Graded] = {}

    def go(
        self, students: Collection[str] | None, *, force: bool, sample: int | None = None
    ) -> list[Graded]:
        """Grade; return all that were asked for, or so many of them."""
        known = self._known = self._place.outcomes()
        self._place.keep_only(known.values())
        again = {name for name, each in known.items() if each.outcome.state is State.RETRY}
        planned = plan(
            self._stock,
            students=students,
            force=force,
            max_bytes=self._folder.limits.room,
            begun=again | self._folder.begun.keys(),
        )
        if sample is not None:
            planned = planned.sample(sample)
        self._follow(planned)
        self._record.clear()
        self._folder.close()
        old = as_known([known[name] for name in planned.unchanged if name in known])
        for each in old:
            # Whoever was told of it may have been killed before that was written down.
            self._on_outcome(each)
        return [*self._recorded, *old]

    def _follow(self, planned: Plan) -> None:
        """Have tasks executed as they are made, and record them in order as they end."""
        entries = [_Entry(each) for each in planned.wanted]
        by_key: dict[str, _Entry] = {}
        waiting = iter(entries)
        head = next(waiting, None)

        def keys() -> Iterator[str]:
            for entry in entries:
                self._prepare(entry)
                if entry.key is not None:
                    by_key[entry.key.key] = entry
                    yield entry.key.key

        def tell() -> None:
            seconds = time.monotonic() - self._began
            states = dict(self._states)
            self._on_progress(Progress(len(entries), len(self._running), states, seconds))

        tell()
        with _closed(self._workers.run(self._folder.path, keys())) as events:
            for key, ended in events:
                (self._running.discard if ended else self._running.add)(key)
                if ended and key in by_key:
                    by_key[key].ready = True
                while head is not None and head.ready:
                    self._finish(head)
                    head = next(waiting, None)
                tell()
        while head is not None:
            # Those at the end that were refused, and any of which the workers said nothing.
            self._finish(head)
            head = next(waiting, None)
        tell()

    def _prepare(self, entry: _Entry) -> None:
        """Make the task of a submission, if there is none of just these files; or refuse it."""
        submission, folder = entry.submission, self._folder
        begun = folder.begun.get(submission.student)
        try:
            if submission.handed is not None:
                entry.key = self._key(submission, submission.handed, begun)
                return
            entry.reason = submission.reason
        except RefusedError as error:
            entry.reason = error.reason
        except Exception as error:
            log.exception("%s could not be prepared", submission.student)
            entry.reason = _ours(error)
        entry.ready = True
        if begun:
            folder.drop(begun.key)

    def _key(self, submission: Submission, handed: intake.Handed, begun: Key | None) -> Key:
        digest = intake.digest(handed, self._salt)
        if begun and begun.digest == digest:
            self._try_again(begun.key)
            return begun
        if begun:
            self._folder.drop(begun.key)
        key = self._folder.new_key()
        task = sanitize(
            *(handed, submission.student, self._folder.task(key)),
            stock=self._stock,
            source=self._source,
            theirs=self._folder.files,
        )
        made = Key(key, submission.student, digest, task.notes)
        self._place.keep_key(made)
        return made

    def _try_again(self, key: str) -> None:
        """A result that says "try again" is none any more."""
        try:
            state = self._result(key)["state"]
        except (OSError, ValueError, KeyError, TypeError):
            state = State.RETRY
        if state == State.RETRY:
            self._folder.forget(key)

    def _finish(self, entry: _Entry) -> None:
        student, key = entry.submission.student, entry.key and entry.key.key
        try:
            outcome = self._outcome(entry)
        except Exception as error:
            log.exception("%s could not be recorded", student)
            outcome = Outcome(student, State.RETRY, _ours(error))
            if key:
                # Whatever is wrong with it, the next run does not meet it again.
                self._folder.forget(key)
        made = Graded(outcome)
        if entry.key:
            made = Graded(outcome, entry.key.notes, digest=entry.key.digest)
        graded = compared(made, self._known.get(student))
        self._place.keep_outcome(graded)
        if key and outcome.state is not State.RETRY:
            self._folder.drop(key)
        self._states[outcome.state] += 1
        self._recorded.append(graded)
        self._on_outcome(graded)

    def _outcome(self, entry: _Entry) -> Outcome:
        """Record a submission, as far as there is anything to record."""
        submission, reason = entry.submission, entry.reason
        if reason is not None and reason.kind != OURS:
            return self._record.refused(submission.student, submission.timestamp, reason)
        if reason is not None or entry.key is None:
            return Outcome(submission.student, State.RETRY, reason or Reason("lost"))
        key = entry.key.key
        result = self._result(key)
        if result["state"] == State.RETRY:
            return Outcome(submission.student, State.RETRY, reason_of(result["reason"]))
        return self._record.executed(
            *(submission.student, submission.timestamp, result),
            task=self._folder.task(key),
            notebooks=self._folder.result(key).with_suffix(""),
        )

    def _result(self, key: str) -> dict[str, Any]:
        return dict(json.loads(self._folder.result(key).read_text(encoding="utf-8")))


@contextmanager
def _closed(events: Iterator[tuple[str, bool]]) -> Iterator[Iterator[tuple[str, bool]]]:
    try:
        yield events
    finally:
        close = getattr(events, "close", None)
        if close:
            close()


def _ours(error: Exception) -> Reason:
    lines = str(error).splitlines()
    says = f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
    return Reason(OURS, {"says": says})

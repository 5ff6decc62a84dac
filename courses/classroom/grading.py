"""Runs of grading, one at a time for each course, in processes of their own.

What is to be done is in the store (`courses.store.grading`), so a run that was waiting, or that the
classroom's end interrupted, goes on when the classroom is there again. How far it is, is only here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from logging import Logger
from typing import Any, ParamSpec, TypeVar

from courses.classroom.grading_settings import Grading, argv_of, environment_of
from courses.coursedir.collect import collected
from courses.coursedir.folder import folder_of
from courses.errors import CourseError
from courses.grades import Outcome, Progress, State
from courses.grading.report import graded_of
from courses.store import Store, submissions
from courses.store import grading as grading_rows
from courses.store.audit import now
from courses.store.grading import Run, Stage

P = ParamSpec("P")
T = TypeVar("T")

# What a process may still do after it was told to end.
_LAST_SECONDS = 20.0
_MAX_LINE = 4 << 20
# Outcomes are written together: many a second may come.
_EVERY_SECONDS = 1.0
_AGAIN_SECONDS = 30.0


@dataclass
class _Work:
    """A run that is under way."""

    run: Run
    process: asyncio.subprocess.Process | None = None
    progress: Progress = field(default_factory=lambda: Progress(0, 0, {}, 0.0))
    began: float = field(default_factory=time.monotonic)
    says: str = ""
    error: str = ""
    ended: bool = False
    stopped: bool = False
    waiting: list[Outcome] = field(default_factory=list)
    known: list[Outcome] = field(default_factory=list)


class GradingRuns:
    """The queue. Its methods are called on the event loop's thread."""

    def __init__(
        self, store: Store, url: str, settings: Grading, pool: Executor, log: Logger
    ) -> None:
        self._store = store
        self._url = url
        self._settings = settings
        self._pool = pool
        self._log = log
        self._wake = asyncio.Event()
        self._work: dict[int, _Work] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = 0
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Do what is asked for, until this is cancelled; then what is under way stops, to go on
        another time.
        """
        try:
            while True:
                self._wake.clear()
                try:
                    await self._start_some()
                    wait = None
                except CourseError as error:  # the database is away
                    self._log.warning("Nothing can be graded: %s", error)
                    wait = _AGAIN_SECONDS
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait)
        finally:
            for work in self._work.values():
                work.stopped = True
                self._tell_to_end(work)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=_LAST_SECONDS)
            for work in self._work.values():
                _kill(work)

    def wake(self) -> None:
        """Something was asked for, or taken back."""
        self._wake.set()

    def progress(self, number: int) -> Progress | None:
        """How far a run is; None when it is not under way."""
        work = self._work.get(number)
        return work.progress if work else None

    def stop(self, number: int) -> None:
        """End a run, which is over already in the store."""
        if work := self._work.get(number):
            work.stopped = True
            self._tell_to_end(work)

    async def changed(self, seen: Callable[[], bool], seconds: float) -> None:
        """Wait until something has changed that was not seen, for some seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: not seen())

    async def _start_some(self) -> None:
        waiting = await self._blocking(self._unfinished)
        for run in waiting:
            busy = {work.run.course for work in self._work.values()}
            if len(self._work) >= self._settings.runs:
                break
            if run.id not in self._work and run.course not in busy:
                self._work[run.id] = _Work(run)
                task = asyncio.create_task(self._do(self._work[run.id]))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _do(self, work: _Work) -> None:
        run = work.run
        try:
            if await self._blocking(self._begin, run.id):
                await self._tell()
                await self._follow(work)
        except Exception:  # it must not stop the others, and somebody waits for its end
            self._log.exception("Grading %s of %s went wrong", run.assignment, run.course)
            work.error = "It went wrong on the classroom's side, and its log says why. Try again."
            with contextlib.suppress(CourseError):
                await self._blocking(self._end, work)
        finally:
            del self._work[run.id]
            await self._tell()
            self.wake()

    async def _follow(self, work: _Work) -> None:
        argv = self._argv(work.run)
        self._log.info("Grading: %s of %s in %s", *argv[3:6])
        work.process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment_of(self._store, self._url),
            start_new_session=True,
            limit=_MAX_LINE,
        )
        if work.stopped:
            self._tell_to_end(work)
        last: deque[bytes] = deque(maxlen=20)
        complaints = asyncio.create_task(self._log_lines(work.process, last))
        writing = asyncio.create_task(self._write_outcomes(work))
        try:
            await self._read(work)
            code = await work.process.wait()
            await complaints
        finally:
            _kill(work)
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing
            await self._blocking(self._put, work, self._taken(work))
            await self._blocking(self._put, work, work.known, only_missing=True)
        if work.stopped:
            return  # it is over in the store, or goes on another time
        if not work.ended and not work.error:
            said = b"".join(last).decode(errors="replace").strip().splitlines()
            work.error = said[-1] if said else f"It ended with status {code}. Try again."
        await self._blocking(self._end, work)

    async def _read(self, work: _Work) -> None:
        assert work.process is not None  # noqa: S101  made before
        assert work.process.stdout is not None  # noqa: S101  a pipe
        async for line in work.process.stdout:
            try:
                event = json.loads(line)
                self._take(work, event)
            except (ValueError, KeyError, TypeError):
                self._log.warning("Grading said what cannot be read: %r", line[:200])
            else:
                await self._tell()

    @staticmethod
    def _take(work: _Work, event: Mapping[str, Any]) -> None:
        match event["event"]:
            case "collected":
                work.progress = Progress(int(event["new"]), 0, {}, 0.0)
                work.says = str(event["says"])
            case "progress":
                work.progress = Progress(
                    int(event["total"]),
                    int(event["running"]),
                    {State(state): int(count) for state, count in event["states"].items()},
                    float(event["seconds"]),
                    work.progress.says,
                )
            case "says":
                work.progress = replace(work.progress, says=str(event["says"]))
            case "outcome":
                graded = graded_of(event)
                (work.waiting if graded.new else work.known).append(graded.outcome)
            case "end":
                work.ended = True
            case "error":
                work.error = str(event["says"])

    async def _write_outcomes(self, work: _Work) -> None:
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            if found := self._taken(work):
                try:
                    await self._blocking(self._put, work, found)
                except CourseError as error:  # the next time they are written too
                    self._log.warning("Outcomes cannot be written: %s", error)
                    work.waiting[:0] = found

    @staticmethod
    def _taken(work: _Work) -> list[Outcome]:
        found, work.waiting = work.waiting, []
        return found

    async def _tell(self) -> None:
        self._number += 1
        async with self._news:
            self._news.notify_all()

    async def _log_lines(self, process: asyncio.subprocess.Process, last: deque[bytes]) -> None:
        assert process.stderr is not None  # noqa: S101  a pipe
        async for line in process.stderr:
            last.append(line)
            self._log.info("Grading: %s", line.decode(errors="replace").rstrip())

    def _argv(self, run: Run) -> list[str]:
        everybody = ["--everybody"] if run.everybody else []
        return argv_of(
            *(self._store, self._settings, run.kind.value, run.course, run.assignment),
            ["--actor", run.asked_by, *everybody],
        )

    def _tell_to_end(self, work: _Work) -> None:
        if work.process and work.process.returncode is None:
            work.process.terminate()
            loop = asyncio.get_running_loop()
            loop.call_later(_LAST_SECONDS, partial(_kill, work))

    async def _blocking(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(call, *args, **kwargs))

    def _unfinished(self) -> list[Run]:
        with self._store.reading() as session:
            return grading_rows.unfinished(session)

    def _begin(self, number: int) -> bool:
        with self._store.writing() as session:
            return grading_rows.begin(session, number, at=now())

    def _end(self, work: _Work) -> None:
        with self._store.writing() as session:
            grading_rows.end(
                *(session, work.run.id, Stage.FAILED if work.error else Stage.DONE),
                done=work.progress.done,
                total=work.progress.total,
                says=work.error or work.says,
                at=now(),
            )

    def _put(self, work: _Work, found: list[Outcome], *, only_missing: bool = False) -> None:
        """Each belongs to the version that was collected, which need not be the last any more.

        With ``only_missing``, those that a classroom was told of that did not live to write it.
        """
        if not found or not work.run.kind.records:
            return
        run, folder = work.run, folder_of(self._store, work.run.course)
        with self._store.writing() as session:
            ids: dict[tuple[str, datetime], str] = {
                (each.receipt.user, each.receipt.timestamp): each.receipt.id
                for each in submissions.of_course(session, run.course, assignment=run.assignment)
            }
            told = [
                (number, outcome)
                for outcome in found
                if (at := collected(folder, outcome.student, run.assignment))
                and (number := ids.get((outcome.student, at)))
            ]
            if only_missing:
                there = grading_rows.submissions_with_outcome(session, run.id)
                told = [each for each in told if each[0] not in there]
            grading_rows.put_outcomes(session, run.id, told, at=now())


def _kill(work: _Work) -> None:
    """The process and whatever it has started."""
    if work.process and work.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(work.process.pid, signal.SIGKILL)

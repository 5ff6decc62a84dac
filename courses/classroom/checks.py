"""The visible tests' word on what was just handed in, where a course wants that.

One process at a time works through what has come in meanwhile, so that a rush delays the answers
and nothing else. What waits is known from the store: who has handed in, and has no answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from logging import Logger
from typing import ParamSpec, TypeVar

from courses.classroom.grading_settings import Grading, argv_of, environment_of
from courses.coursedir import visible
from courses.errors import CourseError
from courses.grades import Outcome, Reason, State
from courses.grading.report import graded_of
from courses.store import Store, checks
from courses.store.audit import now
from courses.store.checks import Batch, Check

P = ParamSpec("P")
T = TypeVar("T")

_MOST = 32
_AGAIN_SECONDS = 30.0


class Checks:
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

    def wake(self) -> None:
        """Something was handed in."""
        self._wake.set()

    async def run(self) -> None:
        """Check what is handed in, until this is cancelled."""
        while True:
            self._wake.clear()
            wait = None
            try:
                if batch := await self._blocking(self._next):
                    await self._check(batch)
                    continue
            except CourseError as error:  # the database is away
                self._log.warning("Hand-ins cannot be checked: %s", error)
                wait = _AGAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)

    async def _check(self, batch: Batch) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._argv(batch),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment_of(self._store, self._url),
            start_new_session=True,
        )
        try:
            out, complaints = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            said = complaints.decode(errors="replace").strip()
            self._log.warning("Some hand-ins could not be checked: %s", said[-2000:])
        await self._blocking(self._put, batch, _outcomes(out))

    def _argv(self, batch: Batch) -> list[str]:
        ids = ",".join(key for _, key in batch.submissions)
        return argv_of(
            *(self._store, self._settings, "check", batch.course, batch.assignment),
            ["--only", ids],
        )

    def _next(self) -> Batch | None:
        with self._store.reading() as session:
            return checks.waiting(session, _MOST)

    def _put(self, batch: Batch, outcomes: dict[str, Outcome]) -> None:
        """Of whom nothing came of it, that is said too: nobody waits for ever."""
        folder = visible.folder_for(self._store, batch.course)
        results = visible.results(folder, batch.assignment) if outcomes else {}
        found = []
        for user, key in batch.submissions:
            outcome = outcomes.get(user, Outcome(user, State.RETRY, Reason("lost")))
            tests = () if outcome.state is State.RETRY else results.get(user, ())
            said = tuple((each.name, each.passed) for each in tests)
            found.append((key, Check(outcome.state, outcome.reason, said)))
        with self._store.writing() as session:
            checks.put(session, found, at=now())

    async def _blocking(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(call, *args, **kwargs))


def _outcomes(out: bytes) -> dict[str, Outcome]:
    found = {}
    for line in out.splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            event = json.loads(line)
            if event["event"] == "outcome":
                outcome = graded_of(event).outcome
                found[outcome.student] = outcome
    return found

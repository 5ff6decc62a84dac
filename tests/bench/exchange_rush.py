"""When people come before a deadline, and the processes that act for them (`exchange.py`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import exchange_people
from bench.exchange_people import Done, Errand

# Most people are late: so many times shorter than the whole is the mean of what is left.
_STEEPNESS = 2
_LINE_BYTES = 1 << 20
_WHOLE_SECONDS = 300


@dataclass(frozen=True)
class Visit:
    """When a student fetches and submits, in seconds from the beginning."""

    fetch: float
    submit: float


@dataclass(frozen=True)
class Outcome:
    """What came of one errand, and how long it waited because all processes were busy."""

    errand: Errand
    done: Done
    late_s: float

    @property
    def waited_s(self) -> float:
        """From when the student came until it was done."""
        return self.late_s + self.done.seconds


def draw(students: int, seconds: float, seed: int) -> list[Visit]:
    """A rush: more come the nearer the deadline is, exponentially; almost half in the last quarter.

    Somebody fetches at any time before.
    """
    source = random.Random(seed)
    visits = []
    while len(visits) < students:
        submit = seconds - source.expovariate(_STEEPNESS / seconds)
        if submit > 1:
            visits.append(Visit(source.uniform(0, submit - 1), submit))
    return visits


class Pool:
    """Processes that have imported a side's client and wait for errands."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        self._idle: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()
        for process in processes:
            self._idle.put_nowait(process)

    async def run(self, errand: Errand, at: float | None = None) -> Outcome:
        """Have it done by the next process that is idle.

        Args:
            errand: what to do.
            at: when it was due, on the monotonic clock.
        """
        process = await self._idle.get()
        late = time.monotonic() - at if at is not None else 0.0
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process has no pipes")
        process.stdin.write(json.dumps(asdict(errand)).encode() + b"\n")
        answer = await process.stdout.readline()
        if not answer:
            raise RuntimeError(f"The process that acts for {errand.user} ended. See its log.")
        self._idle.put_nowait(process)
        return Outcome(errand, Done(**json.loads(answer)), late)


@contextlib.asynccontextmanager
async def pool(
    python: Path, modules: Sequence[str], count: int, log: Path, environment: Mapping[str, str]
) -> AsyncIterator[Pool]:
    """So many processes under this interpreter; they end with the block."""
    processes: list[asyncio.subprocess.Process] = []
    with log.open("ab") as errors:
        try:
            for _ in range(count):
                processes.append(
                    await asyncio.create_subprocess_exec(
                        python,
                        exchange_people.__file__,
                        *modules,
                        stdin=asyncio.subprocess.PIPE,
                        stdout=asyncio.subprocess.PIPE,
                        stderr=errors,
                        env={**os.environ, **environment},
                        limit=_LINE_BYTES,
                    )
                )
            for process in processes:
                if process.stdout is None or await process.stdout.readline() != b"ready\n":
                    raise RuntimeError(log.read_text(errors="replace")[-3000:])
            yield Pool(processes)
        finally:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


async def rush(people: Pool, visits: Sequence[tuple[Visit, Errand, Errand]]) -> list[Outcome]:
    """All visits at their times: to fetch, and then to submit. Whoever cannot fetch goes away."""
    began = time.monotonic()

    async def at(moment: float, errand: Errand) -> Outcome:
        due = began + moment
        await asyncio.sleep(due - time.monotonic())
        return await people.run(errand, due)

    async def visit(when: Visit, fetch: Errand, submit: Errand) -> list[Outcome]:
        fetched = await at(when.fetch, fetch)
        if fetched.done.why_not:
            return [fetched]
        # Whom the fetching held up past his time submits at once; that is no one else's waiting.
        held_up = max(when.submit, time.monotonic() - began)
        return [fetched, await at(held_up, submit)]

    async with asyncio.timeout(_WHOLE_SECONDS):
        found = await asyncio.gather(*(visit(*each) for each in visits))
    return [outcome for outcomes in found for outcome in outcomes]

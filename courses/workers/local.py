"""A grading run as processes of this machine."""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import subprocess
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from courses.errors import WorkersError
from courses.language import gettext as _

from .lost import give_up

TRIES = 3
MODULE = "lesesal_notebook.execution"
# A worker is one process that talks to so many kernels; on one core it can serve about twice that.
KERNELS = 8
# Tasks that a worker has beyond those it executes, so that it need not wait for the next.
AHEAD = 2
# So many workers in a row that end without having said anything are no accident.
SILENT = 3
_WAIT = 1.0
_STOP = 10.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class LocalWorkers:
    """Implements `courses.workers.Workers` with worker processes in the engine's own account.

    Attributes:
        python: the interpreter of the environment that has lesesal_notebook.
        workers: how many notebooks run at once, in all processes together.
    """

    python: Path
    workers: int = 1

    def run(self, run: Path, keys: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """See `courses.workers.Workers.run`. Asks for a key when a worker can take it."""
        if not os.access(self.python, os.X_OK):
            raise WorkersError(
                _(
                    "There is no interpreter {python}. Name one that has lesesal_notebook "
                    "with --python.",
                    python=self.python,
                )
            )
        # In the run, with which it goes, also after an engine that was killed.
        with tempfile.TemporaryDirectory(prefix="workers-", dir=run) as home:
            crew = _Crew(self, run, Path(home), iter(keys))
            try:
                yield from crew.work()
            finally:
                crew.stop()


class _Worker:
    """One process, and the keys that it has."""

    def __init__(self, python: Path, run: Path, home: Path, kernels: int) -> None:
        self.kernels = kernels
        self.keys: list[str] = []
        self.started: set[str] = set()
        self.said = False
        self._rest = b""
        self._log: IO[bytes] = (home / f"log-{os.urandom(4).hex()}").open("w+b")
        argv = [str(python), "-P", "-m", MODULE, str(run), "--workers", str(kernels)]
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(home),
            cwd=home,
            start_new_session=True,
            preexec_fn=_end_with_the_engine,
        )
        assert self.process.stdout is not None  # noqa: S101 - for the type checker
        self.out = self.process.stdout
        os.set_blocking(self.out.fileno(), False)

    def give(self, key: str) -> None:
        """One more to execute."""
        self.keys.append(key)
        if self.process.stdin is not None:
            try:
                self.process.stdin.write(f"{key}\n".encode())
                self.process.stdin.flush()
            except OSError:
                return  # it has ended, which its output will say

    def read(self) -> tuple[list[tuple[str, str]], bool]:
        """What it says now, ``(key, event)``; and whether it may say more."""
        try:
            found = self.out.read()
        except OSError:
            found = b""
        if found is None:
            return [], True
        if not found:
            return [], False
        *lines, self._rest = (self._rest + found).split(b"\n")
        events = [event for line in lines if (event := _event(line)) and event[0] in self.keys]
        self.said = self.said or bool(events)
        return events, True

    def end(self) -> None:
        """Nothing more to execute; close what was open."""
        self.process.terminate()
        try:
            self.process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for file in (self.process.stdin, self.out):
            if file is not None:
                try:
                    file.close()
                except OSError:
                    continue

    def last_words(self) -> str:
        """The last line of its log."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 4000))
        lines = self._log.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


class _Crew:
    def __init__(self, how: LocalWorkers, run: Path, home: Path, keys: Iterator[str]) -> None:
        self._how, self._run, self._home = how, run, home
        self._keys = keys
        self._again: deque[str] = deque()
        self._tries: Counter[str] = Counter()
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []
        self._silent = 0
        self._more = True
        processes = -(-how.workers // KERNELS)
        share, rest = divmod(how.workers, processes)
        self._kernels = [share + (number < rest) for number in range(processes)]

    def work(self) -> Iterator[tuple[str, bool]]:
        """Until each key has its result."""
        yield from self._feed()
        while self._workers:
            for found, _mask in self._selector.select(_WAIT):
                worker: _Worker = found.data
                events, alive = worker.read()
                for key, event in events:
                    if event == "started":
                        worker.started.add(key)
                        yield key, False
                    elif event == "ended" and self._done(key):
                        worker.keys.remove(key)
                        yield key, True
                if not alive:
                    yield from self._lost(worker)
                yield from self._feed()

    def _feed(self) -> Iterator[tuple[str, bool]]:
        """Give tasks to whom has room for them; start workers while there are some left."""
        while True:
            room = [each for each in self._workers if len(each.keys) < each.kernels + AHEAD]
            if not room and not self._kernels:
                return
            key = self._next()
            if key is None:
                break
            if self._done(key):
                yield key, True
                continue
            if self._kernels:
                room.append(self._start())
            min(room, key=lambda each: len(each.keys) / each.kernels).give(key)
        for worker in [each for each in self._workers if not each.keys]:
            self._dismiss(worker)

    def _next(self) -> str | None:
        if self._again:
            return self._again.popleft()
        if self._more:
            for key in self._keys:
                return key
            self._more = False
        return None

    def _start(self) -> _Worker:
        worker = _Worker(self._how.python, self._run, self._home, self._kernels.pop())
        self._workers.append(worker)
        self._selector.register(worker.out, selectors.EVENT_READ, worker)
        return worker

    def _dismiss(self, worker: _Worker) -> None:
        self._selector.unregister(worker.out)
        self._workers.remove(worker)
        worker.end()

    def _lost(self, worker: _Worker) -> Iterator[tuple[str, bool]]:
        """A worker ended with tasks in hand: others get them, a few times."""
        self._dismiss(worker)
        self._kernels.append(worker.kernels)
        self._silent = 0 if worker.said else self._silent + 1
        if self._silent >= SILENT:
            raise WorkersError(
                _("The workers end as soon as they start: {says}", says=worker.last_words())
            )
        for key in worker.keys:
            if not self._done(key):
                self._tries[key] += key in worker.started
                if self._tries[key] < TRIES:
                    self._again.append(key)
                    continue
                give_up(self._run, key)
            yield key, True

    def _done(self, key: str) -> bool:
        return (self._run / "results" / f"{key}.json").is_file()

    def stop(self) -> None:
        """End all of them."""
        for worker in list(self._workers):
            self._dismiss(worker)
        self._selector.close()


def _end_with_the_engine() -> None:
    """In the child: an engine that is killed leaves no worker that goes on (prctl(2))."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _event(line: bytes) -> tuple[str, str] | None:
    try:
        found = json.loads(line)
        return str(found["key"]), str(found["event"])
    except (ValueError, KeyError, TypeError):
        return None


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the engine's: no token, no configuration of somebody's home."""
    kept = {name: os.environ[name] for name in ("TMPDIR", "TZ") if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", **kept}

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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
        python: the interpreter of the environment that has lesesal_notebook. Absolute: nbgrader
            changes the folder that a run happens in.
        workers: how many notebooks run at once, in all processes together.
    """

    python: Path
    workers: int = 1

    _begun: list[_Worker] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def patience(self) -> float:
        """How many times as long limits of wall clock are, so that sharing a core costs nobody."""
        return max(1.0, self.workers / len(os.sched_getaffinity(0)))

    @contextmanager
    def begun(self, preload: Sequence[str]) -> Iterator[None]:
        """In this block, one of the workers is there before there is a run, and imports meanwhile.

        Args:
            preload: what the run will have its fork server import.
        """
        if os.access(self.python, os.X_OK):
            kernels = _shares(self.workers)[-1]
            self._begun.append(_Worker(self.python, kernels, self.patience, ahead=preload))
        try:
            yield
        finally:
            while self._begun:
                self._begun.pop().end()

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
        crew = _Crew(self, run, iter(keys))
        try:
            yield from crew.work()
        finally:
            crew.stop()


class _Worker:
    """One process, and the keys that it has.

    Without a run it waits to be told of one.
    """

    def __init__(
        self,
        python: Path,
        kernels: int,
        patience: float,
        *,
        run: Path | None = None,
        ahead: Sequence[str] = (),
    ) -> None:
        self.kernels = kernels
        self.keys: list[str] = []
        self.started: set[str] = set()
        self.said = False
        self._rest = b""
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        argv = [str(python), "-P", "-m", MODULE, str(run or "-"), "--workers", str(kernels)]
        if patience > 1:
            argv += ["--patience", f"{patience:g}"]
        if ahead:
            argv += ["--ahead", ",".join(ahead)]
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(),
            cwd="/",
            start_new_session=True,
            preexec_fn=_end_with_the_engine,
        )
        assert self.process.stdout is not None  # noqa: S101 - for the type checker
        self.out = self.process.stdout
        os.set_blocking(self.out.fileno(), False)

    def work_on(self, run: Path) -> None:
        """The run that it was not told when it was started."""
        self._write(str(run))

    def give(self, key: str) -> None:
        """One more to execute."""
        self.keys.append(key)
        self._write(key)

    def _write(self, text: str) -> None:
        if self.process.stdin is not None:
            try:
                self.process.stdin.write(f"{text}\n".encode())
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
    def __init__(self, how: LocalWorkers, run: Path, keys: Iterator[str]) -> None:
        self._how, self._run, self._keys = how, run, keys
        self._again: deque[str] = deque()
        self._tries: Counter[str] = Counter()
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []
        self._silent = 0
        self._more = True
        self._kernels = _shares(how.workers)

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
        kernels, begun = self._kernels.pop(), self._how._begun
        if begun:
            worker = begun.pop()
            worker.work_on(self._run)
        else:
            worker = _Worker(self._how.python, kernels, self._how.patience, run=self._run)
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


def _shares(workers: int) -> list[int]:
    """How many kernels each of the processes has."""
    processes = -(-workers // KERNELS)
    share, rest = divmod(workers, processes)
    return [share + (number < rest) for number in range(processes)]


def _end_with_the_engine() -> None:
    """In the child: an engine that is killed leaves no worker that goes on (prctl(2))."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _event(line: bytes) -> tuple[str, str] | None:
    try:
        found = json.loads(line)
        return str(found["key"]), str(found["event"])
    except (ValueError, KeyError, TypeError):
        return None


def _environment() -> dict[str, str]:
    """Nothing of the engine's: no token, no configuration of somebody's home."""
    kept = {name: os.environ[name] for name in ("TMPDIR", "TZ") if name in os.environ}
    # The fork server has a home of its own; workers write nothing.
    home = {"HOME": "/nonexistent"}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **home, **kept}

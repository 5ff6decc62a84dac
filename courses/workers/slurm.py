"""A grading run as array jobs of Slurm, one worker a task; it outlives the engine that asked."""

from __future__ import annotations

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from courses.errors import WorkersError
from courses.language import gettext as _
from courses.language import ngettext
from spawners.offers import Offer

from . import arrays
from .lost import ended_early, give_up
from .queue import Queue, Say

WORKERS = 32
TRIES = 3
# Seconds between two looks into the run's folder, and between two questions to Slurm.
POLL = 0.5
LOOK = 5.0
# A task that has ended counts as lost when it is seen so twice, so that the last of its results had
# time to appear where the engine sees the shared folder.
SEEN_ENDED = 2


@dataclass(frozen=True)
class SlurmWorkers:
    """Implements `courses.workers.Workers` with array jobs in the engine's own account.

    Attributes:
        python: the interpreter with lesesal_notebook, as the nodes see it.
        offer: what a task gets: cores, memory, time, partition and so on.
        say: takes a sentence about what Slurm does with the run.
        workers: how many notebooks run at once, in all tasks together.
        conf: the cluster's slurm.conf; empty for Slurm's own default.
        bin: folder of Slurm's programs; empty for where ``squeue`` is on the PATH.
        prologue: shell lines that each task runs first, such as ``module load cuda``.
        look: seconds between two questions to Slurm; each is one squeue, whatever the size of the
            run.
    """

    python: Path
    offer: Offer
    say: Say
    workers: int = WORKERS
    conf: str = ""
    bin: str = ""
    prologue: str = ""
    look: float = LOOK

    def run(self, run: Path, keys: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """See `courses.workers.Workers.run`. Needs all keys before the first task begins.

        A run whose engine was killed goes on meanwhile; this takes it over where it is then.
        """
        run = run.resolve()
        following = _Run(self, run, Queue(self.conf, self.bin, self.say))
        try:
            yield from following.follow(keys)
        finally:
            following.cancel()


@dataclass
class _Shard:
    keys: list[str]
    started: set[str] = field(default_factory=set)
    offset: int = 0
    ended: int = 0
    word: str = ""


class _Run:
    """One run, as far as its engine knows."""

    def __init__(self, workers: SlurmWorkers, run: Path, queue: Queue) -> None:
        self._slurm, self._queue = workers, queue
        self._path = run
        self._left: dict[str, None] = {}
        self._shards: dict[tuple[int, int], _Shard] = {}
        self._arrays: dict[int, str] = {}
        # Written, and perhaps with Slurm, which did not answer.
        self._unsure: dict[int, int] = {}
        self._tries: Counter[str] = Counter()
        self._begun = False
        settings = json.loads((run / "run.json").read_text(encoding="utf-8"))
        self._at_a_time, self._asked = arrays.room(workers.offer, settings)
        self._at_once = max(1, workers.workers // self._at_a_time)

    def follow(self, keys: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """Until each key has its result."""
        self._adopt()
        self._left = dict.fromkeys(keys)
        yield from self._ended()
        held = {key for shard in self._shards.values() for key in shard.keys}
        if rest := [key for key in self._left if key not in held]:
            self._submit(arrays.split(rest, self._at_a_time, self._at_once))
        at = time.monotonic()
        while self._left:
            time.sleep(POLL)
            yield from self._started()
            yield from self._ended()
            if self._left and time.monotonic() >= at + self._slurm.look:
                self._look()
                yield from self._ended()
                self._try_again()
                at = time.monotonic()

    def cancel(self) -> None:
        """End the tasks that have something left to do; the others end by themselves."""
        self._queue.cancel(
            f"{self._arrays[wave]}_{index}"
            for (wave, index), shard in self._shards.items()
            if wave in self._arrays and any(map(self._is_undone, shard.keys))
        )

    def _is_undone(self, key: str) -> bool:
        # Whoever reads takes tasks away when he is done with them.
        task, result = self._path / "tasks" / key, self._path / "results" / f"{key}.json"
        return key in self._left or (task.is_dir() and not result.exists())

    def _started(self) -> Iterator[tuple[str, bool]]:
        for (wave, index), shard in self._shards.items():
            try:
                with (arrays.folder(self._path, wave) / f"{index}.out").open("rb") as file:
                    file.seek(shard.offset)
                    whole = file.read().rpartition(b"\n")[0]
            except OSError:
                continue
            shard.offset += len(whole) + 1 if whole else 0
            for key in arrays.started(whole.decode("utf-8", "replace")):
                self._begun = True
                if key in self._left:
                    shard.started.add(key)
                    yield key, False

    def _ended(self) -> Iterator[tuple[str, bool]]:
        try:
            there = {file.name for file in os.scandir(self._path / "results")}
        except OSError:
            return
        for key in [key for key in self._left if f"{key}.json" in there]:
            del self._left[key]
            yield key, True

    def _adopt(self) -> None:
        """Take over the tasks of an earlier engine that still wait or run.

        What is left of an earlier run in this folder is ended first, and its results are removed:
        a key may mean something else now.
        """
        stale = self._find()
        self._queue.cancel(stale)
        while stale:
            time.sleep(POLL)
            self._shards.clear()
            stale = self._find()
        for result in (self._path / "results").glob("*.json"):
            if not (self._path / "tasks" / result.stem).is_dir():
                result.unlink(missing_ok=True)
        if count := len(self._shards):
            self._slurm.say(
                ngettext(
                    "{count} task of this run is with Slurm already; it goes on.",
                    "{count} tasks of this run are with Slurm already; they go on.",
                    count,
                )
            )

    def _find(self) -> list[str]:
        """Note the tasks with Slurm that are of this run; return those that are of another."""
        while (tasks := self._queue.tasks(self._path)) is None:
            time.sleep(self._slurm.look)
        stale = []
        for task in tasks:
            if not task.alive:
                continue
            file = arrays.folder(self._path, task.wave) / f"{task.index}.keys"
            if file.is_file() and self._arrays.setdefault(task.wave, task.array) == task.array:
                self._shards[task.wave, task.index] = _Shard(file.read_text().split())
            else:
                stale.append(f"{task.array}_{task.index}")
        return stale

    def _submit(self, shards: Sequence[Sequence[str]]) -> None:
        """Give Slurm an array with these shards."""
        self._path.joinpath("slurm").mkdir(mode=0o700, exist_ok=True)
        waves = [int(file.name) for file in (self._path / "slurm").iterdir()]
        wave = max(waves, default=0) + 1
        folder = arrays.folder(self._path, wave)
        folder.mkdir(mode=0o700)
        for index, keys in enumerate(shards):
            (folder / f"{index}.keys").write_text("".join(f"{key}\n" for key in keys))
            self._shards[wave, index] = _Shard(list(keys))
        self._unsure[wave] = len(shards)
        self._sbatch(wave)

    def _sbatch(self, wave: int) -> None:
        """Submit an array whose shards are written; it stays unsure when Slurm is silent."""
        slurm, run = self._slurm, self._path
        argv = arrays.sbatch_argv(
            run, wave, self._unsure[wave], self._at_once, slurm.offer, self._asked
        )
        script = arrays.script(slurm.python, run, self._at_a_time, slurm.prologue)
        if array := self._queue.submit(argv, script, arrays.folder(run, wave)):
            self._arrays[wave] = array
            del self._unsure[wave]

    def _look(self) -> None:
        """Ask Slurm once about all tasks, and settle what it did not answer before."""
        tasks = self._queue.tasks(self._path)
        if tasks is None:
            return
        known: dict[tuple[int, int], arrays.Task] = {}
        strays = set()
        for task in tasks:
            if task.wave in self._unsure and task.alive:
                self._arrays[task.wave] = task.array
                del self._unsure[task.wave]
            if self._arrays.get(task.wave) == task.array:
                known[task.wave, task.index] = task
            elif task.alive and (task.wave, task.index) in self._shards:
                # Slurm took an array late that it did not answer for, and another in its place.
                strays.add(task.array)
        self._queue.cancel(strays)
        self._queue.say_why(
            [task.reason for task in known.values() if task.word == "PENDING"],
            runs=any(task.word == "RUNNING" for task in known.values()),
        )
        for wave in list(self._unsure):
            self._sbatch(wave)
        for (wave, index), shard in self._shards.items():
            task_ = known.get((wave, index))
            if wave in self._unsure or (task_ is not None and task_.alive):
                shard.ended = 0
            elif wave in self._arrays:
                shard.ended += 1
                shard.word = task_.word if task_ else ""

    def _try_again(self) -> None:
        """What lost tasks left undone goes into a new array: what they were at, each alone."""
        over = {place: shard for place, shard in self._shards.items() if shard.ended >= SEEN_ENDED}
        alone: list[list[str]] = []
        rest: list[str] = []
        words: dict[str, int] = defaultdict(int)
        for place, shard in over.items():
            del self._shards[place]
            undone = [key for key in shard.keys if key in self._left]
            if not undone:
                continue
            words[shard.word] += len(undone)
            # One of those that ran may have brought it down; the others have not been tried.
            tried = [key for key in undone if key in shard.started] or undone
            self._tries.update(tried)
            rest += [key for key in undone if key not in tried]
            again = [key for key in tried if self._tries[key] < TRIES]
            for key in tried:
                if self._tries[key] >= TRIES:
                    self._give_up(key, place)
            if shard.started:
                alone += [[key] for key in again]
            else:
                rest += again
        for word, count in words.items():
            self._slurm.say(ended_early(word, count))
        shards = alone + (arrays.split(rest, self._at_a_time, self._at_once) if rest else [])
        for first in range(0, len(shards), arrays.MOST_SHARDS):
            self._submit(shards[first : first + arrays.MOST_SHARDS])

    def _give_up(self, key: str, place: tuple[int, int]) -> None:
        if not self._begun:
            folder = arrays.folder(self._path, place[0])
            raise WorkersError(
                _(
                    "No task of the grading run begins on Slurm. {detail} The nodes must see the "
                    "folder {folder} and the interpreter {python}.",
                    detail=_last_line(folder / f"{place[1]}.err"),
                    folder=self._path,
                    python=self._slurm.python,
                )
            )
        give_up(self._path, key)


def _last_line(file: Path) -> str:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return f"{lines[-1][:300].rstrip('.')}." if lines else ""

"""A grading run on Slurm: what sbatch, squeue and scancel are asked, what they answer. Pure."""

from __future__ import annotations

import hashlib
import json
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spawners.offers import Limits, Offer
from spawners.slurm.argv import gres_of
from spawners.slurm.parse import ENDED

# Slurm's own default for the largest index of an array (MaxArraySize) is 1000.
MOST_SHARDS = 1000
# So many notebooks for each that runs at a time: enough to make up for a worker's start, few enough
# for a lost node to cost little.
FOLD = 16
WORKER = ("-P", "-m", "lesesal_notebook.execution")
# Array, index, state, why it waits, comment.
FORMAT = "%F|%K|%T|%r|%k"


@dataclass(frozen=True)
class Task:
    """One task of an array, as squeue has it.

    Attributes:
        array: the array's job id.
        wave: which array of the run it belongs to; ``index`` is its shard.
        word: Slurm's word for its state.
        reason: Slurm's word for why it waits.
    """

    array: str
    wave: int
    index: int
    word: str
    reason: str = ""

    @property
    def alive(self) -> bool:
        """Whether it waits, runs, or is just ending."""
        return self.word not in ENDED


def job_name(run: Path) -> str:
    """The name of all arrays of a run: by it, an engine that was started anew finds them."""
    return f"lesesal-grade-{hashlib.sha256(str(run).encode()).hexdigest()[:16]}"


def split(keys: Sequence[str], workers: int, at_once: int) -> list[list[str]]:
    """The keys in shards, one for each task of an array.

    The first keys are the first in each shard, so that results come in about that order. No shard
    has fewer keys than `workers` run at a time, as far as there are enough.
    """
    count = min(
        math.ceil(len(keys) / workers),
        max(at_once, math.ceil(len(keys) / (workers * FOLD))),
        MOST_SHARDS,
    )
    return [list(keys[first::count]) for first in range(count)]


def room(offer: Offer, settings: Mapping[str, Any]) -> tuple[int, Limits]:
    """How many notebooks a task executes at a time, and what it asks Slurm for.

    Args:
        settings: run.json: each notebook may use ``limits.memory_bytes``, and sees ``gpus`` GPUs. A
            task with GPUs has one notebook at a time, so that no two share one.
    """
    gpus = int(settings["gpus"])
    if gpus:
        [kind, *others] = offer.limits.gpus or [""]
        asked = {"" if others else kind: gpus}
        return 1, replace(offer.limits, gpus=asked, shards=0)
    memory = offer.limits.memory_mb * 2**20 // int(settings["limits"]["memory_bytes"])
    workers = max(1, min(offer.limits.cpus, memory))
    return workers, replace(offer.limits, cpus=workers, gpus={}, shards=0)


def sbatch_argv(
    run: Path, wave: int, shards: int, at_once: int, offer: Offer, asked: Limits
) -> list[str]:
    """An array with a task for each shard, of which so many run at once."""
    argv = [
        "sbatch",
        "--parsable",
        f"--job-name={job_name(run)}",
        f"--comment={wave}",
        f"--array=0-{shards - 1}%{at_once}",
        f"--chdir={folder(run, wave)}",
        # In that folder: "%" and "\" of a path would have a meaning here.
        "--output=%a.out",
        "--error=%a.err",
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={asked.cpus}",
        f"--mem={asked.memory_mb}M",
        f"--time={math.ceil(asked.hours * 60)}",
        # What a lost task leaves undone goes into a new array at once; Slurm waits two minutes.
        "--no-requeue",
    ]
    if gres := gres_of(asked):
        argv.append(f"--gres={gres}")
    for name in ("partition", "account", "qos", "reservation", "constraint"):
        if value := getattr(offer, name):
            argv.append(f"--{name}={value}")
    return argv


def script(python: Path, run: Path, workers: int, prologue: str = "") -> str:
    """What each task runs: its shard is the file of its index in the folder of its array."""
    command = shlex.join([str(python), *WORKER, str(run), "--workers", str(workers)])
    lines = ["#!/bin/bash", *([prologue.strip()] if prologue.strip() else [])]
    return "\n".join([*lines, f'exec {command} --keys "$SLURM_ARRAY_TASK_ID.keys"', ""])


def squeue_argv(run: Path, user: str) -> list[str]:
    """All tasks of the run's arrays, one a line, ended ones too while Slurm remembers them.

    Only this user's: the name and comment of anybody else's job may be anything.
    """
    return [
        "squeue",
        "--noheader",
        "--array",
        "--all",
        "--states=all",
        f"--user={user}",
        f"--name={job_name(run)}",
        f"--format={FORMAT}",
    ]


def scancel_argv(what: Iterable[str]) -> list[str]:
    """End arrays (``17``) or single tasks (``17_3``), waiting or running."""
    return ["scancel", *what]


def parse_squeue(text: str) -> list[Task]:
    """The tasks in an answer to `squeue_argv`; lines that are no array's are passed over."""
    tasks = []
    for line in text.splitlines():
        array, index, word, reason, comment = (*line.split("|"), *[""] * 5)[:5]
        if index.isdecimal() and comment.isdecimal():
            tasks.append(Task(array, int(comment), int(index), word, reason))
    return tasks


def folder(run: Path, wave: int) -> Path:
    """Where an array has its shards, ``3.keys``, and its tasks their outputs, ``3.out``."""
    return run / "slurm" / str(wave)


def started(lines: str) -> list[str]:
    """The keys that a worker has taken, by what it printed."""
    keys = []
    for line in lines.splitlines():
        try:
            event = json.loads(line)
            if event["event"] == "started":
                keys.append(str(event["key"]))
        except (ValueError, KeyError, TypeError):
            continue
    return keys

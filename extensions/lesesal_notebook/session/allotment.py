"""What the session was given: its offer, machine, cores, memory, GPUs and time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest

import psutil

from ..machine.nvml import Cards, Gpu, SilentError, wanted


@dataclass(frozen=True)
class Allotment:
    """What one session was given.

    Attributes:
        offer: the offer's title.
        machine: the name of the host; the node's name on a cluster.
        cpus: processor cores.
        memory_mb: main memory in MiB.
        gpus: a line for each GPU, MIG slice or share; empty without one.
        job: the cluster's job id; empty without a cluster.
        partition: the cluster's partition; empty without a cluster.
    """

    offer: str
    machine: str
    cpus: int
    memory_mb: int
    gpus: tuple[str, ...]
    job: str = ""
    partition: str = ""


def allotment(environment: Mapping[str, str] | None = None) -> Allotment:
    """What this session was given: from Slurm's variables (sbatch(1)) where there are any."""
    env = os.environ if environment is None else environment
    cores = env.get("SLURM_CPUS_PER_TASK") or env.get("SLURM_CPUS_ON_NODE")
    memory = env.get("SLURM_MEM_PER_NODE")
    return Allotment(
        offer=env.get("LESESAL_OFFER", ""),
        machine=env.get("SLURMD_NODENAME") or os.uname().nodename,
        cpus=int(cores) if cores else len(os.sched_getaffinity(0)),
        memory_mb=int(memory) if memory else psutil.virtual_memory().total // 2**20,
        gpus=_gpus(env),
        job=env.get("SLURM_JOB_ID", ""),
        partition=env.get("SLURM_JOB_PARTITION", ""),
    )


def _gpus(env: Mapping[str, str]) -> tuple[str, ...]:
    """GPUs by name where the driver can be asked, else as Slurm names them."""
    shares = env.get("SLURM_SHARDS_ON_NODE", "")
    note = f" ({shares} share{'s' if shares != '1' else ''} of it)" if shares else ""
    try:
        names = tuple(_line(gpu) for gpu in Cards(env).read())
    except SilentError:
        slots = wanted(env) or []
        kinds = env.get("LESESAL_GPU_KINDS", "").split(",")
        names = tuple(
            f"{kind} GPU {slot}".lstrip()
            for slot, kind in zip_longest(slots, kinds[: len(slots)], fillvalue="")
        )
    return tuple(f"{name}{note}" for name in names)


def _line(gpu: Gpu) -> str:
    total = "" if gpu.memory_total is None else f", {gpu.memory_total / 2**30:.0f} GiB"
    return f"{gpu.name}{total}"

"""What the session was given: its offer, machine, cores, memory, GPUs and time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest

import psutil
import pynvml


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
    wanted = env.get("CUDA_VISIBLE_DEVICES", "")
    on_cluster = "SLURM_JOB_ID" in env
    if on_cluster and not wanted and "SLURM_JOB_GPUS" not in env:
        return ()
    devices = [part for part in wanted.split(",") if part]
    shares = env.get("SLURM_SHARDS_ON_NODE", "")
    note = f" ({shares} share{'s' if shares != '1' else ''} of it)" if shares else ""
    names = _names(devices, whole_machine=not on_cluster and not wanted)
    if names is None:
        slots = devices or [part for part in env.get("SLURM_JOB_GPUS", "").split(",") if part]
        kinds = env.get("LESESAL_GPU_KINDS", "").split(",")
        names = tuple(
            f"{kind} GPU {slot}".lstrip()
            for slot, kind in zip_longest(slots, kinds[: len(slots)], fillvalue="")
        )
    return tuple(f"{name}{note}" for name in names)


def _names(devices: list[str], *, whole_machine: bool) -> tuple[str, ...] | None:
    """Names from NVML of the devices (indices, or UUIDs as MIG slices have); None without it."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        if whole_machine:
            devices = [str(index) for index in range(pynvml.nvmlDeviceGetCount())]
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(int(device))
            if device.isdigit()
            else pynvml.nvmlDeviceGetHandleByUUID(device)
            for device in devices
        ]
        return tuple(_line(handle) for handle in handles)
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def _line(handle: object) -> str:
    name = pynvml.nvmlDeviceGetName(handle)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle).total / 2**30
    return f"{name}, {memory:.0f} GiB"

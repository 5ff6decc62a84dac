"""What Slurm is asked, as argument lists. Pure functions."""

from __future__ import annotations

import math

from ..jobs import JobSpec
from ..offers import Limits

# squeue's -O prints fixed columns unless a field names its own end; "|" ends ours (squeue(1)).
# Comment is last: it is the only field that somebody else's job fills with free text.
FIELDS = ("JobID", "State", "Reason", "NodeList", "exit_code", "EndTime", "Comment")
SEPARATOR = "|"


def job_name(hub: str) -> str:
    """The name of all jobs of a hub, by which one query finds them."""
    return f"lesesal-{hub}"


def squeue_argv(hub: str) -> list[str]:
    """All jobs of the hub, of all users, ended ones too while slurmctld remembers them."""
    columns = ",".join(f"{field}:{SEPARATOR}" for field in FIELDS)
    # Partitions may be hidden from the hub's account; its jobs must not be ("--all").
    return [
        "squeue",
        "--noheader",
        "--all",
        "--states=all",
        f"--name={job_name(hub)}",
        f"--Format={columns}",
    ]


def sbatch_options(spec: JobSpec) -> list[str]:
    """The long options that sbatch gets for a session."""
    offer, limits = spec.offer, spec.offer.limits
    options = [
        f"--job-name={job_name(spec.key.hub)}",
        f"--comment={spec.key.comment()}",
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={limits.cpus}",
        f"--mem={limits.memory_mb}M",
        f"--time={math.ceil(spec.hours * 60)}",
        "--no-requeue",
        "--open-mode=truncate",
    ]
    if gres := gres_of(limits):
        options.append(f"--gres={gres}")
    for name in ("partition", "account", "qos", "reservation", "constraint"):
        if value := getattr(offer, name):
            options.append(f"--{name}={value}")
    return options


def gres_of(limits: Limits) -> str:
    """What of GPUs is asked for, in the words of ``--gres``.

    ``{"h100": 2}`` is ``gpu:h100:2``, ``{"1g.10gb": 1}`` (a MIG slice) is ``gpu:1g.10gb:1``,
    ``{"": 1}`` (any kind) is ``gpu:1``, and two shards are ``shard:2``. Empty without GPUs.
    """
    parts = [
        ":".join(["gpu", *([kind] if kind else []), str(count)])
        for kind, count in sorted(limits.gpus.items())
    ]
    if limits.shards:
        parts.append(f"shard:{limits.shards}")
    return ",".join(parts)

"""What Slurm is asked, as argument lists. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..jobs import JobId, JobSpec, write_comment
from ..offers import Limits

# squeue's -O prints fixed columns unless a field names its own end; "|" ends ours (squeue(1)).
# Comment is last: it is the only field that somebody else's job fills with free text.
FIELDS = (
    # A task of an array is ``7_3``, all else the job's id.
    "JobArrayID",
    "State",
    "Reason",
    "NodeList",
    "exit_code",
    "SubmitTime",
    "StartTime",
    "EndTime",
    "RestartCnt",
    "UserName",
    "Comment",
)
SEPARATOR = "|"
# Seconds before its limit at which a job is told by SIGUSR1, so that its session saves what is
# open and stops what runs; that takes some 15. Slurm may tell it up to 60 s earlier (sbatch(1)).
NOTICE = 60
# The same for a batch run, which may have a large model to write down.
BATCH_NOTICE = 120
# A node has a row for each of its partitions. StateComplete would say more than StateLong, but
# Slurm 20.11 has no such field.
NODE_FIELDS = (
    "NodeList",
    "Partition",
    "Available",
    "StateLong",
    "CPUsState",
    "Memory",
    "AllocMem",
    "Gres",
    "GresUsed",
)
QUEUE_FIELDS = (
    "JobArrayID",
    "State",
    "Reason",
    "Partition",
    "StartTime",
    "NodeList",
    "tres-per-node",
)


def job_name(hub: str) -> str:
    """The name of all jobs of a hub, by which one query finds them."""
    return f"lesesal-{hub}"


def squeue_argv(hub: str) -> list[str]:
    """All jobs of the hub, of all users, ended ones too while slurmctld remembers them.

    The fields are told apart, in the environment: see `squeue_environment`.
    """
    # Partitions may be hidden from the hub's account; its jobs must not be ("--all").
    return [
        "squeue",
        "--noheader",
        "--all",
        "--array",
        "--states=all",
        f"--name={job_name(hub)}",
    ]


def squeue_environment(mark: str) -> dict[str, str]:
    """What `squeue_argv` is to be run with: the fields, and after the first one the mark.

    A comment may have line ends, so anybody could write whole lines of this answer. The mark is a
    word that nobody can know; it is not in the arguments because others can see those.
    """
    first, *others = _format(FIELDS).removeprefix("--Format=").split(",")
    return {"SQUEUE_FORMAT2": ",".join([f"{first}{mark}{SEPARATOR}", *others])}


def nodes_argv() -> list[str]:
    """All nodes, once for each partition that they are in."""
    return ["sinfo", "--noheader", "--all", "--Node", "--noconvert", _format(NODE_FIELDS)]


def reservations_argv() -> list[str]:
    """All reservations, one a line."""
    return ["scontrol", "show", "reservation", "--oneliner"]


def queue_argv() -> list[str]:
    """All jobs of everybody that wait, in the order in which Slurm looks at them, and that run."""
    return [
        "squeue",
        "--noheader",
        "--all",
        "--states=PENDING,CONFIGURING,RUNNING,SUSPENDED,COMPLETING",
        # squeue(1) names these two for the scheduler's own order.
        "--priority",
        "--sort=-p,i",
        _format(QUEUE_FIELDS),
    ]


def extend_argv(job: JobId, hours: float) -> list[str]:
    """More time for a job."""
    return ["scontrol", "update", f"JobId={job}", f"TimeLimit=+{math.ceil(hours * 60)}"]


def _format(fields: Sequence[str]) -> str:
    return "--Format=" + ",".join(f"{field}:{SEPARATOR}" for field in fields)


def sbatch_options(spec: JobSpec) -> list[str]:
    """The long options that sbatch gets for a session or a batch run."""
    offer, limits = spec.offer, spec.offer.limits
    options = [
        f"--job-name={job_name(spec.key.hub)}",
        f"--comment={write_comment(spec.key, spec.attempt)}",
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={limits.cpus}",
        f"--mem={limits.memory_mb}M",
        f"--time={math.ceil(spec.hours * 60)}",
        # "B": the script's process alone, which is the session; not its kernels.
        f"--signal=B:USR1@{BATCH_NOTICE if spec.key.run else NOTICE}",
        # A machine that fails costs a session its kernels, not its address.
        "--requeue",
        "--open-mode=truncate",
    ]
    if spec.tasks > 1:
        options.append(f"--array=1-{spec.tasks}%{spec.at_once}")
    if spec.after:
        options.append(f"--dependency=afterany:{spec.after}")
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

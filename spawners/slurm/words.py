"""Slurm's words, in a student's.

The keys are Slurm's own: error texts of src/common/slurm_errno.c, reasons of squeue(1).
"""

from __future__ import annotations

REFUSALS = {
    "Invalid account or account/partition": (
        "Your account may not use this part of the cluster. Ask the course's instructor which "
        "offer is meant for you."
    ),
    "invalid partition": (
        "This offer names a part of the cluster that does not exist. Please tell the operators; "
        "another offer may work now."
    ),
    "partition configuration not available now": (
        "This part of the cluster is closed at the moment. Choose another offer, or try later."
    ),
    "required partition not available": (
        "This part of the cluster is closed at the moment. Choose another offer, or try later."
    ),
    "node configuration is not available": (
        "No machine of the cluster has what this offer asks for. Please tell the operators; "
        "another offer may work now."
    ),
    "more processors requested than permitted": (
        "No machine of the cluster has as many cores as this offer asks for. Please tell the "
        "operators; another offer may work now."
    ),
    "generic resource": (
        "The cluster has no GPU of the kind that this offer asks for. Please tell the operators; "
        "another offer may work now."
    ),
    "time limit": "The cluster does not allow sessions this long here. Ask for fewer hours.",
    "qos": (
        "Your account has reached what it may use of the cluster, or may not use this service "
        "level. Choose another offer, or try later."
    ),
    "job violates accounting": (
        "Your account has reached what it may use of the cluster. Choose another offer, or end "
        "another session first."
    ),
    "reservation": (
        "This offer uses a reservation that is not open to you now. Choose another offer."
    ),
}
REFUSED = "The cluster did not take the session. Choose another offer, or try later."

# What sbatch and squeue print when slurmctld is away or too busy.
SILENCES = (
    "unable to contact slurm controller",
    "socket timed out",
    "connection refused",
    "zero bytes were transmitted",
    "slurm_persist_conn_open",
    "resource temporarily unavailable",
)

WAITING = {
    "Resources": "waiting for a machine to become free",
    "Priority": "others are before you in the queue",
    "ReqNodeNotAvail": "the machines it needs are closed for maintenance",
    "Nodes required for job are DOWN": (
        "the machines it needs are closed for maintenance, or others need them first"
    ),
    "Reservation": "waiting for a reservation to begin",
    "PartitionDown": "this part of the cluster is closed at the moment",
    "PartitionTimeLimit": "longer than this part of the cluster allows",
    "AssocGrpGRES": "your group uses all the GPUs that it may",
    "QOSMaxGRESPerUser": "you use all the GPUs that you may; end another session first",
    "QOSMaxJobsPerUserLimit": "you have as many sessions as you may; end another one first",
    "BeginTime": "it may not begin yet",
    "JobHeldAdmin": "an operator holds it back",
    "JobHeldUser": "it is held back",
    "None": "just submitted",
    "": "just submitted",
}

ENDED = {
    "TIMEOUT": "its time was over",
    "OUT_OF_MEMORY": "it used more memory than it had; choose a larger offer",
    "CANCELLED": "it was cancelled",
    "NODE_FAIL": "its machine failed; start it again",
    "BOOT_FAIL": "its machine did not come up; start it again",
    "PREEMPTED": "a job with more right to the machine took its place",
    "DEADLINE": "it could not begin in time",
}

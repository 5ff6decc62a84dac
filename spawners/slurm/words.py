"""Slurm's words, in a student's.

The keys are Slurm's own: error texts of src/common/slurm_errno.c and of sbatch, reasons of
src/common/job_state_reason.c and what src/slurmctld says instead of them (22.05 to 26.05). The
first key that fits counts, so that particulars stand before the general.
"""

from __future__ import annotations

import re

_NOT_YOURS = (
    "You may not use this part of the cluster, or not yet. Ask the course's instructor which offer "
    "is meant for you."
)
_CLOSED = "This part of the cluster is closed at the moment. Choose another offer, or try later."
_TELL = "Please tell the operators; another offer may work now."
_TOO_LARGE = f"No machine of the cluster has what this offer asks for. {_TELL}"
_NO_PARTITION = f"This offer names a part of the cluster that does not exist. {_TELL}"
_CORES = f"No machine of the cluster has as many cores as this offer asks for. {_TELL}"
_MEMORY = f"No machine of the cluster gives as much memory as this offer asks for. {_TELL}"
_NO_SUCH_GPU = f"The cluster has no GPU of the kind that this offer asks for. {_TELL}"
_NONE_NOW = "The cluster takes no sessions at the moment. Please try later."
_FULL = "The cluster's queue is full. Try again in some minutes."

REFUSALS = {
    "invalid account": _NOT_YOURS,
    "invalid or unknown association": _NOT_YOURS,
    "group not permitted": _NOT_YOURS,
    "access/permission denied": _NOT_YOURS,
    "invalid user id": "The cluster does not know your account. Please tell the operators.",
    "invalid qos": (
        "Your account may not use this offer on this part of the cluster. Choose another offer, or "
        "ask the course's instructor."
    ),
    "usage threshold": (
        "Your group has used as much of the cluster as it may with this offer. Choose another."
    ),
    "invalid partition": _NO_PARTITION,
    "no partition specified": _NO_PARTITION,
    "partition configuration not available now": _CLOSED,
    "required partition not available": _CLOSED,
    "partition in down state": _CLOSED,
    "submissions disabled": _NONE_NOW,
    "presently disabled": _NONE_NOW,
    "cpu count per node can not be satisfied": _CORES,
    "more processors requested than permitted": _CORES,
    "memory specification can not be satisfied": _MEMORY,
    "memory required by task is not available": _MEMORY,
    "node configuration is not available": _TOO_LARGE,
    "topology configuration is not available": _TOO_LARGE,
    "node count specification invalid": _TOO_LARGE,
    "invalid feature": _TOO_LARGE,
    "generic resource": _NO_SUCH_GPU,
    "gres": _NO_SUCH_GPU,
    "required node not available": (
        "The machines that this offer needs are out of order or kept for others. Choose another "
        "offer, or try later."
    ),
    "time limit is invalid": (
        "The cluster does not allow sessions this long here. Ask for fewer hours."
    ),
    "maintenance reservation": (
        "The cluster will be closed for maintenance before the session could end. Ask for fewer "
        "hours, or try later."
    ),
    "access denied to requested reservation": (
        "This offer uses a reservation of machines that is not open to you. Choose another offer, "
        "or ask the course's instructor."
    ),
    "requested reservation is invalid": (
        "This offer uses a reservation of machines that does not exist, or has ended. Choose "
        "another offer."
    ),
    "reservation": (
        "This offer uses a reservation of machines that is not open now. Choose another offer."
    ),
    "dependency": "The session that this one was to follow is gone. Start it without.",
    "maxjobcount": _FULL,
    "unable to create job record": _FULL,
    "unable to accept job": _FULL,
    "job violates accounting": (
        "Your account has reached what it may use of the cluster. Choose another offer, or end "
        "another session first."
    ),
}
REFUSED = "The cluster did not take the session. Choose another offer, or try later."

# What sudo prints where a person can't be acted for.
STRANGERS = ("unknown user", "a password is required", "not allowed to execute")
STRANGER = (
    "You have no account on this cluster yet, or it is not open to this service. Ask the course's "
    "instructor how to get one; another offer may work now."
)

# What sbatch and squeue print when slurmctld is away or too busy, or munge is away.
SILENCES = (
    "unable to contact slurm controller",
    "communication connection failure",
    "message receive failure",
    "message send failure",
    "timed out",
    "did not answer within",
    "connection refused",
    "zero bytes were transmitted",
    "slurm_persist_conn_open",
    "resource temporarily unavailable",
    "rate limit exceeded",
    "standby mode",
    "munge encode failed",
    "protocol authentication error",
)

_TAKEN_AWAY = "you may no longer use it here; stop waiting, and choose another offer"
_HELD = "the cluster could not start it; stop waiting, and start it again"
_STORAGE = "waiting for its files to be made ready"
_TOO_MUCH = "more than this part of the cluster allows; stop waiting, and choose a smaller offer"
_USED_UP = "your group has used up its computing time; ask the course's instructor"

WAITING = {
    "None": "just submitted",
    "WaitingForScheduling": "just submitted",
    "SchedDefer": "just submitted",
    "Resources": "waiting for a machine to become free",
    "Priority": "others are before you in the queue",
    "ReqNodeNotAvail, Reserved for maintenance": (
        "the machines it needs are closed for maintenance now or soon; a shorter session may still "
        "start before"
    ),
    "ReqNodeNotAvail, May be reserved": (
        "the machines it needs are kept for others now or soon; a shorter session may still start "
        "before"
    ),
    "ReqNodeNotAvail": (
        "the machines it needs are out of order or closed; another offer may start sooner"
    ),
    "Nodes required for job are DOWN": (
        "the machines it needs are closed for maintenance, or others need them first"
    ),
    "NodeDown": "its machine is out of order; another offer may start sooner",
    "FrontEndDown": "the cluster is out of order; the operators know",
    "PartitionDown": "this part of the cluster is closed at the moment",
    "PartitionInactive": "this part of the cluster is closed at the moment",
    "PartitionTimeLimit": "longer than this part of the cluster allows; ask for fewer hours",
    "PartitionNodeLimit": _TOO_MUCH,
    "PartitionConfig": _TAKEN_AWAY,
    "ReservationDeleted": "the reservation it waited for is gone; stop waiting, and start it again",
    "ReservationInvalid": "the reservation it waited for is gone; stop waiting, and start it again",
    # "Reservation class was deleted"
    "Reservation ": "the reservation it waited for is gone; stop waiting, and start it again",
    "Reservation": "waiting for a reservation to begin",
    "InvalidAccount": _TAKEN_AWAY,
    "InvalidQOS": _TAKEN_AWAY,
    "AccountNotAllowed": _TAKEN_AWAY,
    "QOSNotAllowed": _TAKEN_AWAY,
    "uid ": _TAKEN_AWAY,
    "QOSUsageThreshold": _USED_UP,
    "AssociationTimeLimit": _USED_UP,
    "QOSTimeLimit": _USED_UP,
    "Job is at or exceeds": _USED_UP,
    "AssociationJobLimit": "you may not have more sessions at once; end another session first",
    "QOSJobLimit": "you may not have more sessions at once; end another session first",
    "AssociationResourceLimit": "you may not use more at once; end another session first",
    "QOSResourceLimit": "you may not use more at once; end another session first",
    "AccountingPolicy": "you may not use more at once; end another session first",
    "DependencyNeverSatisfied": (
        "the session that it was to follow is gone; stop waiting, and start it again"
    ),
    "Dependency": "waiting for your other session to end",
    # Sessions ask for none: Slurm gives one, two minutes, to a job that it puts back in the queue.
    "BeginTime": "the cluster lets it begin again in a few minutes",
    "DeadLine": "it can no longer begin in time; stop waiting, and start it again",
    "Licenses": "waiting for a software licence to become free",
    "BadConstraints": "no machine has what it asks for; stop waiting, and choose another offer",
    "Constraints": "no machine that is free now has what it asks for",
    "MaxPoweredUpNodes": "waiting for a machine to become free",
    "NvidiaImexChannels": "waiting for a machine to become free",
    "MpiPortsBusy": "waiting for a machine to become free",
    "Power": "the cluster is saving power; it begins when more machines are switched on",
    "JobArrayTaskLimit": "others are before you in the queue",
    "FedJobLock": "just submitted",
    "Prolog": "its machine is being prepared",
    "BurstBuffer": _STORAGE,
    "Cleaning": "its last machine is being cleaned up",
    "JobHeldAdmin": "an operator holds it back; please ask the operators",
    "JobHeldUser": "it is held back; stop waiting, and start it again",
    "JobHoldMaxRequeue": _HELD,
    "JobLaunchFailure": _HELD,
    "launch fail": _HELD,
    "job requeued in": _HELD,
    "user env retrieval failed": _HELD,
    "SystemFailure": _HELD,
}

ENDED = {
    "TIMEOUT": "its time was over",
    "OUT_OF_MEMORY": "it used more memory than it had; choose a larger offer",
    "CANCELLED": "it was cancelled",
    "NODE_FAIL": "its machine failed; start it again",
    "BOOT_FAIL": "its machine did not come up; start it again",
    "PREEMPTED": "a job with more right to the machine took its place",
    "DEADLINE": "it could not begin in time",
    # Reasons, where the state is FAILED.
    "JobLaunchFailure": "its machine could not start it; start it again",
    "SystemFailure": "its machine could not start it; start it again",
    "NodeDown": "its machine failed; start it again",
}

# The names of limits are made of parts: QOSMaxGRESPerUser, AssocGrpCPURunMinutesLimit,
# MaxJobsPerAccount. What starts with Max alone is a QOS's, too.
_LIMIT = re.compile(
    r"(?P<scope>QOSGrp|QOSMax|QOSMin|AssocGrp|AssocMax|Max)"
    r"(?P<what>BB|Billing|C[Pp][Uu]|Energy|GRES|Jobs|License|Mem|Memory|Node|SubmitJobs?|Unknown"
    r"|Wall|WallDuration)"
    r"(?P<time>Minutes|RunMinutes|RunMins)?"
    r"(?P<per>PerAccount|PerJob|PerLimit|PerNode|PerUser)?"
    r"(Limit|NotSatisfied)?"
)
_NOUNS = {
    "CPU": "cores",
    "GRES": "GPUs",
    "JOBS": "sessions",
    "SUBMITJOB": "sessions",
    "SUBMITJOBS": "sessions",
    "LICENSE": "software licences",
    "MEM": "memory",
    "MEMORY": "memory",
    "NODE": "machines",
}


def limit(name: str) -> tuple[str, str] | None:
    """A limit of Slurm's accounting in words: what is reached, and what to do, if anything.

    ``QOSMaxGRESPerUser`` is ("you may not use more GPUs at once", "end another session first, or
    choose a smaller offer"). None when the name is no limit's.
    """
    found = _LIMIT.fullmatch(name)
    if found is None:
        return None
    scope, per, time = found["scope"], found["per"], found["time"]
    noun = _NOUNS.get(found["what"].upper(), "resources")
    if per in ("PerJob", "PerLimit", "PerNode"):
        if time or found["what"].startswith("Wall"):
            return "one session may not run this long here", "ask for fewer hours"
        return f"this is more {noun} than one session may have here", "choose a smaller offer"
    if scope == "QOSMin":
        return f"sessions of this kind must have more {noun}", "choose a larger offer"
    group = scope == "AssocGrp" or per == "PerAccount"
    who = "your group" if group else "sessions of this kind" if scope == "QOSGrp" else "you"
    if time == "Minutes" or found["what"] == "Wall":
        return f"the computing time of {who} is used up", "ask the course's instructor"
    if time:
        return f"{who} may not book more computing time at once", "ask for fewer hours"
    if noun != "sessions":
        advice = "end another session first, or choose a smaller offer" if who == "you" else ""
        return f"{who} may not use more {noun} at once", advice
    if scope == "QOSGrp":
        return "there may not be more sessions of this kind at once", ""
    return f"{who} may not have more sessions at once", "end another first" if who == "you" else ""


def waiting(reason: str) -> str:
    """Why a job waits, for squeue's reason; empty when there are no words for it."""
    if reached := limit(reason):
        return "; ".join(filter(None, reached))
    known = (words for key, words in WAITING.items() if (reason or "None").startswith(key))
    return next(known, "")


def ended(state: str, reason: str) -> str:
    """Why a job ended, for squeue's state and reason; empty when there are no words for it."""
    return ENDED.get(state) or ENDED.get(reason, "")

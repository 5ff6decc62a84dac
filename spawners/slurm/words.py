"""Slurm's words, in a student's.

The keys are Slurm's own: error texts of src/common/slurm_errno.c and of sbatch, reasons of
src/common/job_state_reason.c and what src/slurmctld says instead of them (22.05 to 26.05). The
first key that fits counts, so that particulars stand before the general.
"""

from __future__ import annotations

import re

from ..language import Sentence
from ..language import Sentence as _

_NOT_YOURS = _(
    "You may not use this part of the cluster, or not yet. Ask the course's instructor which offer "
    "is meant for you."
)
_CLOSED = _("This part of the cluster is closed at the moment. Choose another offer, or try later.")
_TOO_LARGE = _(
    "No machine of the cluster has what this offer asks for. "
    "Please tell the operators; another offer may work now."
)
_NO_PARTITION = _(
    "This offer names a part of the cluster that does not exist. "
    "Please tell the operators; another offer may work now."
)
_CORES = _(
    "No machine of the cluster has as many cores as this offer asks for. "
    "Please tell the operators; another offer may work now."
)
_MEMORY = _(
    "No machine of the cluster gives as much memory as this offer asks for. "
    "Please tell the operators; another offer may work now."
)
_NO_SUCH_GPU = _(
    "The cluster has no GPU of the kind that this offer asks for. "
    "Please tell the operators; another offer may work now."
)
_NONE_NOW = _("The cluster takes no sessions at the moment. Please try later.")
_FULL = _("The cluster's queue is full. Try again in some minutes.")

REFUSALS = {
    "invalid account": _NOT_YOURS,
    "invalid or unknown association": _NOT_YOURS,
    "group not permitted": _NOT_YOURS,
    "access/permission denied": _NOT_YOURS,
    "invalid user id": _("The cluster does not know your account. Please tell the operators."),
    "invalid qos": _(
        "Your account may not use this offer on this part of the cluster. Choose another offer, or "
        "ask the course's instructor."
    ),
    "usage threshold": _(
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
    "required node not available": _(
        "The machines that this offer needs are out of order or kept for others. Choose another "
        "offer, or try later."
    ),
    "time limit is invalid": _(
        "The cluster does not allow sessions this long here. Ask for fewer hours."
    ),
    "maintenance reservation": _(
        "The cluster will be closed for maintenance before the session could end. Ask for fewer "
        "hours, or try later."
    ),
    "access denied to requested reservation": _(
        "This offer uses a reservation of machines that is not open to you. Choose another offer, "
        "or ask the course's instructor."
    ),
    "requested reservation is invalid": _(
        "This offer uses a reservation of machines that does not exist, or has ended. Choose "
        "another offer."
    ),
    "reservation": _(
        "This offer uses a reservation of machines that is not open now. Choose another offer."
    ),
    "dependency": _("The session that this one was to follow is gone. Start it without."),
    "maxjobcount": _FULL,
    "unable to create job record": _FULL,
    "unable to accept job": _FULL,
    "job violates accounting": _(
        "Your account has reached what it may use of the cluster. Choose another offer, or end "
        "another session first."
    ),
}
REFUSED = _("The cluster did not take the session. Choose another offer, or try later.")

# What sudo prints where a person can't be acted for.
STRANGERS = ("unknown user", "a password is required", "not allowed to execute")
STRANGER = _(
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

_TAKEN_AWAY = _("you may no longer use it here; stop waiting, and choose another offer")
_HELD = _("the cluster could not start it; stop waiting, and start it again")
_STORAGE = _("waiting for its files to be made ready")
_TOO_MUCH = _("more than this part of the cluster allows; stop waiting, and choose a smaller offer")
_USED_UP = _("your group has used up its computing time; ask the course's instructor")

WAITING = {
    "None": _("just submitted"),
    "WaitingForScheduling": _("just submitted"),
    "SchedDefer": _("just submitted"),
    "Resources": _("waiting for a machine to become free"),
    "Priority": _("others are before you in the queue"),
    "ReqNodeNotAvail, Reserved for maintenance": _(
        "the machines it needs are closed for maintenance now or soon; a shorter session may still "
        "start before"
    ),
    "ReqNodeNotAvail, May be reserved": _(
        "the machines it needs are kept for others now or soon; a shorter session may still start "
        "before"
    ),
    "ReqNodeNotAvail": _(
        "the machines it needs are out of order or closed; another offer may start sooner"
    ),
    "Nodes required for job are DOWN": _(
        "the machines it needs are closed for maintenance, or others need them first"
    ),
    "NodeDown": _("its machine is out of order; another offer may start sooner"),
    "FrontEndDown": _("the cluster is out of order; the operators know"),
    "PartitionDown": _("this part of the cluster is closed at the moment"),
    "PartitionInactive": _("this part of the cluster is closed at the moment"),
    "PartitionTimeLimit": _("longer than this part of the cluster allows; ask for fewer hours"),
    "PartitionNodeLimit": _TOO_MUCH,
    "PartitionConfig": _TAKEN_AWAY,
    "ReservationDeleted": _(
        "the reservation it waited for is gone; stop waiting, and start it again"
    ),
    "ReservationInvalid": _(
        "the reservation it waited for is gone; stop waiting, and start it again"
    ),
    # "Reservation class was deleted"
    "Reservation ": _("the reservation it waited for is gone; stop waiting, and start it again"),
    "Reservation": _("waiting for a reservation to begin"),
    "InvalidAccount": _TAKEN_AWAY,
    "InvalidQOS": _TAKEN_AWAY,
    "AccountNotAllowed": _TAKEN_AWAY,
    "QOSNotAllowed": _TAKEN_AWAY,
    "uid ": _TAKEN_AWAY,
    "QOSUsageThreshold": _USED_UP,
    "AssociationTimeLimit": _USED_UP,
    "QOSTimeLimit": _USED_UP,
    "Job is at or exceeds": _USED_UP,
    "AssociationJobLimit": _("you may not have more sessions at once; end another session first"),
    "QOSJobLimit": _("you may not have more sessions at once; end another session first"),
    "AssociationResourceLimit": _("you may not use more at once; end another session first"),
    "QOSResourceLimit": _("you may not use more at once; end another session first"),
    "AccountingPolicy": _("you may not use more at once; end another session first"),
    "DependencyNeverSatisfied": _(
        "the session that it was to follow is gone; stop waiting, and start it again"
    ),
    "Dependency": _("waiting for your other session to end"),
    # Sessions ask for none: Slurm gives one, two minutes, to a job that it puts back in the queue.
    "BeginTime": _("the cluster lets it begin again in a few minutes"),
    "DeadLine": _("it can no longer begin in time; stop waiting, and start it again"),
    "Licenses": _("waiting for a software licence to become free"),
    "BadConstraints": _("no machine has what it asks for; stop waiting, and choose another offer"),
    "Constraints": _("no machine that is free now has what it asks for"),
    "MaxPoweredUpNodes": _("waiting for a machine to become free"),
    "NvidiaImexChannels": _("waiting for a machine to become free"),
    "MpiPortsBusy": _("waiting for a machine to become free"),
    "Power": _("the cluster is saving power; it begins when more machines are switched on"),
    "JobArrayTaskLimit": _("as many of its tasks run as may at a time"),
    "FedJobLock": _("just submitted"),
    "Prolog": _("its machine is being prepared"),
    "BurstBuffer": _STORAGE,
    "Cleaning": _("its last machine is being cleaned up"),
    "JobHeldAdmin": _("an operator holds it back; please ask the operators"),
    "JobHeldUser": _("it is held back; stop waiting, and start it again"),
    "JobHoldMaxRequeue": _HELD,
    "JobLaunchFailure": _HELD,
    "launch fail": _HELD,
    "job requeued in": _HELD,
    "user env retrieval failed": _HELD,
    "SystemFailure": _HELD,
}

ENDED = {
    "TIMEOUT": _("its time was over"),
    "OUT_OF_MEMORY": _("it used more memory than it had; choose a larger offer"),
    "CANCELLED": _("it was cancelled"),
    "NODE_FAIL": _("its machine failed; start it again"),
    "BOOT_FAIL": _("its machine did not come up; start it again"),
    "PREEMPTED": _("a job with more right to the machine took its place"),
    "DEADLINE": _("it could not begin in time"),
    # Reasons, where the state is FAILED.
    "JobLaunchFailure": _("its machine could not start it; start it again"),
    "SystemFailure": _("its machine could not start it; start it again"),
    "NodeDown": _("its machine failed; start it again"),
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
# What there may not be more of.
_MORE = {
    "CPU": _("more cores"),
    "GRES": _("more GPUs"),
    "JOBS": _("more sessions"),
    "SUBMITJOB": _("more sessions"),
    "SUBMITJOBS": _("more sessions"),
    "LICENSE": _("more software licences"),
    "MEM": _("more memory"),
    "MEMORY": _("more memory"),
    "NODE": _("more machines"),
}
_FEWER_HOURS = _("ask for fewer hours")
_SMALLER = _("choose a smaller offer")
# For whom a limit holds: the person, the person's group, all sessions of the kind.
_USED_UP_OF = {
    "you": _("your computing time is used up"),
    "group": _("the computing time of your group is used up"),
    "kind": _("the computing time of sessions of this kind is used up"),
}
_NOT_BOOKED = {
    "you": _("you may not book more computing time at once"),
    "group": _("your group may not book more computing time at once"),
    "kind": _("sessions of this kind may not book more computing time at once"),
}


def limit(name: str) -> tuple[Sentence, Sentence | None] | None:
    """A limit of Slurm's accounting in words: what is reached, and what to do, if anything.

    ``QOSMaxGRESPerUser`` is ("you may not use more GPUs at once", "end another session first, or
    choose a smaller offer"). None when the name is no limit's.
    """
    found = _LIMIT.fullmatch(name)
    if found is None:
        return None
    scope, per, time = found["scope"], found["per"], found["time"]
    what = found["what"].upper()
    more = _MORE.get(what) or _("more resources")
    if per in ("PerJob", "PerLimit", "PerNode"):
        if time or what.startswith("WALL"):
            return _("one session may not run this long here"), _FEWER_HOURS
        return _("this is {more} than one session may have here", more=more), _SMALLER
    if scope == "QOSMin":
        return (
            _("sessions of this kind must have {more}", more=more),
            _("choose a larger offer"),
        )
    group = scope == "AssocGrp" or per == "PerAccount"
    who = "group" if group else "kind" if scope == "QOSGrp" else "you"
    if time == "Minutes" or what == "WALL":
        return _USED_UP_OF[who], _("ask the course's instructor")
    if time:
        return _NOT_BOOKED[who], _FEWER_HOURS
    return _at_once(who, more, sessions="JOB" in what)


def _at_once(who: str, more: Sentence, *, sessions: bool) -> tuple[Sentence, Sentence | None]:
    if sessions and who == "kind":
        return _("there may not be more sessions of this kind at once"), None
    if who == "kind":
        return _("sessions of this kind may not use {more} at once", more=more), None
    if who == "group" and sessions:
        return _("your group may not have {more} at once", more=more), None
    if who == "group":
        return _("your group may not use {more} at once", more=more), None
    if sessions:
        return _("you may not have {more} at once", more=more), _("end another first")
    return (
        _("you may not use {more} at once", more=more),
        _("end another session first, or choose a smaller offer"),
    )


def waiting(reason: str) -> str:
    """Why a job waits, for squeue's reason; empty when there are no words for it."""
    if reached := limit(reason):
        fact, advice = reached
        return Sentence("{fact}; {advice}", fact=fact, advice=advice) if advice else fact
    for key, words in WAITING.items():
        if (reason or "None").startswith(key):
            return words
    return ""


def ended(state: str, reason: str) -> str:
    """Why a job ended, for squeue's state and reason; empty when there are no words for it."""
    return ENDED.get(state) or ENDED.get(reason) or ""

"""What a Slurm with accounting refuses or lets wait, provoked, in a student's words."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import slurm_site as sites
from places import HUB, spec
from slurm_machine import SlurmMachine

from spawners.errors import SubmitRefused
from spawners.jobs import Job, JobId, JobSpec, JobState
from spawners.offers import Limits, Offer
from spawners.slurm import SlurmCluster

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

# No other site's users: a site takes its own away.
KIM, LEE = "refused-kim", "refused-lee"
SMALL = Limits(1, 256)
GPU = Limits(1, 256, {"h100": 1})
GPUS = Limits(1, 256, {"h100": 2})
CPU = {"partition": "cpu"}

NOT_YOURS = (
    "You may not use this part of the cluster, or not yet. Ask the course's instructor which offer "
    "is meant for you."
)
CLOSED = "This part of the cluster is closed at the moment. Choose another offer, or try later."
TOO_LARGE = (
    "No machine of the cluster has what this offer asks for. Please tell the operators; another "
    "offer may work now."
)
NOT_YOUR_OFFER = (
    "Your account may not use this offer on this part of the cluster. Choose another offer, or ask "
    "the course's instructor."
)


@pytest.fixture(scope="module")
def site() -> Iterator[sites.SlurmSite]:
    if missing := sites.missing(accounting=True):
        pytest.skip("No real Slurm with accounting here: " + " ".join(missing))
    with sites.slurm_site((KIM, LEE), accounting=True) as running:
        lay_out(running.machine)
        yield running


def lay_out(machine: SlurmMachine) -> None:
    """QOS, accounts, partitions and a reservation for the cases below."""
    machine.add_account("staff")
    deny = {"Flags": "DenyOnLimit"}
    machine.add_qos("staff")
    machine.add_qos("short", MaxWall="00:30:00", **deny)
    machine.add_qos("one", MaxSubmitJobsPerUser=1, **deny)
    machine.add_qos("small", MaxTRESPerUser="gres/gpu=1", **deny)
    machine.add_qos("slice", MaxTRESPerJob="gres/gpu=1", **deny)
    machine.add_qos("gpu-only", MinTRES="gres/gpu=1", **deny)
    machine.add_qos("share", GrpTRES="gres/gpu=1")
    machine.add_qos("turns", MaxJobsPerUser=1)
    machine.add_qos("fair", MaxTRESPerUser="gres/gpu=1")
    machine.add_qos("account", MaxTRESPerAccount="gres/gpu=1")
    allowed = "normal,short,one,small,slice,gpu-only,share,turns,fair,account"
    machine.sacctmgr("modify", "account", "students", "set", f"QOS={allowed}")
    for setting in ("AllowAccounts=staff", "AllowGroups=root", "AllowQos=staff"):
        partition = f"PartitionName={setting.partition('=')[0].lower()}"
        machine.command("scontrol", "create", partition, "Nodes=gpu4", setting)
    machine.reserve("theirs", ["gpu4"], users=["root"], starts="now+1day")
    machine.reserve("yours", ["gpu4"], users=[KIM], starts="now+2days")


@dataclass
class Class:
    """A student's sessions on the site; they are cancelled when a test is over."""

    machine: SlurmMachine
    cluster: SlurmCluster
    jobs: list[tuple[str, JobId]] = field(default_factory=list)

    async def submit(
        self, limits: Limits = SMALL, hours: float = 1, user: str = KIM, **offer: str
    ) -> JobId:
        """Put a session in the queue; `offer` is of the fields of `Offer`."""
        wish: JobSpec = replace(
            spec(user),
            offer=Offer("wish", "A wish", "here", limits, **offer),
            hours=hours,
            argv=("/usr/bin/sleep", "1000"),
            attempt=len(self.jobs) + 1,
        )
        self.jobs.append((user, await self.cluster.submit(wish)))
        return self.jobs[-1][1]

    async def until(self, job: JobId, wanted: Callable[[Job], bool]) -> Job:
        """The job as soon as it is as wanted; fails after two minutes with what it is."""
        seen = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(120):
                # A reservation's end is looked at twice a minute.
                while seen is None or not wanted(seen):
                    await asyncio.sleep(0.1)
                    seen = (await self.cluster.snapshot()).get(job)
        assert seen is not None
        assert wanted(seen), seen
        return seen

    async def runs(self, job: JobId) -> None:
        await self.until(job, lambda seen: seen.state is JobState.RUNNING)

    async def waits(self, job: JobId, reason: str) -> str:
        """Why it waits, in words, once this is Slurm's reason."""
        seen = await self.until(job, lambda seen: seen.reason == reason)
        assert seen.state is JobState.WAITING
        return seen.why


@pytest.fixture
async def school(site: sites.SlurmSite) -> AsyncIterator[Class]:
    cluster = SlurmCluster(HUB, **site.cluster)
    each = Class(site.machine, cluster)
    yield each
    for user, job in each.jobs:
        await cluster.cancel(job, user)
        await each.until(job, lambda seen: seen.state is JobState.ENDED)


@pytest.mark.parametrize(
    ("wish", "sentence", "slurm_says"),
    [
        ({"account": "nowhere"}, NOT_YOURS, "Invalid account or account/partition combination"),
        ({"account": "staff"}, NOT_YOURS, "Invalid account or account/partition combination"),
        ({"partition": "allowaccounts"}, NOT_YOURS, "Invalid account or account/partition"),
        ({"partition": "allowgroups"}, NOT_YOURS, "User's group not permitted"),
        ({"partition": "allowqos"}, NOT_YOUR_OFFER, "Invalid qos specification"),
        ({"qos": "nowhere"}, NOT_YOUR_OFFER, "Invalid qos specification"),
        ({"qos": "staff"}, NOT_YOUR_OFFER, "Invalid qos specification"),
        (
            {"partition": "nowhere"},
            "This offer names a part of the cluster that does not exist. Please tell the "
            "operators; another offer may work now.",
            "Invalid partition name specified",
        ),
        ({"partition": "closed"}, CLOSED, "Required partition not available (inactive or drain)"),
        ({"limits": Limits(1, 256, {"h100": 3})}, TOO_LARGE, "Requested node configuration"),
        ({"limits": Limits(1, 256, {"a100": 1})}, TOO_LARGE, "Requested node configuration"),
        ({"limits": Limits(1, 256, shards=9)}, TOO_LARGE, "Requested node configuration"),
        ({"limits": GPU, **CPU}, TOO_LARGE, "Requested node configuration is not available"),
        ({"constraint": "a100"}, TOO_LARGE, "Invalid feature specification"),
        (
            {"limits": Limits(17, 256)},
            "No machine of the cluster has as many cores as this offer asks for. Please tell the "
            "operators; another offer may work now.",
            "CPU count per node can not be satisfied",
        ),
        (
            {"limits": Limits(1, 65536)},
            "No machine of the cluster gives as much memory as this offer asks for. Please tell "
            "the operators; another offer may work now.",
            "Memory specification can not be satisfied",
        ),
        (
            {"hours": 9},
            "The cluster does not allow sessions this long here. Ask for fewer hours.",
            "Requested time limit is invalid (missing or exceeds some limit)",
        ),
        (
            {"qos": "short", "hours": 1},
            "One session may not run this long here. Ask for fewer hours.",
            "QOSMaxWallDurationPerJobLimit",
        ),
        (
            {"qos": "small", "limits": GPUS},
            "You may not use more GPUs at once. End another session first, or choose a smaller "
            "offer.",
            "QOSMaxGRESPerUser",
        ),
        (
            {"qos": "slice", "limits": GPUS},
            "This is more GPUs than one session may have here. Choose a smaller offer.",
            "QOSMaxGRESPerJob",
        ),
        (
            {"qos": "gpu-only"},
            "Sessions of this kind must have more GPUs. Choose a larger offer.",
            "QOSMinGRES",
        ),
        (
            {"reservation": "nowhere"},
            "This offer uses a reservation of machines that does not exist, or has ended. Choose "
            "another offer.",
            "Requested reservation is invalid",
        ),
        (
            {"reservation": "theirs"},
            "This offer uses a reservation of machines that is not open to you. Choose another "
            "offer, or ask the course's instructor.",
            "Access denied to requested reservation",
        ),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
async def test_a_refusal_is_a_sentence_with_slurms_own_text(
    school: Class, wish: dict[str, Any], sentence: str, slurm_says: str
) -> None:
    with pytest.raises(SubmitRefused) as refused:
        await school.submit(**wish)
    assert refused.value.sentence == sentence
    assert slurm_says in refused.value.detail
    assert refused.value.detail.startswith("sbatch: error: ")


async def test_the_second_session_where_there_may_be_one(school: Class) -> None:
    await school.submit(qos="one")
    with pytest.raises(SubmitRefused) as refused:
        await school.submit(qos="one")
    assert refused.value.sentence == ("You may not have more sessions at once. End another first.")
    assert "QOSMaxSubmitJobPerUserLimit" in refused.value.detail


async def test_a_user_without_an_association(school: Class) -> None:
    school.machine.sacctmgr("delete", "user", LEE)
    try:
        with pytest.raises(SubmitRefused) as refused:
            await school.submit(user=LEE)
        assert refused.value.sentence == NOT_YOURS
    finally:
        school.machine.add_association(LEE, sites.COURSE_ACCOUNT)


@pytest.mark.parametrize(
    ("wish", "reason", "why"),
    [
        (
            {"partition": "down"},
            "PartitionDown",
            "this part of the cluster is closed at the moment",
        ),
        (
            {"qos": "fair", "limits": GPUS},
            "QOSMaxGRESPerUser",
            "you may not use more GPUs at once; end another session first, or choose a smaller "
            "offer",
        ),
        (
            {"qos": "share", "limits": GPUS},
            "QOSGrpGRES",
            "sessions of this kind may not use more GPUs at once",
        ),
        (
            {"qos": "account", "limits": GPUS},
            "MaxGRESPerAccount",
            "your group may not use more GPUs at once",
        ),
        ({"reservation": "yours", **CPU}, "Reservation", "waiting for a reservation to begin"),
    ],
    ids=["partition down", "GPUs of a user", "GPUs of a QOS", "GPUs of an account", "reservation"],
)
async def test_what_waits_says_why(
    school: Class, wish: dict[str, Any], reason: str, why: str
) -> None:
    assert await school.waits(await school.submit(**wish), reason) == why


async def test_what_waits_for_others_says_so(school: Class) -> None:
    for _ in range(2):
        await school.runs(await school.submit(GPUS, user=LEE))
    first, second = await school.submit(GPU), await school.submit(GPU)
    assert await school.waits(first, "Resources") == "waiting for a machine to become free"
    assert await school.waits(second, "Priority") == "others are before you in the queue"


async def test_what_waits_for_ones_own_sessions_says_so(school: Class) -> None:
    running = await school.submit(qos="turns")
    await school.runs(running)
    assert await school.waits(await school.submit(qos="turns"), "QOSMaxJobsPerUserLimit") == (
        "you may not have more sessions at once; end another first"
    )
    follower = await school.cluster.submit(
        replace(spec(KIM), argv=("/usr/bin/sleep", "1000"), attempt=9, after=running)
    )
    school.jobs.append((KIM, follower))
    assert await school.waits(follower, "Dependency") == "waiting for your other session to end"


async def test_limits_of_an_account_say_whose_they_are(school: Class) -> None:
    def limit(words: str) -> None:
        school.machine.sacctmgr("modify", "account", sites.COURSE_ACCOUNT, "set", words)

    cases = {
        "GrpTRES=gres/gpu=0": ("AssocGrpGRES", "your group may not use more GPUs at once"),
        "GrpTRESRunMins=gres/gpu=10": (
            "AssocGrpGRESRunMinutes",
            "your group may not book more computing time at once; ask for fewer hours",
        ),
        "MaxTRES=gres/gpu=0": (
            "AssocMaxGRESPerJob",
            "this is more GPUs than one session may have here; choose a smaller offer",
        ),
        "MaxJobs=0": (
            "AssocMaxJobsLimit",
            "you may not have more sessions at once; end another first",
        ),
    }
    for setting, (reason, why) in cases.items():
        limit(setting)
        try:
            assert await school.waits(await school.submit(GPU), reason) == why
        finally:
            limit(setting.rpartition("=")[0] + "=-1")


async def test_maintenance_lets_a_shorter_session_start(school: Class) -> None:
    nodes = school.machine.nodes[:3]
    school.machine.reserve("upkeep", nodes, users=["root"], starts="now+40minutes", flags=["MAINT"])
    try:
        long = await school.submit(GPU, hours=1)
        assert await school.waits(long, "ReqNodeNotAvail, Reserved for maintenance") == (
            "the machines it needs are closed for maintenance now or soon; a shorter session may "
            "still start before"
        )
        await school.runs(await school.submit(GPU, hours=0.5))
    finally:
        school.machine.unreserve("upkeep")


async def test_machines_of_others_and_machines_out_of_order(school: Class) -> None:
    nodes = school.machine.nodes[:2]
    school.machine.reserve("exam", nodes, users=["root"])
    try:
        job = await school.submit(GPU)
        assert await school.waits(job, "ReqNodeNotAvail, May be reserved for other job") == (
            "the machines it needs are kept for others now or soon; a shorter session may still "
            "start before"
        )
    finally:
        school.machine.unreserve("exam")
    await school.runs(job)
    await school.cluster.cancel(job, KIM)

    for node in nodes:
        school.machine.drain(node)
    try:
        job = await school.submit(GPU)
        assert await school.waits(job, "ReqNodeNotAvail, UnavailableNodes:gpu[1-2]") == (
            "the machines it needs are out of order or closed; another offer may start sooner"
        )
    finally:
        for node in nodes:
            school.machine.resume(node)
    await school.runs(job)


async def test_a_reservation_that_ends_lets_go_of_what_waited_for_it(school: Class) -> None:
    school.machine.reserve("brief", ["gpu4"], users=[KIM])
    whole = {"limits": Limits(16, 256), "reservation": "brief", **CPU}
    first, second = await school.submit(**whole), await school.submit(**whole)
    await school.runs(first)
    school.machine.command("scontrol", "update", "ReservationName=brief", "EndTime=now+1")
    assert await school.waits(second, "Reservation brief was deleted") == (
        "the reservation it waited for is gone; stop waiting, and start it again"
    )
    # Slurm ends what ran in it, whatever EndTime it told before.
    seen = await school.until(first, lambda seen: seen.state is JobState.ENDED)
    assert (seen.word, seen.why) == ("TIMEOUT", "its time was over")
    with pytest.raises(SubmitRefused) as refused:
        await school.submit(**whole)
    assert "does not exist, or has ended" in refused.value.sentence


async def test_what_scontrol_does_to_a_waiting_session_has_words(school: Class) -> None:
    job = await school.submit(partition="down")
    school.machine.command(
        "scontrol", "update", f"JobId={job}", "StartTime=now+1hour", "Partition=gpu"
    )
    assert await school.waits(job, "BeginTime") == (
        "the cluster lets it begin again in a few minutes"
    )
    school.machine.command("scontrol", "hold", job)
    assert await school.waits(job, "JobHeldAdmin") == (
        "an operator holds it back; please ask the operators"
    )
    school.machine.command("scontrol", "release", job)
    school.machine.command("scontrol", "hold", job, user=KIM)
    assert await school.waits(job, "JobHeldUser") == (
        "it is held back; stop waiting, and start it again"
    )


@pytest.mark.parametrize(
    ("setting", "back", "reason", "why"),
    [
        (
            "MaxTime=30",
            "MaxTime=8:00:00",
            "PartitionTimeLimit",
            "longer than this part of the cluster allows; ask for fewer hours",
        ),
        (
            "AllowQos=staff",
            "AllowQos=ALL",
            "PartitionConfig",
            "you may no longer use it here; stop waiting, and choose another offer",
        ),
        (
            "State=INACTIVE",
            "State=UP",
            "PartitionInactive",
            "this part of the cluster is closed at the moment",
        ),
    ],
)
async def test_a_partition_that_changes_under_a_waiting_session(
    school: Class, setting: str, back: str, reason: str, why: str
) -> None:
    job = await school.submit(partition="down")
    # It must not start before the partition has changed.
    later = ("StartTime=now+15", "Partition=gpu")
    school.machine.command("scontrol", "update", f"JobId={job}", *later)
    school.machine.command("scontrol", "update", "PartitionName=gpu", setting)
    try:
        assert await school.waits(job, reason) == why
    finally:
        school.machine.command("scontrol", "update", "PartitionName=gpu", back)

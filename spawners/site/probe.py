"""A small job that tries a node, from its submission to its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import LaunchError, Refused, SubmitRefused
from ..jobs import Cluster, Job, JobId, JobSpec, JobState, SessionKey
from ..offers import Limits, Offer
from . import node
from .findings import Finding, failed, ok, skipped, warning
from .hubconfig import Site

ENTRY, PROBE = "lesesal_notebook.session", "lesesal_notebook.session.probe"
SUFFIX = ".check"
HOURS = 0.1
MEMORY_MB = 1024
# Seconds that a started probe has, on a slow file system too.
RUN_SECONDS = 90.0
REACH_SECONDS = 5.0
LOOK_SECONDS = 0.5
MISSING_LOOKS = 6
LOG_LINES = 40


@dataclass
class Report:
    """How a probe went.

    Attributes:
        job: its id; empty when it was refused.
        seen: what the cluster said of it last; None when it never showed it.
        facts: what it told.
        log: the end of its log.
        offset: by how many seconds the node's clock is ahead; None without a connection to it.
        longer: why its time could not be lengthened; empty when it could; None when not tried.
        unreached: why the hub could not connect to the node; empty when it could, or did not try.
        problem: what kept it from being submitted or watched; None when nothing did.
        left: whether it could not be taken away again.
    """

    job: JobId = ""
    seen: Job | None = None
    facts: Sequence[node.Fact] = ()
    log: str = ""
    offset: float | None = None
    longer: str | None = None
    unreached: str = ""
    problem: LaunchError | None = None
    left: bool = False
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def complete(self) -> bool:
        """Whether the probe told all that it had to tell."""
        return node.first(self.facts, "done") is not None


def hub_name(hub_id: str) -> str:
    """What the check's jobs are called by: the hub ends those of its own name that it lost."""
    # 64 is the most that a hub's id may have (names.HUB_ID).
    return hub_id[: 64 - len(SUFFIX)] + SUFFIX


def command(cmd: Sequence[str], nonce: str) -> tuple[str, ...] | None:
    """The probe in the place of the session in ``c.ClusterSpawner.cmd``; None without one there."""
    if ENTRY not in cmd:
        return None
    place = list(cmd).index(ENTRY)
    return (*cmd[:place], PROBE, nonce)


def small(limits: Limits) -> Limits:
    """What a probe needs."""
    memory_mb = min(MEMORY_MB, limits.memory_mb)
    return Limits(1, memory_mb, hours=HOURS, more_hours=limits.more_hours)


def spec(site: Site, offer: Offer, username: str, number: int, nonce: str) -> JobSpec:
    """The probe's job, where the offer's sessions would run."""
    local = site.clusters[offer.cluster].get("type") == "local"
    environment = {
        "JUPYTERHUB_API_URL": site.api_url,
        "LESESAL_BIND": "127.0.0.1" if local else "0.0.0.0",  # noqa: S104 - the hub calls it
        "LESESAL_ROLE": "student",
        "LESESAL_ATTEMPT": "1",
        **({"LESESAL_CLASSROOM_URL": site.classroom_url} if site.classroom_url else {}),
    }
    return JobSpec(
        key=SessionKey(hub_name(site.hub_id), username, f"check-{number}"),
        username=username,
        offer=offer,
        hours=HOURS,
        argv=command(site.cmd, nonce) or (),
        environment=environment,
        # The probe asks for nothing that needs one.
        token="none",  # noqa: S106
    )


async def run(
    cluster: Cluster, wanted: JobSpec, nonce: str, wait: float, stop: asyncio.Event
) -> Report:
    """Submit the probe, follow it for `wait` seconds in the queue, and take it away again.

    Raises nothing for what the cluster does. It ends early when `stop` is set.
    """
    report = Report(nonce=nonce)
    try:
        report.job = await cluster.submit(wanted)
        await _follow(cluster, wanted, report, wait, stop)
    except LaunchError as problem:
        report.problem = problem
    finally:
        report.left = not await _take_away(cluster, wanted, report.job)
    return report


async def _follow(
    cluster: Cluster, wanted: JobSpec, report: Report, wait: float, stop: asyncio.Event
) -> None:
    began, started, missing = time.monotonic(), 0.0, 0
    while not stop.is_set():
        job = (await cluster.snapshot()).get(report.job)
        now = time.monotonic()
        if job is None:
            missing += 1
            if missing > MISSING_LOOKS:
                return
        else:
            report.seen = job
            if job.state is JobState.WAITING:
                if now - began > wait:
                    return
            else:
                started = started or now
                await _lengthen(cluster, wanted, job, report)
                await _listen(cluster, wanted, job, report)
                late = now - started > RUN_SECONDS
                if report.complete or job.state is JobState.ENDED or late:
                    return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_SECONDS)


async def _lengthen(cluster: Cluster, wanted: JobSpec, job: Job, report: Report) -> None:
    offered = wanted.offer.limits.more_hours
    if not offered or report.longer is not None or job.state is not JobState.RUNNING:
        return
    try:
        await cluster.extend(job.id, wanted.username, HOURS)
        report.longer = ""
    except Refused as refused:
        report.longer = refused.detail or refused.sentence


async def _listen(cluster: Cluster, wanted: JobSpec, job: Job, report: Report) -> None:
    report.log = await cluster.log_tail(wanted.key, wanted.attempt, wanted.username, LOG_LINES)
    report.facts = node.parse_facts(report.log)
    listening = node.first(report.facts, "listening")
    tried = report.offset is not None or report.unreached
    if listening and not tried and job.state is JobState.RUNNING:
        try:
            report.offset = await _meet(job.node, listening["port"], report.nonce)
        except (OSError, ValueError) as error:
            report.unreached = str(error) or "no answer"


async def _meet(host: str, port: int, nonce: str) -> float:
    """Connect to the probe; return by how many seconds its clock is ahead of ours, at least: when
    between our question and its answer it told the time, and who was held up there, nobody knows.

    Raises OSError when it can't be reached, ValueError when somebody else answers.
    """
    try:
        async with asyncio.timeout(REACH_SECONDS):
            before = time.time()
            reader, writer = await asyncio.open_connection(host, port)
            try:
                line = await reader.readline()
                after = time.time()
            finally:
                writer.close()
    except socket.gaierror as error:
        raise OSError(f"the name {host} does not resolve here: {error.strerror}") from error
    except TimeoutError:
        raise OSError(f"{host} port {port} did not answer in {REACH_SECONDS:.0f} s") from None
    told = json.loads(line)
    if not isinstance(told, dict) or told.get("nonce") != nonce:
        raise ValueError(f"somebody else answers at {host} port {port}")
    theirs = float(told["time"])
    return theirs - min(max(theirs, before), after)


async def _take_away(cluster: Cluster, wanted: JobSpec, known: JobId) -> bool:
    """End all jobs of the probe, also one whose id we were not told; whether nothing is left."""
    try:
        jobs = await cluster.snapshot()
        left = {job.id for job in jobs.values() if job.key == wanted.key and job.alive}
        # The cluster may not show it to us; and an ended one is no error.
        if known and known not in jobs:
            left.add(known)
        for job in left:
            await cluster.cancel(job, wanted.username)
        await cluster.forget(wanted.key, wanted.username)
    except LaunchError:
        return False
    return True


def findings(
    report: Report, versions: Mapping[str, str], wait: float, *, internal_ssl: bool = False
) -> Iterator[Finding]:
    """What a probe's report means."""
    yield _start(report, wait)
    if node.first(report.facts, "listening"):
        yield _met(report)
    if report.offset is not None:
        yield node.clock(report.offset)
    yield from node.findings(report.facts, versions, internal_ssl=internal_ssl)
    if report.longer is not None:
        yield _longer(report.longer)
    if report.left:
        yield warning(
            "clean-up",
            f"job {report.job or '(unknown)'} could not be ended.",
            f"Run: scancel {report.job}" if report.job else "Look for it in squeue.",
        )


def _start(report: Report, wait: float) -> Finding:
    name, job = "probe", report.seen
    if isinstance(report.problem, SubmitRefused):
        return failed(
            name,
            f"the cluster did not take a small job: {report.problem.sentence}",
            "See to the offer's partition, account and QOS, and to the user's rights there.",
            report.problem.detail,
        )
    if report.problem is not None:
        return failed(
            name,
            "the cluster stopped answering meanwhile.",
            "See whether slurmctld runs and answers, then check again.",
            report.problem.detail,
        )
    if job is None:
        return failed(
            name,
            f"job {report.job} was submitted, but squeue does not show it to this account.",
            "With PrivateData=jobs in slurm.conf the hub's account must be an operator: "
            "sacctmgr modify user HUB set adminlevel=Operator.",
        )
    if job.state is JobState.WAITING:
        return warning(
            name,
            f"job {job.id} did not start within {wait:.0f} s: {job.why or job.reason}. "
            "No node was tried.",
            "Check again when there is room, or with a longer --wait.",
        )
    where = f"job {job.id} on {job.node}"
    if report.facts and (report.complete or node.first(report.facts, "settings")):
        python = node.first(report.facts, "python")
        version = f", with Python {python['version']}" if python else ""
        return ok(name, f"{where} started{version}.")
    if not report.log:
        return failed(
            name,
            f"{where} {'ended' if job.state is JobState.ENDED else 'runs'}, but the log that it "
            "should write in the user's home is not seen here.",
            "Homes must be the same on the hub's machine and on the nodes, and the user must be "
            "able to write there.",
        )
    if job.state is JobState.ENDED:
        code = "" if job.exit_code is None else f" with exit code {job.exit_code}"
        return failed(
            name,
            f"{where} ended{code} before it had tried all.",
            "See that c.ClusterSpawner.cmd names the session side, in a folder that all nodes "
            "have, and that it is installed there.",
            "\n".join(report.log.splitlines()[-5:]),
        )
    return failed(
        name,
        f"{where} did not come to an end within {RUN_SECONDS:.0f} s.",
        "Look at what hangs on that node: its file systems, its name service.",
        "\n".join(report.log.splitlines()[-5:]),
    )


def _met(report: Report) -> Finding:
    name = "hub to node"
    if report.unreached:
        return failed(
            name,
            f"the hub can't reach the session: {report.unreached}.",
            "The hub and the proxy connect to nodes by the names that Slurm gives them, on ports "
            "above 1024: see to name service and firewall.",
        )
    if report.offset is None:
        return skipped(name, "the probe ended before it could be tried.")
    node_name = report.seen.node if report.seen else "the node"
    return ok(name, f"the hub reaches a port of {node_name}.")


def _longer(problem: str) -> Finding:
    name = "more hours"
    if not problem:
        return ok(name, "a session that runs can be lengthened.")
    return warning(
        name,
        "a session that runs can't be lengthened; who asks for more hours is booked a second one, "
        "with kernels that start anew.",
        "Make the hub's account an operator of Slurm: sacctmgr modify user HUB set "
        "adminlevel=Operator.",
        problem,
    )

"""A job that pretends to be somebody else's session, on the real Slurm."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from places import Place, slurm_place
from slurm_site import SlurmSite

from spawners.jobs import Job, JobId, JobState, write_comment

pytestmark = pytest.mark.slurm


@pytest.fixture
async def place(slurm_site: SlurmSite) -> AsyncIterator[Place]:
    place = slurm_place(slurm_site)
    yield place
    slurm_site.machine.command("scancel", *(f"--user={user}" for user in slurm_site.users[:2]))
    await place.cluster.forget(place.spec.key, place.spec.username)


async def seen(place: Place, *wanted: JobId) -> dict[JobId, Job]:
    """The next look that has all of these jobs, running."""
    async with asyncio.timeout(30):
        while True:
            jobs = dict(await place.cluster.snapshot())
            if all(job in jobs and jobs[job].state is JobState.RUNNING for job in wanted):
                return jobs
            await asyncio.sleep(0.1)


async def test_a_comment_with_line_ends_adds_no_job_and_changes_none(
    place: Place, slurm_site: SlurmSite
) -> None:
    victim = await place.cluster.submit(place.running("import time; time.sleep(120)"))
    before = (await seen(place, victim))[victim]
    comment = write_comment(place.spec.key, 1)
    # As squeue would print them: the victim's job elsewhere, ended, and one that is not there.
    lines = [
        f"{victim}|RUNNING|None|gpu4|0|1|1|1|0|{place.spec.username}|{comment}|",
        f"{victim}|FAILED|None|gpu4|256|1|1|1|0|{place.spec.username}|{comment}|",
        f"999999|RUNNING|None|gpu4|0|1|1|1|0|{place.spec.username}|{comment}|",
    ]
    forger = slurm_site.users[1]
    for end in ("\n", "\r", "\x0b", "\N{LINE SEPARATOR}"):
        slurm_site.machine.command(
            "sbatch", "--job-name=lesesal-contract", f"--comment={comment}|{end}{end.join(lines)}",
            user=forger, stdin="#!/bin/sh\nsleep 120\n",
        )  # fmt: skip
    forged = slurm_site.machine.command(
        "sbatch", "--parsable", "--job-name=lesesal-contract", f"--comment={comment}",
        user=forger, stdin="#!/bin/sh\nsleep 120\n",
    ).stdout.strip()  # fmt: skip
    jobs = await seen(place, victim, forged)
    assert jobs[victim] == before
    assert "999999" not in jobs
    # Who claims another's session in one plain line is seen under his own account.
    assert {job.username for id_, job in jobs.items() if id_ != victim} == {forger}

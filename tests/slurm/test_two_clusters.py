"""One site with two Slurms, the same users, hub account and rule: one may fail, the other not."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
import slurm_site as sites
from places import HUB, spec

from spawners.errors import ClusterSilent
from spawners.jobs import Job, JobSpec, JobState
from spawners.slurm import SlurmCluster

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

CLUSTERS = ("lesesal", "olivia")
# No other site's user: a site takes its own away.
USER = "both-kim"


@pytest.fixture
def site() -> Iterator[sites.SlurmSite]:
    if missing := sites.missing():
        pytest.skip("No real Slurm here: " + " ".join(missing))
    with sites.slurm_site((USER,), CLUSTERS) as running:
        yield running


async def until(cluster: SlurmCluster, job: str, state: JobState) -> Job:
    """The job as soon as it is in this state; fails after 30 s."""
    async with asyncio.timeout(30):
        while (seen := (await cluster.snapshot()).get(job)) is None or seen.state is not state:
            await asyncio.sleep(0.1)
    return seen


async def test_jobs_run_on_both_and_one_may_be_away(site: sites.SlurmSite) -> None:
    sleeping: JobSpec = replace(spec(USER), argv=("/usr/bin/sleep", "1000"))
    first, second = (SlurmCluster(HUB, **options) for options in site.clusters.values())
    jobs = [await cluster.submit(sleeping) for cluster in (first, second)]
    nodes = [
        (await until(cluster, job, JobState.RUNNING)).node
        for cluster, job in zip((first, second), jobs, strict=True)
    ]
    assert nodes[0] in site.machines["lesesal"].nodes
    assert nodes[1] in site.machines["olivia"].nodes

    site.machines["olivia"].stop_controller()
    with pytest.raises(ClusterSilent):
        await second.snapshot()
    another = await first.submit(replace(sleeping, attempt=2))
    await until(first, another, JobState.RUNNING)

    site.machines["olivia"].start_controller()
    assert (await until(second, jobs[1], JobState.RUNNING)).node == nodes[1]
    for cluster, job in ((first, jobs[0]), (first, another), (second, jobs[1])):
        await cluster.cancel(job, USER)
        await until(cluster, job, JobState.ENDED)

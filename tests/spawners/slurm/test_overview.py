"""What `SlurmCluster` tells of a real Slurm that is in use, as its hub's account sees it."""

import asyncio
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from places import HUB, spec
from slurm import system
from slurm_machine import SlurmMachine
from slurm_site import SlurmSite

from spawners.errors import SubmitRefused
from spawners.jobs import JobSpec
from spawners.offers import Limits
from spawners.overview import Count, Node
from spawners.slurm import SlurmCluster
from spawners.slurm.argv import extend_argv

pytestmark = pytest.mark.slurm

# What a small program, run by the hub's account, does with a cluster.
AS_HUB = """
import asyncio, json, sys
from spawners.errors import LaunchError
from spawners.slurm import SlurmCluster
cluster = SlurmCluster(**json.loads(sys.argv[1]))
try:
    arguments = [json.loads(each) for each in sys.argv[3:]]
    print(repr(asyncio.run(getattr(cluster, sys.argv[2])(*arguments))))
except LaunchError as error:
    print(type(error).__name__, error.sentence, error.detail, sep="\\n")
"""


@pytest.fixture
def site(slurm_site: SlurmSite) -> Iterator[SlurmSite]:
    """The site with nothing running, before and after."""
    _empty(slurm_site)
    yield slurm_site
    _empty(slurm_site)


def _empty(site: SlurmSite) -> None:
    machine = site.machine
    jobs = machine.command("squeue", "--noheader", "-o", "%A").stdout.split()
    if jobs:
        machine.command("scancel", *jobs)
    assert system.until(lambda: not machine.command("squeue", "--noheader").stdout)


def submit(site: SlurmSite, *options: str) -> str:
    argv = ("sbatch", "--parsable", "--output=/dev/null", "--time=60", *options)
    return site.machine.command(
        *argv, stdin="#!/bin/sh\nexec sleep 600\n", user=site.users[0]
    ).stdout.strip()


def state(site: SlurmSite, job: str) -> str:
    return site.machine.command("squeue", "--noheader", f"--jobs={job}", "-o", "%T %r").stdout


def run_all(site: SlurmSite, *jobs: str) -> None:
    """Wait until these jobs run."""
    for job in jobs:
        assert system.until(lambda job=job: state(site, job).startswith("RUNNING")), state(
            site, job
        )


def as_hub(site: SlurmSite, method: str, *arguments: object) -> str:
    settings = json.dumps({"hub": HUB, **site.cluster})
    return subprocess.run(
        [*site.as_hub(), site.deployed.hub, "-I", "-c", AS_HUB, settings, method,
         *map(json.dumps, arguments)],
        check=True, capture_output=True, text=True, cwd="/", timeout=60,
    ).stdout  # fmt: skip


def cluster(site: SlurmSite) -> SlurmCluster:
    return SlurmCluster(HUB, **site.cluster)


def wish(site: SlurmSite, **fields: Any) -> JobSpec:
    """A session of an hour: limits and words of the offer by name."""
    words = {name: fields.pop(name) for name in ("partition", "reservation") if name in fields}
    small = spec(site.users[0])
    limits = Limits(1, 256, hours=1, **fields)
    return replace(small, offer=replace(small.offer, limits=limits, **words))


def test_what_is_in_use_is_not_free_by_kind_slice_and_share(site: SlurmSite) -> None:
    jobs = [
        submit(site, "--gres=gpu:h100:1", "--nodelist=gpu1", "--mem=4000"),
        submit(site, "--gres=shard:3", "--nodelist=gpu1", "--mem=1000"),
        submit(site, "--gres=shard:1", "--nodelist=gpu2", "--mem=1000"),
        submit(site, "--gres=shard:2", "--nodelist=gpu2", "--mem=1000"),
        submit(site, "--gres=gpu:1", "--nodelist=gpu3", "--mem=1000"),
        submit(site, "--gres=gpu:1g.10gb:2", "--mem=1000"),
        submit(site, "--partition=cpu", "--cpus-per-task=10", "--mem=20000"),
    ]
    run_all(site, *jobs)
    # Slurm says the same.
    look = asyncio.run(cluster(site).overview())
    now = {"h100": 1}, {"1g.10gb": 1}, {"": 1}
    later = {"h100": 2}, {"1g.10gb": 2}
    for gpus in (*now, *later):
        wanted = wish(site, gpus=gpus)
        assert look.could_start_now(wanted.offer) is (gpus in now)
        starts = asyncio.run(cluster(site).expected_start(wanted))
        assert starts is not None
        assert (starts < time.time() + 60) is (gpus in now)
    held = submit(site, "--hold", "--gres=gpu:h100:1")
    first = submit(site, "--gres=gpu:h100:2")
    second = submit(site, "--gres=gpu:h100:2")
    elsewhere = submit(site, "--partition=cpu", "--cpus-per-task=16", "--mem=1000")
    assert system.until(lambda: "Resources" in state(site, first)), state(site, first)

    look = asyncio.run(cluster(site).overview())
    assert look.nodes == (
        Node("gpu1", ("gpu",), True, Count(14, 16), Count(59000, 64000), {"h100": Count(0, 2)},
             shards=Count(1, 8), shards_of_one=Count(1, 4)),
        Node("gpu2", ("gpu",), True, Count(14, 16), Count(62000, 64000), {"h100": Count(1, 2)},
             shards=Count(5, 8), shards_of_one=Count(4, 4)),
        Node("gpu3", ("gpu",), True, Count(14, 16), Count(62000, 64000),
             {"1g.10gb": Count(1, 4)}),
        Node("gpu4", ("closed", "cpu", "down"), True, Count(6, 16), Count(44000, 64000)),
    )  # fmt: skip
    assert (look.default_partition, look.closed) == ("gpu", {"closed", "down"})
    assert {each.id for each in look.queue} == {first, second, elsewhere}
    assert [look.place(job) for job in (first, second, elsewhere, held)] == [1, 2, 1, None]
    # Nobody is shown less for having no rights.
    seen = as_hub(site, "overview")
    assert words(seen) == words(repr(look))


def words(overview: str) -> list[str]:
    """An overview's words; a set's have no order, and each look has its own time.

    When a job starts, Slurm may have planned between two looks.
    """
    return sorted(re.findall(r"[\w.']+", re.sub(r"(at|starts)=[\w.]+", "", overview)))


def questions(site: SlurmSite) -> int:
    """How often Slurm has been asked by the hub's account."""
    text = site.machine.command("sdiag").stdout.partition("statistics by user")[2]
    line = re.search(rf"{site.account}\s.*?count:(\d+)", text)
    return int(line[1]) if line else 0


def test_slurm_is_asked_as_often_whatever_waits(site: SlurmSite) -> None:
    asked = []
    for jobs in (0, 1, 40):
        for _ in range(jobs):
            submit(site, "--partition=down")
        before = questions(site)
        as_hub(site, "overview")
        asked.append(questions(site) - before)
    assert len(set(asked)) == 1
    assert asked[0] > 0


def test_machines_that_are_away_or_kept_for_others_start_nothing(site: SlurmSite) -> None:
    machine, ours = site.machine, wish(site, gpus={"1g.10gb": 1})
    reserve = ("scontrol", "create", "reservation", "duration=60", "nodes=gpu3")
    whose = f"users={site.users[1]}"

    def told() -> tuple[bool, int, bool]:
        look = asyncio.run(cluster(site).overview())
        starts = asyncio.run(cluster(site).expected_start(ours))
        free = look.gpus(ours.offer)["1g.10gb"]
        assert free.total == 4
        return look.could_start_now(ours.offer), free.free, starts is not None

    assert told() == (True, 4, True)
    machine.drain("gpu3")
    try:
        assert told() == (False, 0, False)
    finally:
        machine.resume("gpu3")
    machine.command(*reserve, "reservation=class", "starttime=now", whose)
    try:
        assert told() == (False, 0, False)
        look = asyncio.run(cluster(site).overview())
        kept = wish(site, gpus={"1g.10gb": 1}, reservation="class")
        assert look.could_start_now(kept.offer)
        assert [(each.name, each.active, each.nodes, each.maintenance, each.names)
                for each in look.reservations] == [("class", True, 1, False, {"gpu3"})]  # fmt: skip
        assert look.reservations[0].ends - look.reservations[0].starts == 3600
        with pytest.raises(SubmitRefused):
            asyncio.run(cluster(site).expected_start(kept))
    finally:
        machine.command("scontrol", "delete", "reservation=class")
    machine.command(*reserve, "reservation=upkeep", "starttime=now+30minutes", "users=root",
                    "flags=maint")  # fmt: skip
    try:
        assert told() == (False, 4, False)
        look = asyncio.run(cluster(site).overview())
        assert look.could_start_now(ours.offer, hours=0.25)
        assert [(each.active, each.maintenance) for each in look.reservations] == [(False, True)]
    finally:
        machine.command("scontrol", "delete", "reservation=upkeep")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"gpus": {"h100": 3}}, "No machine of the cluster has what this offer asks for."),
        ({"gpus": {"a100": 1}}, "No machine of the cluster has what this offer asks for."),
        ({"shards": 5}, "No machine of the cluster has what this offer asks for."),
        ({"partition": "nope"}, "This offer names a part of the cluster that does not exist."),
        ({"partition": "closed"}, "This part of the cluster is closed at the moment."),
        ({"reservation": "nope"}, "This offer uses a reservation"),
    ],
)
def test_what_it_would_not_take_is_refused_without_being_submitted(
    site: SlurmSite, fields: dict[str, Any], sentence: str
) -> None:
    known = set(asyncio.run(cluster(site).snapshot()))
    with pytest.raises(SubmitRefused) as refused:
        asyncio.run(cluster(site).expected_start(wish(site, **fields)))
    assert refused.value.sentence.startswith(sentence)
    assert refused.value.detail
    assert set(asyncio.run(cluster(site).snapshot())) == known


def test_a_hub_that_is_no_operator_is_told_that_it_may_not_lengthen(site: SlurmSite) -> None:
    job = submit(site)
    run_all(site, job)
    assert as_hub(site, "extend", job, site.users[0], 1) == (
        "Refused\n"
        "This cluster does not let the hub lengthen sessions. Save your work, and start a new "
        "session after this one.\n"
        f"Invalid user id for job {job}\n"
    )


@pytest.mark.skipif(
    bool(SlurmMachine.missing(accounting=True)),
    reason=" ".join(SlurmMachine.missing(accounting=True)),
)
def test_a_hub_that_is_an_operator_lengthens_the_jobs_of_others() -> None:
    folder = Path(tempfile.mkdtemp(prefix="ls-"))
    with SlurmMachine.start(folder, accounting=True) as machine:
        machine.add_users(["lesesal-hub", "lesesal-kim"])
        machine.add_account("students")
        machine.add_association("lesesal-kim", "students")
        machine.operator("lesesal-hub")
        words = ("sbatch", "--parsable", "--hold", "--output=/dev/null", "--time=60")
        job = machine.command(*words, stdin="#!/bin/sh\n", user="lesesal-kim").stdout.strip()
        machine.command(*extend_argv(job, 1.5), user="lesesal-hub")
        limit = machine.command("squeue", "--noheader", f"--jobs={job}", "-o", "%l").stdout
    assert limit.strip() == "2:30:00"

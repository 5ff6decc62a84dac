"""The life of sessions on a real Slurm: the hub killed, the cluster failing, jobs moved and ended.

Sessions are `stub_session` where what they serve is no matter; the hub, its proxy, Slurm, sudo and
the launcher are real.
"""

import json
import shutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stub_session
from hubs import Hub, running_hub, until
from slurm_machine import SlurmMachine
from slurm_site import SlurmSite

pytestmark = pytest.mark.slurm

HUB_ID = "life-test"
CONFIG = """
from spawners.hub import ClusterSpawner
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "life-test"
c.ClusterSpawner.clusters = {{"one": {{"type": "slurm", "conf": "{conf}"}}}}
c.ClusterSpawner.offers = {{
    "cpu": {{"title": "A core", "cluster": "one", "partition": "cpu", "more_hours": 1}},
    "gpu": {{"title": "All GPUs", "cluster": "one", "partition": "gpu", "gpus": {{"h100": 2}},
             "cpus": 16}},
    "waits": {{"title": "Waits", "cluster": "one", "partition": "down"}},
}}
c.ClusterSpawner.cmd = {cmd}
c.ClusterSpawner.default_url = "/lab"
c.ClusterSpawner.start_timeout = 30
c.ClusterSpawner.orphan_grace = 3
c.JupyterHub.cleanup_servers = False
c.JupyterHub.concurrent_spawn_limit = 2
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
"""


@pytest.fixture(scope="module")
def hub(slurm_site: SlurmSite) -> Iterator[Hub]:
    stub = slurm_site.deployed.hub.parents[2] / "stub_session.py"
    shutil.copy(stub_session.__file__, stub)
    cmd = ["/usr/bin/python3", str(stub)]
    with running_hub(
        slurm_site.home,
        CONFIG.format(conf=slurm_site.machine.conf, cmd=cmd),
        slurm_site.deployed.hub,
        slurm_site.as_hub(),
    ) as running:
        for user in slurm_site.users:
            running.api("POST", f"users/{user}")
        yield running


@pytest.fixture
def users(hub: Hub, slurm_site: SlurmSite) -> Iterator[tuple[str, ...]]:
    """People without sessions; none is left afterwards."""
    yield slurm_site.users
    slurm_site.machine.command("scontrol", "update", "PartitionName=down", "State=DOWN")
    for user in slurm_site.users:
        hub.api("DELETE", f"users/{user}/servers/ai")
    until(lambda: jobs(slurm_site.machine) == {}, "no job is left")
    # The hub takes a moment longer, and refuses a new one meanwhile.
    for user in slurm_site.users:
        until(lambda user=user: hub.server(user, "ai") is None, "the hub knows")


def start(hub: Hub, user: str, offer: str) -> None:
    answer = hub.api("POST", f"users/{user}/servers/ai", json={"user_options": {"offer": offer}})
    assert answer.status_code in {201, 202}, answer.text


def told(hub: Hub, user: str) -> dict[str, Any]:
    answer: dict[str, Any] = hub.api("GET", f"session/{user}/ai").json()
    return answer


def jobs(machine: SlurmMachine, *states: str) -> dict[str, str]:
    """Owner by job of this hub's jobs that wait or run."""
    lines = machine.command(
        "squeue", "--noheader", f"--name=lesesal-{HUB_ID}", "-o", "%A %u %T",
        f"--states={','.join(states or ('PENDING', 'CONFIGURING', 'RUNNING', 'COMPLETING'))}",
    ).stdout.split("\n")  # fmt: skip
    return {line.split()[0]: line.split()[1] for line in lines if line}


def moment(machine: SlurmMachine, job: str, field: str) -> int:
    """When a job began (``%S``) or ended (``%e``), in seconds since 1970."""
    argv = ("squeue", "--noheader", "--states=all", f"--jobs={job}", "-o", field)
    return int(machine.command("env", "SLURM_TIME_FORMAT=%s", *argv).stdout)


def answer_of(hub: Hub, user: str) -> dict[str, Any]:
    """What the session says, through the proxy."""
    answer: dict[str, Any] = httpx.get(f"{hub.url}/user/{user}/ai/api", timeout=60).json()
    return answer


def test_kill_9_while_one_waits_one_boots_and_one_runs(
    hub: Hub, users: tuple[str, ...], slurm_site: SlurmSite
) -> None:
    waits, boots, runs = users[:3]
    start(hub, runs, "cpu")
    hub.until_ready(runs, "ai")
    before = answer_of(hub, runs)
    start(hub, waits, "waits")
    until(lambda: told(hub, waits)["phase"] == "waiting", "one waits")
    start(hub, boots, "cpu")
    until(lambda: boots in jobs(slurm_site.machine).values(), "the third is submitted")
    hub.kill()
    known = jobs(slurm_site.machine)
    assert sorted(known.values()) == sorted([waits, boots, runs])
    hub.start()
    hub.until_ready(runs, "ai")
    hub.until_ready(boots, "ai")
    assert answer_of(hub, runs) == before
    assert told(hub, waits)["phase"] == "waiting"
    assert jobs(slurm_site.machine) == known
    # What waited has kept its place, and comes up in its own job.
    slurm_site.machine.command("scontrol", "update", "PartitionName=down", "State=UP")
    hub.until_ready(waits, "ai")
    assert known[answer_of(hub, waits)["job"]] == waits
    assert jobs(slurm_site.machine) == known
    # And a second restart finds all of them up.
    hub.kill()
    hub.start()
    for user in (waits, boots, runs):
        hub.until_ready(user, "ai")
    assert jobs(slurm_site.machine) == known


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.3, 0.8, 1.5])
def test_whenever_the_hub_is_killed_there_is_one_job_or_none(
    hub: Hub, users: tuple[str, ...], slurm_site: SlurmSite, delay: float
) -> None:
    user = users[0]
    start(hub, user, "cpu")
    time.sleep(delay)  # the moment is what is tried here
    hub.kill()
    hub.start()
    until(lambda: (hub.server(user, "ai") or {}).get("pending") is None, "the hub has settled")
    server = hub.server(user, "ai")
    if server is not None and server["ready"]:
        assert jobs(slurm_site.machine) == {answer_of(hub, user)["job"]: user}
    else:
        until(lambda: jobs(slurm_site.machine) == {}, "the orphan is ended")


def test_a_job_without_a_session_is_ended_and_nobody_elses(
    hub: Hub, users: tuple[str, ...], slurm_site: SlurmSite
) -> None:
    user = users[0]

    def sbatch(name: str, comment: str) -> str:
        return slurm_site.machine.command(
            "sbatch", "--parsable", f"--job-name={name}", f"--comment={comment}",
            "--partition=cpu", "--output=/dev/null", "--wrap=sleep 300", user=user,
        ).stdout.strip()  # fmt: skip

    # A hub begins to look when it has sessions, or when somebody opens the home page.
    assert hub.api("GET", f"session/{user}").status_code == 200
    orphan = sbatch(f"lesesal-{HUB_ID}", f"hub={HUB_ID}&user={user}&server=ai&attempt=1")
    others = {
        sbatch(f"lesesal-{HUB_ID}", "my own"),
        sbatch(f"lesesal-{HUB_ID}", f"hub=another&user={user}&server=ai&attempt=1"),
        sbatch("lesesal-another", f"hub={HUB_ID}&user={user}&server=ai&attempt=1"),
        sbatch("training", ""),
    }
    try:
        until(lambda: orphan not in jobs(slurm_site.machine), "the orphan is ended")
        left = slurm_site.machine.command(
            "squeue", "--noheader", f"--user={user}", "--states=PENDING,CONFIGURING,RUNNING",
            "-o", "%A",
        ).stdout.split()  # fmt: skip
        assert others <= set(left)
    finally:
        slurm_site.machine.command("scancel", *others)


@pytest.mark.slow
def test_a_session_comes_back_when_its_job_is_put_in_the_queue_again(
    hub: Hub, users: tuple[str, ...], slurm_site: SlurmSite
) -> None:
    user = users[0]
    start(hub, user, "cpu")
    hub.until_ready(user, "ai")
    first = answer_of(hub, user)
    slurm_site.machine.command("scontrol", "requeue", first["job"])
    until(lambda: told(hub, user)["phase"] == "returning", "it is told that it comes back")
    page = httpx.get(f"{hub.url}/user/{user}/ai/lab", follow_redirects=True, timeout=60)
    assert page.status_code in {200, 403}, "the hub answers, not a dead address"
    # Slurm keeps it back for a while (2 minutes); nobody needs to wait for that here.
    slurm_site.machine.begin_now(first["job"])
    hub.until_ready(user, "ai")
    second = answer_of(hub, user)
    assert (second["job"], second["started"] > first["started"]) == (first["job"], True)


@pytest.mark.slow
def test_a_node_that_fails_costs_a_session_its_kernels_and_not_its_address(
    hub: Hub, users: tuple[str, ...], slurm_site: SlurmSite
) -> None:
    user, machine = users[0], slurm_site.machine
    start(hub, user, "gpu")
    hub.until_ready(user, "ai")
    first = answer_of(hub, user)
    node = machine.command("squeue", "--noheader", "-j", first["job"], "-o", "%N").stdout.strip()
    machine.fail_node(node)
    try:
        until(lambda: told(hub, user)["phase"] == "returning", "it is told that it comes back")
        machine.begin_now(first["job"])
        hub.until_ready(user, "ai")
        second = answer_of(hub, user)
        assert second["job"] == first["job"]
        assert second["started"] > first["started"]
        elsewhere = machine.command("squeue", "--noheader", "-j", first["job"], "-o", "%N")
        assert elsewhere.stdout.strip() != node
    finally:
        machine.start_node(node)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_a_cluster_that_does_not_answer_loses_nobody_and_is_told(
    hub: Hub, users: tuple[str, ...], slurm_site: SlurmSite, how: str
) -> None:
    waits, runs = users[:2]
    machine = slurm_site.machine
    start(hub, runs, "cpu")
    hub.until_ready(runs, "ai")
    start(hub, waits, "waits")
    until(lambda: told(hub, waits)["phase"] == "waiting", "one waits")
    known = jobs(slurm_site.machine)
    began = time.time()
    if how == "stopped":
        machine.stop_controller()
    else:
        machine.hang_controller()
    try:
        until(lambda: told(hub, waits)["silent_since"] is not None, "it is told")
        # Whoever looked last may have begun a little before.
        assert began - 15 < told(hub, waits)["silent_since"] <= time.time()
        assert told(hub, waits)["news"] == (
            "The cluster does not answer at the moment. Nothing is lost; we keep asking."
        )
        assert answer_of(hub, runs)["job"]
        # Also a hub that starts now loses nobody.
        hub.kill()
        hub.start()
        hub.until_ready(runs, "ai")
        assert told(hub, waits)["pending"]
    finally:
        if how == "stopped":
            machine.start_controller()
        else:
            machine.wake_controller()
    until(lambda: told(hub, waits)["silent_since"] is None, "it answers again")
    assert (told(hub, waits)["phase"], jobs(slurm_site.machine)) == ("waiting", known)


@pytest.mark.parametrize("offer", ["waits", "cpu"])
def test_a_cancelled_job_is_noticed_with_its_reason(
    hub: Hub, users: tuple[str, ...], slurm_site: SlurmSite, offer: str
) -> None:
    user = users[0]
    start(hub, user, offer)
    if offer == "cpu":
        hub.until_ready(user, "ai")
    else:
        until(lambda: told(hub, user)["phase"] == "waiting", "it waits")
    [job] = jobs(slurm_site.machine)
    slurm_site.machine.command("scancel", job)
    began = time.monotonic()
    until(lambda: told(hub, user)["last"], "it is noticed")
    # Less than the half minute after which JupyterHub asks by itself; seconds where it is idle.
    assert time.monotonic() - began < 25
    assert "cancelled" in told(hub, user)["last"]["sentence"]


@pytest.mark.slow
def test_another_offer_is_tried_and_the_place_kept_until_it_runs(
    hub: Hub, users: tuple[str, ...], slurm_site: SlurmSite
) -> None:
    user, machine = users[0], slurm_site.machine
    full = machine.command(
        "sbatch", "--parsable", "--array=1-2", "--partition=gpu", "--gres=gpu:h100:2",
        "--cpus-per-task=16", "--output=/dev/null", "--wrap=sleep 120",
    ).stdout.strip()  # fmt: skip
    try:
        start(hub, user, "gpu")
        until(lambda: told(hub, user)["others"], "another offer could start now")
        assert told(hub, user)["others"] == [{"offer": "cpu", "title": "A core"}]
        until(lambda: told(hub, user)["place"] == 1, "the place is told")
        [first] = jobs(machine)
        answer = hub.api("POST", f"session/{user}/ai/switch", json={"offer": "cpu"})
        assert answer.json()["switching_to"] == "A core", answer.text
        hub.until_ready(user, "ai")
        second = answer_of(hub, user)["job"]
        assert second != first
        until(lambda: first not in jobs(machine), "the first place is given back")
        assert moment(machine, first, "%e") >= moment(machine, second, "%S")
    finally:
        machine.command("scancel", full)


@pytest.mark.slow
def test_a_session_that_can_not_be_lengthened_is_followed_by_another(
    hub: Hub, users: tuple[str, ...], slurm_site: SlurmSite
) -> None:
    user, machine = users[0], slurm_site.machine
    start(hub, user, "cpu")
    hub.until_ready(user, "ai")
    first = answer_of(hub, user)["job"]
    # Also by a hub that has no token any more.
    hub.kill()
    hub.start()
    hub.until_ready(user, "ai")
    assert told(hub, user)["more"] == {"hours": 1.0, "how": "extend"}
    answer = hub.api("POST", f"session/{user}/ai/more", json={})
    assert answer.json()["news"].startswith("Another session is booked"), answer.text
    assert len(jobs(machine)) == 2
    machine.command("scancel", first)
    until(lambda: answer_or_none(hub, user) not in (None, first), "the other follows", 90)
    assert hub.until_ready(user, "ai")
    assert told(hub, user)["more"] is None
    refused = hub.api("POST", f"session/{user}/ai/more", json={})
    assert (refused.status_code, refused.json()["message"]) == (
        403,
        "This session can't be lengthened any more. Save your work before it ends.",
    )


def answer_or_none(hub: Hub, user: str) -> str | None:
    try:
        job: str = answer_of(hub, user)["job"]
    except (json.JSONDecodeError, httpx.HTTPError):
        return None
    return job


@pytest.mark.slow
def test_those_who_wait_are_no_load_and_wait_longer_than_a_boot_may_take(
    hub: Hub, users: tuple[str, ...], slurm_site: SlurmSite
) -> None:
    began = time.monotonic()
    for user in users[:4]:
        start(hub, user, "waits")
        until(lambda user=user: told(hub, user)["phase"] == "waiting", "it waits")
    # concurrent_spawn_limit is 2, and start_timeout 30 s.
    start(hub, users[4], "cpu")
    hub.until_ready(users[4], "ai")
    until(lambda: time.monotonic() - began > 32, "longer than start_timeout")
    assert [told(hub, user)["phase"] for user in users[:4]] == ["waiting"] * 4
    # Who asks after a while without questions is told what was known, and the queue is looked at.
    until(
        lambda: [told(hub, user)["place_in_course"] for user in users[:4]] == [1, 2, 3, 4],
        "each has a place",
    )

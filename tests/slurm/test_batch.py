"""Batch runs on a real Slurm, of which all is lost once: a process, a job, a node, the hub.

The runs are `stub_run`, so that they take as long as a test wants; the hub, Slurm, sudo and the
launcher are real.
"""

import json
import pwd
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from hubs import Hub, running_hub, until
from slurm_site import SlurmSite

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]

CONFIG = """
from spawners.hub import ClusterSpawner
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "batch-test"
c.ClusterSpawner.clusters = {{"one": {{"type": "slurm", "conf": "{conf}"}}}}
c.ClusterSpawner.offers = {{
    "cpu": {{"title": "A core", "cluster": "one", "partition": "cpu", "hours": 1}},
    "whole": {{"title": "A machine", "cluster": "one", "partition": "cpu", "cpus": 16}},
    "gpus": {{"title": "Two GPUs", "cluster": "one", "partition": "gpu", "gpus": {{"h100": 2}}}},
}}
c.ClusterSpawner.limits = {{"person": {{"batch": 3, "gpus": 4}}}}
c.ClusterSpawner.cmd = ["/usr/bin/python3", "{stubs}/stub_session.py"]
c.ClusterSpawner.batch_command = ["{stubs}/stub_run.py"]
c.ClusterSpawner.batch_tasks_at_once = 2
c.ClusterSpawner.orphan_grace = 3
c.JupyterHub.cleanup_servers = False
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
"""


@pytest.fixture(scope="module")
def hub(slurm_site: SlurmSite) -> Iterator[Hub]:
    stubs = slurm_site.deployed.hub.parents[2]
    for name in ("stub_session.py", "stub_run.py"):
        shutil.copy(Path(__file__).parents[1] / name, stubs / name)
    config = CONFIG.format(conf=slurm_site.machine.conf, stubs=stubs)
    with running_hub(
        slurm_site.home, config, slurm_site.deployed.hub, slurm_site.as_hub()
    ) as running:
        yield running


class Person:
    """Somebody whose session of the course has ended; the runs go on without it."""

    def __init__(self, hub: Hub, site: SlurmSite, name: str) -> None:
        self.hub, self.site, self.name = hub, site, name
        self.seen = Path(pwd.getpwnam(name).pw_dir, "stub-runs")

    def ask(self, method: str, run: str = "", **how: Any) -> httpx.Response:
        return self.hub.api(method, f"batch/{self.name}/ai{'/' if run else ''}{run}", **how)

    def submit(self, run: str, tasks: int = 1, offer: str = "cpu", hours: float = 1) -> str:
        body = {"run": run, "offer": offer, "hours": hours, "tasks": tasks}
        answer = self.ask("POST", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["job"])

    def told(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET").json()["runs"][run]
        return found

    def until(
        self, run: str, happened: Callable[[dict[str, Any]], object], seconds: float = 120
    ) -> dict[str, Any]:
        """What is told of a run, once it is so."""
        told: dict[str, Any] = {}

        def is_so() -> object:
            told.clear()
            told.update(self.told(run))
            return happened(told)

        until(is_so, f"{run}: {self.told(run)}", seconds)
        return told

    def found(self, run: str, task: int = 1) -> dict[str, Any]:
        """What a task of a run found."""
        file = self.seen / run / f"{task}.json"
        until(file.exists, f"task {task} of {run} has started")
        found: dict[str, Any] = json.loads(file.read_text())
        return found


@pytest.fixture
def person(hub: Hub, slurm_site: SlurmSite) -> Iterator[Person]:
    """The first user of the site; none of her runs is left."""
    name = slurm_site.users[0]
    hub.api("POST", f"users/{name}")
    hub.api("POST", f"users/{name}/servers/ai")
    hub.until_ready(name, "ai")
    hub.api("DELETE", f"users/{name}/servers/ai")
    until(lambda: hub.server(name, "ai") is None, "the session has ended")
    person = Person(hub, slurm_site, name)
    yield person
    for run in person.ask("GET").json()["runs"]:
        person.ask("DELETE", run)
    until(lambda: not jobs(slurm_site), "no job is left")
    hub.api("DELETE", f"users/{name}")


def jobs(site: SlurmSite, *states: str) -> list[str]:
    """This hub's jobs that wait or run, as 7_3."""
    wanted = ",".join(states or ("PENDING", "CONFIGURING", "RUNNING", "COMPLETING"))
    return site.machine.command(
        "squeue", "--noheader", "--array", "--name=lesesal-batch-test", "-o", "%i",
        f"--states={wanted}",
    ).stdout.split()  # fmt: skip


def words(told: dict[str, Any]) -> list[str]:
    return [task["word"] for _, task in sorted(told["tasks"].items())]


def states(told: dict[str, Any]) -> list[str]:
    return sorted(task["state"] for task in told["tasks"].values())


def test_an_array_of_six_runs_two_at_a_time_as_its_user_without_a_token(
    person: Person, slurm_site: SlurmSite
) -> None:
    job = person.submit("long-sweep", tasks=6)
    told = person.until("long-sweep", lambda told: states(told).count("running") == 2)
    assert states(told) == ["running"] * 2 + ["waiting"] * 4
    assert (told["job"], told["state"]) == (job, "running")
    assert told["sentence"] == "0 of 6 tasks have ended."
    assert told["reason"] == "as many of its tasks run as may at a time"
    running = {number: task for number, task in told["tasks"].items() if task["node"]}
    for number, task in running.items():
        assert (task["node"], task["word"]) == ("gpu4", "RUNNING")
        assert abs(task["ends"] - time.time() - 3600) < 60
        found = person.found("long-sweep", int(number))
        process = psutil.Process(found["pid"])
        assert process.username() == person.name
        assert found["files"] == ["session.json"]
        assert found["environment"]["SLURM_ARRAY_TASK_ID"] == number
        assert "TOKEN" not in json.dumps(found)
    # Two end, two others begin; what is cancelled by Slurm's own means is told.
    first, second = running
    psutil.Process(person.found("long-sweep", int(first))["pid"]).kill()
    slurm_site.machine.command("scancel", f"{job}_{second}", user=person.name)
    told = person.until("long-sweep", lambda told: states(told).count("ended") == 2)
    assert told["tasks"][first]["sentence"] == "Its program stopped with exit code 137."
    assert told["tasks"][second]["sentence"] == "It was cancelled."
    told = person.until("long-sweep", lambda told: states(told).count("running") == 2)
    assert told["sentence"] == "2 of 6 tasks have ended."
    log = Path(pwd.getpwnam(person.name).pw_dir, ".local/state/lesesal/logs/batch-test")
    assert (log / f"ai.long-sweep.1.{first}.log").read_text().startswith(f"task {first} of")
    # All of what is left ends at once.
    for _ in range(2):
        assert person.ask("DELETE", "long-sweep").status_code == 204
    told = person.until("long-sweep", lambda told: told["state"] == "ended")
    assert told["tasks"]["6"]["sentence"] == "It was ended on request."
    assert jobs(slurm_site) == []


def test_a_full_queue_is_a_place_in_it_and_the_run_comes_to_its_end(
    person: Person, slurm_site: SlurmSite
) -> None:
    person.submit("long-first", offer="whole")
    person.until("long-first", lambda told: told["state"] == "running")
    person.submit("long-next", offer="whole")
    person.submit("quick", tasks=3, offer="whole")
    told = person.until("quick", lambda told: told["place"])
    assert (told["state"], told["place"], told["queue_length"]) == ("waiting", 2, 2)
    assert re.fullmatch("In the queue: .+", told["sentence"])
    full = person.ask("POST", json={"run": "fourth"})
    assert (full.status_code, full.json()["message"]) == (
        403,
        "You have as many batch runs at once as allowed. Cancel one of them, or submit this again "
        "when one has ended.",
    )
    person.ask("DELETE", "long-first")
    person.ask("DELETE", "long-next")
    told = person.until("quick", lambda told: told["state"] == "ended")
    assert (words(told), told["sentence"]) == (["COMPLETED"] * 3, "It has run to its end.")
    assert [person.found("quick", task)["settings"]["LESESAL_BATCH_RUN"] for task in (1, 2, 3)] == [
        "quick"
    ] * 3


def test_a_hub_that_was_killed_finds_its_runs_and_what_became_of_them(
    hub: Hub, person: Person, slurm_site: SlurmSite
) -> None:
    job = person.submit("long-1", tasks=2)
    person.submit("fails-1", tasks=2)
    person.until("long-1", lambda told: states(told) == ["running"] * 2)
    person.until("fails-1", lambda told: told["state"] == "ended")
    person.submit("long-2")
    hub.kill()
    slurm_site.machine.command("scancel", f"{job}_2", user=person.name)
    hub.start()
    told = person.until("long-1", lambda told: states(told) == ["ended", "running"])
    assert (told["tasks"]["2"]["sentence"], told["job"]) == ("It was cancelled.", job)
    told = person.told("fails-1")
    assert told["sentence"] == (
        "2 of 2 tasks did not come to their end. Task 1: Its program stopped with exit code 3."
    )
    person.until("long-2", lambda told: told["state"] == "running")
    # What looks like a run of the person's and was never noted is ended, and nothing else.
    comment = f"hub=batch-test&user={person.name}&server=ai&attempt=1&run=long-3"
    stray = slurm_site.machine.command(
        "sbatch", "--parsable", "--job-name=lesesal-batch-test", f"--comment={comment}",
        "--array=1-2", "--partition=cpu", "--output=/dev/null", "--wrap=sleep 60",
        user=person.name,
    ).stdout.strip()  # fmt: skip
    until(lambda: not any(stray in job for job in jobs(slurm_site)), "the stray array is ended")
    assert len(jobs(slurm_site, "RUNNING")) == 2


def test_the_runs_of_a_deleted_person_end(hub: Hub, person: Person, slurm_site: SlurmSite) -> None:
    person.submit("long-1", tasks=4)
    person.until("long-1", lambda told: states(told).count("running") == 2)
    assert hub.api("DELETE", f"users/{person.name}").status_code == 204
    until(lambda: not jobs(slurm_site), "all tasks have ended")
    hub.api("POST", f"users/{person.name}")
    hub.api("POST", f"users/{person.name}/servers/ai")
    hub.until_ready(person.name, "ai")
    assert person.ask("GET").json()["runs"] == {}
    hub.api("DELETE", f"users/{person.name}/servers/ai")


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_told_and_what_was_wished_comes_to_pass(
    person: Person, slurm_site: SlurmSite
) -> None:
    silent = "The cluster does not answer at the moment. Nothing is lost; "
    person.submit("long-1")
    person.until("long-1", lambda told: told["state"] == "running")
    slurm_site.machine.stop_controller()
    try:
        told = person.until("long-1", lambda told: told["sentence"].startswith(silent))
        assert told["state"] == "running"
        for answer in (
            person.ask("POST", json={"run": "quick", "offer": "cpu"}),
            person.ask("DELETE", "long-1"),
        ):
            assert (answer.status_code, answer.json()["message"]) == (
                503,
                f"{silent}please try again later.",
            )
    finally:
        slurm_site.machine.start_controller()
    # Nobody asks for it again.
    until(lambda: not jobs(slurm_site), "the keeper ends it", seconds=60)
    told = person.until("long-1", lambda told: told["state"] == "ended")
    assert told["sentence"] == "It was ended on request."
    assert set(person.ask("GET").json()["runs"]) == {"long-1"}


@pytest.mark.slow
def test_a_node_that_fails_or_is_drained_puts_tasks_back_in_the_queue(
    person: Person, slurm_site: SlurmSite
) -> None:
    machine = slurm_site.machine
    job = person.submit("long-1", tasks=2, offer="gpus")
    told = person.until("long-1", lambda told: states(told) == ["running"] * 2)
    lost, left = told["tasks"]["1"]["node"], told["tasks"]["2"]["node"]
    assert {lost, left} == {"gpu1", "gpu2"}
    before = person.found("long-1", 1)["pid"]
    machine.fail_node(lost)
    try:
        told = person.until("long-1", lambda told: told["tasks"]["1"]["state"] == "waiting")
        assert told["tasks"]["1"]["sentence"]
        # A drained node lets its task go on, and takes no other.
        machine.drain(left)
        assert person.told("long-1")["tasks"]["2"]["state"] == "running"
    finally:
        machine.start_node(lost)
        machine.resume(left)
    until(lambda: machine.node_states()[lost].startswith(("idle", "mix")), f"{lost} is back")
    machine.begin_now(f"{job}_1")
    person.until("long-1", lambda told: states(told) == ["running"] * 2)
    until(lambda: person.found("long-1", 1)["pid"] != before, "it has begun anew")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_is_warned_before_its_time_is_over_and_then_ended(person: Person) -> None:
    # Slurm warns two minutes before, or up to one earlier: of less time than that it would warn
    # at once, perhaps before the program hears it.
    person.submit("long-1", hours=4 / 60)
    person.until("long-1", lambda told: told["state"] == "running")
    warned = person.seen / "long-1" / "1.warned"
    until(warned.exists, "it is warned", seconds=240)
    told = person.until("long-1", lambda told: told["state"] == "ended", seconds=300)
    assert (words(told), told["sentence"]) == (["TIMEOUT"], "Its time was over.")
    assert float(warned.read_text()) < told["tasks"]["1"]["ends"]

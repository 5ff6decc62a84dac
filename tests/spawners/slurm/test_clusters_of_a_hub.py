"""One hub, two real Slurm clusters with accounting: offers on both, rights, reservations, QOS."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import slurm_site as sites
from deployed import CHECKOUT
from hubs import Hub, running_hub, until
from slurm_machine import SlurmMachine
from slurm_site import SlurmSite

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

CONFIG = """
import json, pathlib
from spawners.hub import PAGES, ClusterSpawner
from spawners.offers import Account, ClassTime, Terms

HERE = pathlib.Path(__file__).parent

def terms(user, course):
    classes = json.loads((HERE / "classes.json").read_text())
    kept = tuple(ClassTime(**each) for each in classes.get(course, ()))
    return Terms(course, course.title(), ("olivia", "fox", "queue", "laptop"), "student", kept)

def account(user, cluster):
    # One person has an account on one of the clusters only.
    return None if (user, cluster) == ("kim", "fox") else Account({users}[user], "students")

c.JupyterHub.spawner_class = ClusterSpawner
c.JupyterHub.template_paths = [str(PAGES)]
c.JupyterHub.cleanup_servers = False
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.ClusterSpawner.hub_id = "two"
c.ClusterSpawner.clusters = {{
    name: {{"type": "slurm", "conf": conf}} for name, conf in {confs}.items()
}}
# A third one is one more entry.
c.ClusterSpawner.clusters["laptop"] = {{"type": "local", "root": str(HERE / "laptop")}}
c.ClusterSpawner.offers = {{
    "olivia": {{"title": "On Olivia", "cluster": "olivia", "partition": "cpu", "more_hours": 1}},
    "fox": {{"title": "On Fox", "cluster": "fox", "partition": "cpu"}},
    "laptop": {{"title": "On the hub's machine", "cluster": "laptop"}},
    "queue": {{"title": "All GPUs", "cluster": "olivia", "partition": "gpu",
               "gpus": {{"h100": 2}}, "cpus": 16, "hours": 2}},
}}
c.ClusterSpawner.terms = terms
c.ClusterSpawner.account = account
c.ClusterSpawner.cmd = ["/usr/bin/python3", "{stub}"]
"""
# The hub's names are not the clusters'.
USERS = {"kim": "two-a", "lee": "two-b", "ola": "two-c"}


@pytest.fixture(scope="module")
def site() -> Iterator[SlurmSite]:
    if missing := sites.missing(accounting=True):
        pytest.skip("No real Slurm with accounting here: " + " ".join(missing))
    with sites.slurm_site(tuple(USERS.values()), ("olivia", "fox"), accounting=True) as started:
        yield started


@pytest.fixture(scope="module")
def hub(site: SlurmSite) -> Iterator[Hub]:
    stub = site.deployed.hub.parents[2] / "stub_session.py"
    stub.write_text((CHECKOUT / "tests" / "stub_session.py").read_text())
    (site.home / "classes.json").write_text("{}")
    config = CONFIG.format(
        users=USERS,
        confs={name: str(machine.conf) for name, machine in site.machines.items()},
        stub=stub,
    )
    with running_hub(site.home, config, site.deployed.hub, site.as_hub()) as running:
        for user in USERS:
            running.api("POST", f"users/{user}")
        yield running


@pytest.fixture(autouse=True)
def nobody_is_left(hub: Hub) -> Iterator[None]:
    yield
    for user in USERS:
        for server in ("ai", "monday"):
            end(hub, user, server)


def end(hub: Hub, user: str, server: str) -> None:
    """Stop a session, if there is one; the hub refuses a new one before it is gone."""

    def is_gone() -> bool:
        # Again: one that is just being submitted may not be taken back yet.
        hub.api("DELETE", f"users/{user}/servers/{server}")
        return hub.server(user, server) is None

    until(is_gone, f"{server} of {user} is gone")


def start(hub: Hub, user: str, offer: str, server: str = "ai") -> httpx.Response:
    return hub.api(
        "POST", f"users/{user}/servers/{server}", json={"user_options": {"offer": offer}}
    )


def told(hub: Hub, user: str, server: str = "ai") -> dict[str, Any]:
    answer: dict[str, Any] = hub.api("GET", f"session/{user}/{server}").json()
    return answer


def running(machine: SlurmMachine) -> list[str]:
    """Account, reservation and QOS of each running job of the hub, by its user."""
    return machine.command(
        "squeue", "--noheader", "--states=RUNNING", "--name=lesesal-two",
        "--Format=UserName:|,Account:|,Reservation:|,QOS:|",
    ).stdout.split()  # fmt: skip


def test_the_offer_chooses_the_cluster_and_the_account(hub: Hub, site: SlurmSite) -> None:
    for user, offer in (("kim", "olivia"), ("lee", "fox"), ("ola", "laptop")):
        assert start(hub, user, offer).status_code in {201, 202}
    for user in USERS:
        hub.until_ready(user, "ai")
    assert running(site.machines["olivia"]) == ["two-a|students|(null)|normal|"]
    assert running(site.machines["fox"]) == ["two-b|students|(null)|normal|"]
    assert told(hub, "ola")["offer"] == "On the hub's machine"


def test_no_account_on_a_cluster_is_a_sentence(hub: Hub) -> None:
    answer = start(hub, "kim", "fox")
    assert (answer.status_code, answer.json()["message"]) == (
        403,
        "You have no account on fox yet. Ask the course's instructor how to get one.",
    )
    assert start(hub, "kim", "olivia").status_code in {201, 202}
    hub.until_ready("kim", "ai")


def test_a_cluster_that_is_down_leaves_the_other_untouched(hub: Hub, site: SlurmSite) -> None:
    began = time.monotonic()
    start(hub, "kim", "olivia")
    hub.until_ready("kim", "ai")
    usual = time.monotonic() - began
    site.machines["fox"].hang_controller()
    try:
        began = time.monotonic()
        start(hub, "ola", "olivia")
        hub.until_ready("ola", "ai")
        assert time.monotonic() - began < 15 + 2 * usual
        assert told(hub, "kim")["silent_since"] is None
        refused = start(hub, "lee", "fox")
        if refused.status_code in {201, 202}:
            until(lambda: told(hub, "lee")["silent_since"] or told(hub, "lee")["last"], "told")
    finally:
        site.machines["fox"].wake_controller()


def test_an_operators_hub_lengthens_a_session_in_place(hub: Hub, site: SlurmSite) -> None:
    start(hub, "kim", "olivia")
    hub.until_ready("kim", "ai")
    before = told(hub, "kim")
    after = hub.api("POST", "session/kim/ai/more", json={}).json()
    assert after["news"] == "Your session goes on for longer."
    assert after["ends"] - before["ends"] == 3600
    assert len(running(site.machines["olivia"])) == 1


def test_a_class_starts_in_its_reservation_while_the_cluster_is_full(
    hub: Hub, site: SlurmSite
) -> None:
    machine = site.machines["olivia"]
    machine.reserve("ai-monday", ["gpu1"], users=["two-a"], minutes=60)
    full = machine.command(
        "sbatch", "--parsable", "--array=1-3", "--partition=gpu", "--exclusive",
        "--output=/dev/null", "--account=root", "--wrap=sleep 300",
    ).stdout.strip()  # fmt: skip
    now = time.time()
    classes = {"monday": [{"starts": now - 60, "ends": now + 3600, "reservation": "ai-monday"}]}
    (site.home / "classes.json").write_text(json.dumps(classes))
    try:
        assert start(hub, "lee", "queue").status_code in {201, 202}
        until(lambda: told(hub, "lee")["phase"] == "waiting", "the cluster is full")
        assert start(hub, "kim", "queue", "monday").status_code in {201, 202}
        hub.until_ready("kim", "monday")
        assert running(machine) == ["two-a|students|ai-monday|normal|"]
        assert told(hub, "kim", "monday")["notes"] == [
            "Your session is in the course's reservation and ends with it."
        ]
        assert told(hub, "lee")["phase"] == "waiting"
        # Who may not use it has an ordinary session, and is told.
        assert start(hub, "ola", "olivia", "monday").status_code in {201, 202}
        hub.until_ready("ola", "monday")
        [note] = told(hub, "ola", "monday")["notes"]
        assert note.endswith("You have an ordinary session instead.")
    finally:
        machine.command("scancel", full)
        for user in ("kim", "lee", "ola"):
            end(hub, user, "monday")
        # Slurm refuses while a job in it is just ending.
        delete = ("scontrol", "delete", "ReservationName=ai-monday")
        until(lambda: machine.command(*delete, check=False).returncode == 0, "it is free")


def test_a_class_has_its_qos_in_its_hours_only(hub: Hub, site: SlurmSite) -> None:
    machine = site.machines["olivia"]
    machine.add_qos("class", Priority=1000)
    machine.command("sacctmgr", "-i", "modify", "user", "two-a", "set", "qos+=class")
    now = time.time()
    for hours, qos in (((now - 60, now + 600), "class"), ((now + 600, now + 1200), "normal")):
        kept = {"monday": [{"starts": hours[0], "ends": hours[1], "qos": "class"}]}
        (site.home / "classes.json").write_text(json.dumps(kept))
        assert start(hub, "kim", "olivia", "monday").status_code in {201, 202}
        hub.until_ready("kim", "monday")
        assert [line.split("|")[3] for line in running(machine)] == [qos]
        end(hub, "kim", "monday")


def test_the_spawn_page_ranks_and_counts(hub: Hub, site: SlurmSite) -> None:
    machine = site.machines["olivia"]
    full = machine.command(
        "sbatch", "--parsable", "--partition=gpu", "--gres=gpu:h100:2", "--nodelist=gpu1",
        "--time=30", "--account=root", "--output=/dev/null", "--wrap=sleep 300",
    ).stdout.strip()  # fmt: skip
    try:
        # The page is what brings the live numbers about.
        start(hub, "kim", "olivia")
        hub.until_ready("kim", "ai")
        token = hub.api("POST", "users/kim/tokens", json={}).json()["token"]

        def choices() -> dict[str, Any]:
            found = hub.api("GET", "offers/ai", token=token).json()["choices"]
            return {each["name"]: each for each in found}

        until(lambda: choices()["queue"]["gpus"] == [["h100", 2, 4]], "two of four are taken")
        shown = choices()
        assert list(shown) == ["olivia", "queue", "laptop", "fox"]
        assert [each["state"] for each in shown.values()] == ["now", "now", "now", "refused"]
        more = machine.command(
            "sbatch", "--parsable", "--partition=gpu", "--gres=gpu:h100:2", "--nodelist=gpu2",
            "--time=60", "--account=root", "--output=/dev/null", "--wrap=sleep 300",
        ).stdout.strip()  # fmt: skip
        full = f"{full},{more}"
        until(lambda: choices()["queue"]["gpus"] == [["h100", 0, 4]], "all are taken")
        until(lambda: choices()["queue"]["state"] == "wait", "it is told that it waits")
        waits = choices()["queue"]
        # When the first of the two ends at the latest.
        assert 20 * 60 < waits["starts"] - time.time() <= 31 * 60
    finally:
        for job in full.split(","):
            machine.command("scancel", job)

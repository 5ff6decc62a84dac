"""ClusterSpawner on a real Slurm: the hub under its own account, sessions under their users'."""

import asyncio
import json
import pwd
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from hubs import Hub, running_hub, until
from slurm import system
from slurm_site import SlurmSite
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

pytestmark = pytest.mark.slurm

CONFIG = """
from spawners.hub import ClusterSpawner
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "slurm-test"
c.ClusterSpawner.clusters = {{"one": {{"type": "slurm", "conf": "{conf}"}}}}
c.ClusterSpawner.offers = {{
    "cpu": {{"title": "A core", "cluster": "one", "partition": "cpu"}},
    "gpu": {{"title": "Two H100", "cluster": "one", "gpus": {{"h100": 2}}, "cpus": 4,
             "memory_mb": 8192}},
    "share": {{"title": "A share", "cluster": "one", "shards": 2}},
    "slice": {{"title": "A slice", "cluster": "one", "gpus": {{"1g.10gb": 1}}}},
    "any": {{"title": "Any GPU", "cluster": "one", "gpus": {{"": 1}}}},
    "closed": {{"title": "Closed", "cluster": "one", "partition": "closed"}},
    "nowhere": {{"title": "Nowhere", "cluster": "one", "partition": "nowhere"}},
    "huge": {{"title": "Huge", "cluster": "one", "gpus": {{"h100": 64}}}},
    "waits": {{"title": "Waits", "cluster": "one", "partition": "down"}},
}}
c.ClusterSpawner.cmd = ["{session}", "-P", "-m", "lesesal_notebook.session"]
c.ClusterSpawner.default_url = "/lab"
c.ClusterSpawner.poll_interval = 1
c.JupyterHub.cleanup_servers = False
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 1}}
c.JupyterHub.log_level = "DEBUG"
c.Spawner.debug = True
"""


@pytest.fixture(scope="module")
def hub(slurm_site: SlurmSite) -> Iterator[Hub]:
    config = CONFIG.format(conf=slurm_site.machine.conf, session=slurm_site.deployed.session)
    with running_hub(
        slurm_site.home, config, slurm_site.deployed.hub, slurm_site.as_hub()
    ) as running:
        for user in slurm_site.users:
            running.api("POST", f"users/{user}")
        yield running


@pytest.fixture
def user(hub: Hub, slurm_site: SlurmSite) -> Iterator[str]:
    name = slurm_site.users[0]
    yield name
    hub.api("DELETE", f"users/{name}/servers/ai")
    until(lambda: hub.server(name, "ai") is None, "the session is stopped")


def start(hub: Hub, user: str, offer: str) -> httpx.Response:
    return hub.api(
        "POST", f"users/{user}/servers/ai", json={"user_options": {"offer": offer, "hours": 1}}
    )


def given(hub: Hub, user: str) -> dict[str, object]:
    hub.until_ready(user, "ai")
    answer: dict[str, object] = httpx.get(
        f"{hub.url}/user/{user}/ai/lesesal/session",
        headers={"Authorization": f"token {hub.token}", "Accept": "application/json"},
        timeout=60,
    ).json()
    return answer


@pytest.mark.parametrize(
    ("offer", "partition", "nodes", "cpus", "memory_mb", "gpus"),
    [
        ("cpu", "cpu", {"gpu4"}, 1, 2048, []),
        ("gpu", "gpu", {"gpu1", "gpu2"}, 4, 8192, ["h100 GPU 0", "h100 GPU 1"]),
        ("share", "gpu", {"gpu1", "gpu2"}, 1, 2048, ["GPU 0 (2 shares of it)"]),
        ("slice", "gpu", {"gpu3"}, 1, 2048, ["1g.10gb GPU 0"]),
        ("any", "gpu", {"gpu1", "gpu2", "gpu3"}, 1, 2048, ["GPU 0"]),
    ],
)
def test_a_session_gets_what_was_offered_and_shows_it(
    hub: Hub,
    user: str,
    offer: str,
    partition: str,
    nodes: set[str],
    cpus: int,
    memory_mb: int,
    gpus: list[str],
) -> None:
    began = time.time()
    assert start(hub, user, offer).status_code in {201, 202}
    shown = given(hub, user)
    assert shown.pop("machine") in nodes
    assert str(shown.pop("job")).isdigit()
    assert began - 5 <= float(str(shown.pop("ends"))) - 3600 <= time.time() + 5
    del shown["offer"]
    assert shown == {
        "cpus": cpus,
        "memory_mb": memory_mb,
        "gpus": gpus,
        "partition": partition,
    }


def test_the_session_is_its_users_and_the_token_is_nowhere_but_in_its_file(
    hub: Hub, user: str, slurm_site: SlurmSite
) -> None:
    start(hub, user, "gpu")
    job = hub.until_ready(user, "ai")["state"]["job_id"]
    account = pwd.getpwnam(user)
    folder = Path(account.pw_dir, ".local/state/lesesal/sessions/slurm-test/ai")
    token = (folder / "1" / "token").read_text()
    assert hub.api("GET", "user", token=token).json()["name"] == user
    processes = [
        process
        for process in psutil.process_iter()
        if (owner := system.ask(process.uids)) is not None
        and owner.real == account.pw_uid
        and "lesesal_notebook.session" in " ".join(system.ask(process.cmdline) or ())
    ]
    assert processes
    places = {
        "the job's script": slurm_site.machine.command(
            "scontrol", "write", "batch_script", job, "-"
        ).stdout,
        "what Slurm tells of the job": slurm_site.machine.command(
            "scontrol", "show", "job", "--details", job
        ).stdout,
        "environments": str([system.ask(process.environ) for process in processes]),
        "arguments": str([process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]),
        "the session's log": Path(
            account.pw_dir, ".local/state/lesesal/logs/slurm-test/ai.1.log"
        ).read_text(),
        "the hub's log": hub.log.read_text(),
        "Slurm's logs": "".join(
            path.read_text(errors="replace")
            for path in (slurm_site.machine.directory / "log").iterdir()
        ),
    }
    assert [name for name, text in places.items() if token in text] == []
    assert all(places.values())

    assert hub.api("DELETE", f"users/{user}/servers/ai").status_code in {202, 204}
    # 202 is that it takes longer than the hub waits for.
    until(lambda: not folder.exists(), "its files are removed")


@pytest.mark.parametrize(
    ("offer", "sentence", "slurms_words"),
    [
        (
            "closed",
            "This part of the cluster is closed at the moment. Choose another offer, or try later.",
            "Required partition not available",
        ),
        (
            "nowhere",
            "This offer names a part of the cluster that does not exist. Please tell the "
            "operators; another offer may work now.",
            "invalid partition specified",
        ),
        (
            "huge",
            "No machine of the cluster has what this offer asks for. Please tell the operators; "
            "another offer may work now.",
            "Requested node configuration is not available",
        ),
    ],
)
def test_what_slurm_refuses_is_a_sentence_with_slurms_words_under_it(
    hub: Hub, user: str, offer: str, sentence: str, slurms_words: str
) -> None:
    start(hub, user, offer)
    deadline = time.monotonic() + 60
    # Until then it tells of what was refused before.
    while slurms_words not in str(last := hub.api("GET", f"session/{user}/ai").json()["last"]):
        assert time.monotonic() < deadline, f"the refusal is not told: {last}"
        time.sleep(0.1)
    assert last["sentence"] == sentence
    assert slurms_words in last["detail"]
    folder = Path(pwd.getpwnam(user).pw_dir, ".local/state/lesesal/sessions/slurm-test/ai")
    assert not folder.exists()


def test_waiting_is_told_in_words_and_can_be_stopped(
    hub: Hub, user: str, slurm_site: SlurmSite
) -> None:
    hub.api("POST", f"users/{user}/servers/ai", json={"user_options": {"offer": "waits"}})
    with httpx.stream(
        "GET",
        f"{hub.api_url}/users/{user}/servers/ai/progress",
        headers={"Authorization": f"token {hub.token}"},
        timeout=60,
    ) as events:
        for line in events.iter_lines():
            if line.startswith("data:") and "queue:" in line:
                told = json.loads(line.removeprefix("data:"))["message"]
                break
    assert told == "In the queue: this part of the cluster is closed at the moment"
    assert hub.api("DELETE", f"users/{user}/servers/ai").status_code in {202, 204}
    waiting = ("squeue", "--noheader", "--states=pending", "--name=lesesal-slurm-test")
    until(lambda: slurm_site.machine.command(*waiting).stdout == "", "it waits no more")


def test_a_cancelled_session_is_noticed(hub: Hub, user: str, slurm_site: SlurmSite) -> None:
    start(hub, user, "cpu")
    job = hub.until_ready(user, "ai")["state"]["job_id"]
    slurm_site.machine.command("scancel", job)
    deadline = time.monotonic() + 60
    while hub.server(user, "ai") is not None:
        assert time.monotonic() < deadline, "the hub still shows the session"
        time.sleep(0.2)
    folder = Path(pwd.getpwnam(user).pw_dir, ".local/state/lesesal/sessions/slurm-test/ai")
    until(lambda: not folder.exists(), "its files are removed")


async def execute(hub: Hub, user: str, kernel: str, code: str) -> str:
    """What a kernel prints when it runs this code, over the proxy as a browser does it."""
    request = HTTPRequest(
        f"{hub.url}/user/{user}/ai/api/kernels/{kernel}/channels".replace("http", "ws", 1),
        headers={"Authorization": f"token {hub.token}"},
    )
    socket = await websocket_connect(request)
    header = {"msg_id": code, "msg_type": "execute_request", "session": "test", "version": "5.3"}
    await socket.write_message(
        json.dumps(
            {
                "channel": "shell",
                "header": header,
                "parent_header": {},
                "metadata": {},
                "content": {"code": code, "silent": False},
            }
        )
    )
    async with asyncio.timeout(120):
        while True:
            message = json.loads(await socket.read_message() or "{}")
            if message["msg_type"] == "stream":
                socket.close()
                return str(message["content"]["text"])


def test_a_killed_hub_costs_no_kernel_its_state(hub: Hub, user: str) -> None:
    start(hub, user, "cpu")
    hub.until_ready(user, "ai")
    kernel = httpx.post(
        f"{hub.url}/user/{user}/ai/api/kernels",
        headers={"Authorization": f"token {hub.token}"},
        json={"name": "python3"},
        timeout=120,
    ).json()["id"]
    assert asyncio.run(execute(hub, user, kernel, "x = 41; print(x)")) == "41\n"
    hub.kill()
    hub.start()
    hub.until_ready(user, "ai")
    assert asyncio.run(execute(hub, user, kernel, "print(x + 1)")) == "42\n"


def test_the_hubs_account_may_only_run_the_launcher(slurm_site: SlurmSite) -> None:
    sudo = ["sudo", "-n", "-u", slurm_site.users[0], "--"]
    for command in (["id"], [str(slurm_site.deployed.hub), "-c", "1"]):
        refused = slurm_site.machine.command(*slurm_site.as_hub(), *sudo, *command, check=False)
        assert refused.returncode != 0
        assert "password is required" in refused.stderr

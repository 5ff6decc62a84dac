"""ClusterSpawner in a real hub, on the embedded cluster with real sessions."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from deployed import CHECKOUT
from hubs import SECONDS, Hub, running_hub, until

CONFIG = """
from spawners.hub import ClusterSpawner
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "test"
c.ClusterSpawner.clusters = {{"here": {{"type": "local", "root": "{root}"}}}}
c.ClusterSpawner.offers = {{
    "small": {{"title": "This machine", "cluster": "here", "hours": 2}},
    "other": {{"title": "Another", "cluster": "here", "hours": 1}},
}}
c.ClusterSpawner.cmd = {cmd}
c.ClusterSpawner.default_url = "/lab"
c.ClusterSpawner.start_timeout = 60
c.JupyterHub.log_level = "DEBUG"
c.Spawner.debug = True
"""
SESSION = [
    str(CHECKOUT / ".venv" / "session" / "bin" / "python"),
    "-P",
    "-m",
    "lesesal_notebook.session",
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    with running_hub(folder, CONFIG.format(root=folder / "local", cmd=SESSION)) as running:
        yield running


@pytest.fixture
def user(hub: Hub, request: pytest.FixtureRequest) -> Iterator[str]:
    """A user of this test's own; nothing of hers is left."""
    name = f"user-{abs(hash(request.node.name)) % 10**6}"
    assert hub.api("POST", f"users/{name}").status_code == 201
    yield name
    hub.api("DELETE", f"users/{name}")


def state_folder(hub: Hub, user: str) -> Path:
    return hub.log.parent / "local" / "homes" / user / ".local" / "state" / "lesesal"


def session_token(hub: Hub, user: str) -> str:
    return (state_folder(hub, user) / "sessions" / "test" / "ai" / "1" / "token").read_text()


def test_a_session_starts_says_what_it_was_given_and_ends_without_a_trace(
    hub: Hub, user: str
) -> None:
    options = {"user_options": {"offer": "small", "hours": 1}}
    assert hub.api("POST", f"users/{user}/servers/ai", json=options).status_code in {201, 202}
    state = hub.until_ready(user, "ai")["state"]
    given = httpx.get(
        f"{hub.url}/user/{user}/ai/lesesal/session",
        headers={"Authorization": f"token {hub.token}", "Accept": "application/json"},
        timeout=SECONDS,
    ).json()
    assert given["offer"] == "This machine"
    assert given["machine"] == os.uname().nodename
    process = psutil.Process(int(state["job_id"].split("-")[0]))
    # The token is in a file that the session reads, and in nothing that others can see.
    token = session_token(hub, user)
    assert token not in json.dumps([process.environ(), process.cmdline()])
    assert hub.api("GET", "user", token=token).json()["name"] == user
    assert token not in hub.log.read_text()
    log = state_folder(hub, user) / "logs" / "test" / "ai.1.log"
    assert token not in log.read_text()

    assert hub.api("DELETE", f"users/{user}/servers/ai").status_code in {202, 204}
    psutil.wait_procs([process], timeout=SECONDS)
    assert not process.is_running()
    until(lambda: hub.server(user, "ai") is None, "the hub has done what it does at the end")
    assert not (state_folder(hub, user) / "sessions" / "test" / "ai").exists()


def test_a_kernel_of_the_session_does_not_have_the_token(hub: Hub, user: str) -> None:
    hub.api("POST", f"users/{user}/servers/ai", json={})
    job = hub.until_ready(user, "ai")["state"]["job_id"]
    kernel = httpx.post(
        f"{hub.url}/user/{user}/ai/api/kernels",
        headers={"Authorization": f"token {hub.token}"},
        json={"name": "python3"},
        timeout=SECONDS,
    )
    assert kernel.status_code == 201
    [process] = psutil.Process(int(job.split("-")[0])).children()
    token = session_token(hub, user)
    assert token not in json.dumps([process.environ(), process.cmdline()])


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        ({"offer": "huge"}, 403, "ai does not offer 'huge'. Choose one of: small, other."),
        (
            {"offer": "small", "hours": 99},
            403,
            "This machine runs for at most 2 hours. Ask for fewer.",
        ),
        ({"cmd": ["id"]}, 403, "A session has no option 'cmd'; it has an offer and hours."),
    ],
)
def test_what_is_not_on_offer_is_refused_by_the_rest_api(
    hub: Hub, user: str, options: dict[str, object], status: int, sentence: str
) -> None:
    answer = hub.api("POST", f"users/{user}/servers/ai", json={"user_options": options})
    assert (answer.status_code, answer.json()["message"]) == (status, sentence)
    assert hub.server(user, "ai") is None


def test_a_server_without_a_course_is_refused(hub: Hub, user: str) -> None:
    answer = hub.api("POST", f"users/{user}/server", json={})
    assert answer.status_code == 403
    assert answer.json()["message"] == (
        "A session belongs to a course: choose the course on the home page."
    )


def test_batchspawners_route_is_gone(hub: Hub, user: str) -> None:
    token = hub.api("POST", f"users/{user}/tokens", json={}).json()["token"]
    for who in (token, hub.token):
        answer = hub.api("POST", "batchspawner", token=who, json={"cmd": ["id"]})
        assert answer.status_code == 404


def test_a_session_reports_once_and_nobody_else_reports(hub: Hub, user: str) -> None:
    hub.api("POST", f"users/{user}/servers/ai", json={})
    hub.until_ready(user, "ai")
    own = hub.api("POST", f"users/{user}/tokens", json={}).json()["token"]
    # The session has reported already; a person's token and a service's are no session's.
    for token in (session_token(hub, user), own, hub.token, "no-token"):
        answer = hub.api("POST", "session", token=token, json={"port": 40123, "attempt": 1})
        assert answer.status_code == 403
    answer = httpx.post(f"{hub.api_url}/session", json={"port": 40123}, timeout=SECONDS)
    assert answer.status_code == 403


MUTE = "import time; print('I was here', flush=True); time.sleep(600)"
PRYING = """
import json, os, pathlib, sys, time, urllib3
folder = pathlib.Path(os.environ["LESESAL_SESSION_DIR"])
token = (folder / "token").read_text()
api = json.loads((folder / "session.json").read_text())["JUPYTERHUB_API_URL"]
def post(body):
    return urllib3.request("POST", api + "/session", body=body,
        headers={"Authorization": "token " + token}, retries=False).status
bad = ['{"port": 80, "attempt": 1}', '{"port": 70000, "attempt": 1}', '[]', 'no json',
       '{"port": "40123", "attempt": 1}', '{"port": true, "attempt": 1}', '{"port": 40123}',
       '{"port": 40123, "attempt": 2}', '{"port": 40123, "attempt": 1, "cmd": ["id"]}',
       '{"cmd": ["id"]}', '{"job_id": "1"}']
# The answer to a report may be lost, and the report come again; but another one never counts.
good, other = '{"port": 40123, "attempt": 1}', '{"port": 40124, "attempt": 1}'
print(json.dumps([post(body) for body in [*bad, good, good, other]]), flush=True)
sys.exit(7)
"""


def failing_hub(folder: Path, program: str) -> str:
    """Who asks it for a session waits for how that ends."""
    cmd = [sys.executable, "-c", program]
    patient = f'c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": {SECONDS - 10}}}\n'
    return CONFIG.format(root=folder / "local", cmd=cmd) + patient


def test_a_starting_session_can_set_its_port_and_nothing_else(tmp_path: Path) -> None:
    with running_hub(tmp_path, failing_hub(tmp_path, PRYING)) as hub:
        hub.api("POST", "users/kim")
        answer = hub.api("POST", "users/kim/servers/ai", json={})
        log = state_folder(hub, "kim") / "logs" / "test" / "ai.1.log"
        assert json.loads(log.read_text()) == [*[403] * 11, 204, 204, 403]
        # And its end is told, with its exit code, instead of a timeout.
        assert answer.json()["message"] == (
            "The session ended: its program stopped with exit code 7."
        )
        assert not (state_folder(hub, "kim") / "sessions" / "test" / "ai").exists()


def test_a_session_that_stays_mute_is_ended_and_its_last_words_are_shown(tmp_path: Path) -> None:
    # Long enough for its first words.
    config = failing_hub(tmp_path, MUTE).replace("start_timeout = 60", "start_timeout = 8")
    with running_hub(tmp_path, config) as hub:
        hub.api("POST", "users/kim")
        answer = hub.api("POST", "users/kim/servers/ai", json={})
        assert answer.json()["message"] == (
            "The session did not report within 8 seconds of its start. Please start it again; "
            "if that does not help, tell the operators."
        )
        assert "I was here" in hub.log.read_text()
        programs = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
        assert not [argv for argv in programs if MUTE in argv]


def test_only_who_may_read_a_server_is_told_its_news(hub: Hub, user: str) -> None:
    hub.api("POST", f"users/{user}/servers/ai", json={})
    hub.until_ready(user, "ai")
    other = f"{user}-other"
    hub.api("POST", f"users/{other}")
    tokens = {
        name: hub.api("POST", f"users/{name}/tokens", json={}).json()["token"]
        for name in (user, other)
    }
    told = hub.api("GET", f"session/{user}/ai", token=tokens[user])
    assert (told.status_code, told.json()["phase"]) == (200, "running")
    for path, token in (
        (f"session/{user}/ai", tokens[other]),
        (f"session/{user}/none", tokens[user]),
        ("session/nobody/ai", tokens[user]),
    ):
        assert hub.api("GET", path, token=token).status_code in {403, 404}
    hub.api("DELETE", f"users/{other}")

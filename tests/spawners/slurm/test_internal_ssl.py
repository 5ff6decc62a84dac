"""``internal_ssl`` on a real Slurm: hub, proxy, classroom and sessions speak TLS with each other,
and each asks the other who it is."""

import asyncio
import json
import pwd
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from cryptography import x509
from hubs import Hub, running_hub, until
from slurm import system
from slurm.system import free_ports
from slurm_site import SlurmSite
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

PROXY = "/usr/bin/configurable-http-proxy"
COURSE = "ai-foundations"
CONFIG = """
import sys
from spawners.hub import ClusterSpawner
c.JupyterHub.internal_ssl = True
c.JupyterHub.internal_certs_location = "{home}/internal-ssl"
c.JupyterHub.trusted_alt_names = ["DNS:hub.example.org"]
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_bind_url.replace("http:", "https:")
c.ConfigurableHTTPProxy.api_url = c.ConfigurableHTTPProxy.api_url.replace("http:", "https:")
# Where Debian's Node looks for modules by itself, and another one must be told.
c.ConfigurableHTTPProxy.command = ["env", "NODE_PATH=/usr/share/nodejs", "{proxy}"]
c.JupyterHub.cleanup_servers = False
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "tls-test"
c.ClusterSpawner.clusters = {{"one": {{"type": "slurm", "conf": "{conf}"}}}}
c.ClusterSpawner.offers = {{
    "cpu": {{"title": "A core", "cluster": "one", "partition": "cpu"}},
    "waits": {{"title": "Waits", "cluster": "one", "partition": "down"}},
}}
c.ClusterSpawner.cmd = ["{session}", "-P", "-m", "lesesal_notebook.session"]
c.ClusterSpawner.environment = {{
    "LESESAL_CLASSROOM_URL": c.JupyterHub.bind_url + "/services/classroom/"}}
c.JupyterHub.services += [{{
    "name": "classroom",
    "url": "{classroom}",
    "timeout": 120,
    "command": [sys.executable, "-m", "courses.classroom", "--ClassroomApp.home={home}/classroom"],
}}]
c.JupyterHub.load_roles += [
    {{"name": "classroom", "services": ["classroom"], "scopes": ["read:servers"]}},
    {{"name": "user", "scopes": ["self", "access:services!service=classroom"]}},
    {{"name": "server", "scopes": [
        "users:activity!user", "access:servers!server", "access:services!service=classroom"]}},
]
c.JupyterHub.log_level = "DEBUG"
c.Spawner.debug = True
"""
FILES = ("ssl.key", "ssl.crt", "ssl-trusted.crt")
HUNG_UP = (httpx.ReadError, httpx.RemoteProtocolError)
ASK_THE_CLASSROOM = """
from lesesal_notebook.exchange.client import Classroom
print(Classroom.of_session().courses())
"""


@pytest.fixture(scope="module")
def classroom() -> str:
    [port] = free_ports(1)
    return f"https://127.0.0.1:{port}"


def bring_in_the_course(site: SlurmSite) -> None:
    """As the operator does it, with everybody in it."""
    folder = site.deployed.hub.parents[1] / f"lib/python3.11/site-packages/courses/content/{COURSE}"
    home = f"--home={site.home}/classroom"
    commands = [["course", "sync", str(folder), home, "--yes"]]
    # Another test's classroom may be here already, and its instructor must stay one.
    roles = {"instructor": "instructor"}
    commands += [
        ["enrol", COURSE, user, f"--role={roles.get(user, 'student')}", home] for user in site.users
    ]
    for command in commands:
        site.machine.command(*site.as_hub(), str(site.deployed.hub), "-m", "courses.cli", *command)


@pytest.fixture(scope="module")
def hub(slurm_site: SlurmSite, classroom: str) -> Iterator[Hub]:
    if not Path(PROXY).exists():
        pytest.skip("The Node proxy is missing (Debian package node-configurable-http-proxy).")
    bring_in_the_course(slurm_site)
    config = CONFIG.format(
        home=slurm_site.home,
        proxy=PROXY,
        conf=slurm_site.machine.conf,
        session=slurm_site.deployed.session,
        classroom=classroom,
    )
    with running_hub(
        slurm_site.home, config, slurm_site.deployed.hub, slurm_site.as_hub()
    ) as running:
        # The hub itself answers to certificates only; the proxy has one.
        running.api_url = f"{running.url}/hub/api"
        for user in slurm_site.users:
            running.api("POST", f"users/{user}")
        yield running


@pytest.fixture(scope="module")
def two(hub: Hub, slurm_site: SlurmSite) -> Iterator[tuple[str, str]]:
    """Two people whose sessions are up."""
    user, other = slurm_site.users[:2]
    for each in (user, other):
        start(hub, each)
    for each in (user, other):
        hub.until_ready(each, COURSE)
    yield user, other
    for each in (user, other):
        hub.api("DELETE", f"users/{each}/servers/{COURSE}")


@pytest.fixture
def somebody(hub: Hub, slurm_site: SlurmSite) -> Iterator[str]:
    """A person without a session, before and after."""
    user = slurm_site.users[2]
    yield user
    hub.api("DELETE", f"users/{user}/servers/{COURSE}")
    until(lambda: hub.server(user, COURSE) is None, "the session is stopped")


def start(hub: Hub, user: str, offer: str = "cpu") -> None:
    answer = hub.api(
        "POST", f"users/{user}/servers/{COURSE}", json={"user_options": {"offer": offer}}
    )
    assert answer.status_code in {201, 202}, answer.text


def address(hub: Hub, user: str) -> str:
    """Where a session listens, on its node."""
    up = hub.until_ready(user, COURSE)["state"]["session"]["up"]
    return f"https://{up['node']}:{up['port']}/user/{user}/{COURSE}/api"


def given(hub: Hub, user: str, host: str = "") -> dict[str, Any]:
    """What the session says of itself, through the proxy."""
    headers = {"Authorization": f"token {hub.token}", "Accept": "application/json"}
    answer = httpx.get(
        f"{hub.url}/user/{user}/{COURSE}/lesesal/session",
        headers=headers | ({"Host": host} if host else {}),
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def folder(user: str) -> Path:
    return Path(pwd.getpwnam(user).pw_dir, ".local/state/lesesal/sessions/tls-test", COURSE)


def text_of(file: Path) -> str:
    """What is in it; nothing of a database's journal that is gone by now."""
    try:
        return file.read_text(errors="replace")
    except FileNotFoundError:
        return ""


def trusting(authority: Path, *pair: Path) -> ssl.SSLContext:
    """As who trusts this authority, and shows this certificate and key, if any."""
    context = ssl.create_default_context(cafile=authority)
    if pair:
        context.load_cert_chain(*pair)
    return context


async def printed(hub: Hub, user: str, code: str) -> str:
    """What code prints in a new kernel of the session, over the proxy."""
    headers = {"Authorization": f"token {hub.token}"}
    kernels = f"{hub.url}/user/{user}/{COURSE}/api/kernels"
    async with httpx.AsyncClient(headers=headers, timeout=120) as client:
        kernel = (await client.post(kernels, json={"name": "python3"})).json()["id"]
    channels = f"{kernels.replace('http:', 'ws:')}/{kernel}/channels"
    socket = await websocket_connect(HTTPRequest(channels, headers=headers))
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}}
    header = {"msg_id": "1", "msg_type": "execute_request", "session": "1", "username": ""}
    request = {"header": header | {"version": "5.3"}, "parent_header": {}, "metadata": {}}
    await socket.write_message(json.dumps(request | {"content": content, "channel": "shell"}))
    text = ""
    while True:
        message = json.loads(str(await asyncio.wait_for(socket.read_message(), 120)))
        if message["parent_header"].get("msg_id") != "1":
            continue
        match message["msg_type"], message["content"]:
            case "stream", said:
                text += said["text"]
            case "error", said:
                text += f"{said['ename']}: {said['evalue']}"
            case "status", {"execution_state": "idle"}:
                socket.close()
                return text


async def test_a_session_answers_through_the_proxy_and_its_kernel_reaches_the_classroom(
    hub: Hub, two: tuple[str, str]
) -> None:
    user, _ = two
    shown = given(hub, user)
    assert (shown["machine"], shown["partition"]) == ("gpu4", "cpu")
    # The proxy checks the name that the browser used, whatever machine it connects to.
    assert given(hub, user, host="hub.example.org") == shown
    assert await printed(hub, user, ASK_THE_CLASSROOM) == f"['{COURSE}']\n"


def test_the_classroom_knows_from_the_hub_who_asks_and_what_runs(
    hub: Hub, two: tuple[str, str]
) -> None:
    user, _ = two
    token = hub.api("POST", f"users/{user}/tokens").json()["token"]
    headers = {"Authorization": f"token {token}"}
    page = httpx.get(f"{hub.url}/services/classroom/", headers=headers, timeout=60)
    assert page.status_code == 200
    assert f'data-session="{COURSE}"' in page.text
    assert 'data-state="ready"' in page.text


def test_a_session_takes_requests_from_hub_and_proxy_only(
    hub: Hub, two: tuple[str, str], slurm_site: SlurmSite
) -> None:
    user, other = two
    at = address(hub, user)
    certificates = slurm_site.home / "internal-ssl"
    sessions = certificates / "notebooks-ca/notebooks-ca.crt"
    hubs_own = [certificates / f"hub-internal/hub-internal.{end}" for end in ("crt", "key")]
    others_own = [folder(other) / "1" / name for name in ("ssl.crt", "ssl.key")]

    # So it is there, under its node's name; what follows is refused for what it lacks.
    with httpx.Client(verify=trusting(sessions, *hubs_own), timeout=60) as client:
        assert client.get(at).status_code == 200

    with pytest.raises(HUNG_UP):
        httpx.get(at.replace("https:", "http:"), timeout=60)
    for context, why in (
        (trusting(sessions), "certificate required"),
        (trusting(sessions, *others_own), "unknown ca"),
    ):
        with (
            httpx.Client(verify=context, timeout=60) as client,
            pytest.raises(httpx.ReadError, match=why),
        ):
            client.get(at)
    # And a session trusts no session that says it is the hub.
    trusted = trusting(folder(user) / "1/ssl-trusted.crt", *hubs_own)
    with (
        httpx.Client(verify=trusted, timeout=60) as client,
        pytest.raises(httpx.ConnectError, match="certificate verify failed"),
    ):
        client.get(at)


def test_the_hub_and_the_classroom_take_no_request_without_a_certificate(
    hub: Hub, two: tuple[str, str], slurm_site: SlurmSite, classroom: str
) -> None:
    user, _ = two
    api: str = json.loads((folder(user) / "1/session.json").read_text())["JUPYTERHUB_API_URL"]
    certificates = slurm_site.home / "internal-ssl"
    everybody = certificates / "hub-ca_trust.crt"
    proxys = [certificates / f"proxy-client/proxy-client.{end}" for end in ("crt", "key")]
    for at in (f"{api}/", f"{classroom}/services/classroom/api/health"):
        with httpx.Client(verify=trusting(everybody, *proxys), timeout=60) as client:
            assert client.get(at).status_code == 200
        with pytest.raises(HUNG_UP):
            httpx.get(at.replace("https:", "http:"), timeout=60)
        with (
            httpx.Client(verify=trusting(everybody), timeout=60) as client,
            pytest.raises(httpx.ReadError, match="certificate required"),
        ):
            client.get(at)


def test_a_key_is_its_users_alone_nowhere_else_and_gone_with_the_session(
    hub: Hub, somebody: str, slurm_site: SlurmSite
) -> None:
    user = somebody
    start(hub, user)
    job = hub.until_ready(user, COURSE)["state"]["job_id"]
    account = pwd.getpwnam(user)
    files = [folder(user) / "1" / name for name in FILES]
    assert [(oct(file.stat().st_mode), file.stat().st_uid) for file in files] == [
        ("0o100600", account.pw_uid)
    ] * 3
    secret = files[0].read_text().splitlines()[1]
    owned = [(each, system.ask(each.uids)) for each in psutil.process_iter()]
    mine = [each for each, owner in owned if owner and owner.real == account.pw_uid]
    assert mine
    places = {
        "the job's script": slurm_site.machine.command(
            "scontrol", "write", "batch_script", job, "-"
        ).stdout,
        "environments": str([system.ask(process.environ) for process in mine]),
        "arguments": str([each.info["cmdline"] for each in psutil.process_iter(["cmdline"])]),
        "the hub's log": hub.log.read_text(),
        "the hub's files": "".join(
            text_of(file) for file in slurm_site.home.rglob("*") if file.is_file()
        ),
    }
    assert [name for name, text in places.items() if secret in text] == []
    assert all(places.values())

    assert hub.api("DELETE", f"users/{user}/servers/{COURSE}").status_code in {202, 204}
    # 202 is that it takes longer than the hub waits for.
    until(lambda: not folder(user).exists(), "its files are removed")


def test_a_certificate_holds_for_all_machines_of_the_cluster(two: tuple[str, str]) -> None:
    user, _ = two
    certificate = x509.load_pem_x509_certificate((folder(user) / "1/ssl.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == [
        *("gpu1", "gpu2", "gpu3", "gpu4"),
        *("hub.example.org", "localhost"),
    ]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_sessions_that_run_and_wait_outlive_a_hub_that_is_killed(
    hub: Hub, two: tuple[str, str], somebody: str, slurm_site: SlurmSite
) -> None:
    (runs, _), waits = two, somebody
    start(hub, waits, "waits")
    told = f"session/{waits}/{COURSE}"
    until(lambda: hub.api("GET", told).json()["phase"] == "waiting", "one waits")
    before = given(hub, runs)
    hub.kill()
    hub.start()
    hub.until_ready(runs, COURSE)
    assert given(hub, runs) == before
    slurm_site.machine.command("scontrol", "update", "PartitionName=down", "State=UP")
    try:
        hub.until_ready(waits, COURSE)
    finally:
        slurm_site.machine.command("scontrol", "update", "PartitionName=down", "State=DOWN")
    assert given(hub, waits)["partition"] == "down"

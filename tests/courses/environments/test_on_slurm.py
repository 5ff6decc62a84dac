"""A course's environment on a real Slurm: the whole session side, real sessions, real kernels."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from classroom_kit import course, enrol, put
from deployed import CHECKOUT
from environment_kit import Site, pins, said_by
from hubs import Hub, running_hub, until
from slurm_site import SlurmSite
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from courses import catalogue
from courses.environments.image import image_of
from courses.store import Store, default_url

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(600)]

CONFIG = """
from courses.hub import StoreTerms
from spawners.hub import ClusterSpawner
c.JupyterHub.spawner_class = ClusterSpawner
c.ClusterSpawner.hub_id = "environments"
c.ClusterSpawner.clusters = {{"one": {{"type": "slurm", "conf": "{conf}"}}}}
c.ClusterSpawner.offers = {{"cpu-small": {{"title": "A core", "cluster": "one", "cpus": 2}}}}
c.ClusterSpawner.terms = StoreTerms("{database}", "{environments}")
c.ClusterSpawner.cmd = ["{session}", "-P", "-m", "lesesal_notebook.session"]
c.ClusterSpawner.default_url = "/lab"
"""
LOOK = """
import os, sys, iniconfig
print(sys.prefix, iniconfig.__file__, os.path.exists(sys.prefix + "/.image"))
"""


@contextmanager
def fuse_for_everybody() -> Iterator[None]:
    """As nodes have it."""
    fuse = Path("/dev/fuse")
    before = fuse.stat().st_mode & 0o777
    try:
        fuse.chmod(0o666)
        yield
    finally:
        fuse.chmod(before)


@pytest.fixture
def whole(slurm_site: SlurmSite) -> Iterator[Site]:
    """A course whose environment is built with this release's session side."""
    with tempfile.TemporaryDirectory(prefix="lesesal-env-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        site = Site(folder / "course", folder / "environments", CHECKOUT)
        site.write(pins("dev.txt", "iniconfig"))
        yield site
        for place, _, _ in os.walk(folder):
            Path(place).chmod(0o700)


@pytest.fixture
def hub(slurm_site: SlurmSite, whole: Site, tmp_path: Path) -> Iterator[Hub]:
    user = slurm_site.users[0]
    store = Store.of_home(slurm_site.home)
    put(store, course(environment=catalogue.load(whole.course).environment))
    enrol(store, "optics", **{user: "student"})
    store.close()
    for each in slurm_site.home.glob("classroom.sqlite*"):
        each.chmod(0o666)
    config = CONFIG.format(
        conf=slurm_site.machine.conf,
        database=default_url(slurm_site.home),
        environments=whole.root,
        session=slurm_site.deployed.session,
    )
    with running_hub(
        slurm_site.home, config, slurm_site.deployed.hub, slurm_site.as_hub()
    ) as running:
        running.api("POST", f"users/{user}")
        yield running


def start(hub: Hub, user: str) -> httpx.Response:
    return hub.api("POST", f"users/{user}/servers/optics", json={})


def end(hub: Hub, user: str) -> None:
    hub.api("DELETE", f"users/{user}/servers/optics")
    until(lambda: hub.server(user, "optics") is None, "the session has ended")


async def in_a_new_kernel(hub: Hub, user: str, code: str) -> str:
    """What a new kernel prints when it runs this code."""
    headers = {"Authorization": f"token {hub.token}"}
    address = f"{hub.url}/user/{user}/optics/api/kernels"
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        kernel = (await client.post(address, json={"name": "python3"})).json()["id"]
    channels = f"{address}/{kernel}/channels".replace("http", "ws", 1)
    socket = await websocket_connect(HTTPRequest(channels, headers=headers))
    header = {"msg_id": "1", "msg_type": "execute_request", "session": "test", "version": "5.3"}
    message = {"header": header, "parent_header": {}, "metadata": {}}
    content = {"code": code, "silent": False}
    await socket.write_message(json.dumps({**message, "channel": "shell", "content": content}))
    async with asyncio.timeout(60):
        while True:
            answer = json.loads(await socket.read_message() or "{}")
            if answer["msg_type"] in {"stream", "error"}:
                socket.close()
                return str(answer["content"].get("text", answer["content"]))


def seen(hub: Hub, user: str) -> list[str]:
    """Prefix, where the course's package is, whether it is the image."""
    return asyncio.run(in_a_new_kernel(hub, user, LOOK)).split()


def test_sessions_run_in_the_courses_environment_and_keep_it(
    hub: Hub, whole: Site, slurm_site: SlurmSite
) -> None:
    user = slurm_site.users[0]
    refused = start(hub, user)
    assert refused.status_code == 403
    assert "is not built yet" in refused.json()["message"]

    first = whole.build().folder
    package = str(next(first.glob("lib/*/site-packages/iniconfig/__init__.py")))
    start(hub, user)
    hub.until_ready(user, "optics")
    assert seen(hub, user) == [str(first), package, "False"]

    whole.write((whole.course / "requirements.txt").read_text() + "# another\n")
    second = whole.build(squashfs=True).folder
    assert second != first
    # The one that runs keeps its own, in new kernels too.
    assert seen(hub, user) == [str(first), package, "False"]
    end(hub, user)

    def mounters() -> list[int]:
        image = str(image_of(second).path)
        found = psutil.process_iter(["name", "cmdline"])
        return [each.pid for each in found if image in (each.info["cmdline"] or [])]

    # A node where nobody may mount runs from the folder.
    start(hub, user)
    hub.until_ready(user, "optics")
    assert (seen(hub, user)[0], seen(hub, user)[2], mounters()) == (str(second), "False", [])
    end(hub, user)

    with fuse_for_everybody():
        start(hub, user)
        hub.until_ready(user, "optics")
        assert (seen(hub, user)[0], seen(hub, user)[2]) == (str(second), "True")
        assert len(mounters()) == 1
        end(hub, user)
        until(lambda: not mounters(), "the mount is gone")

    whole.shelf.use(first.name)
    start(hub, user)
    hub.until_ready(user, "optics")
    assert seen(hub, user)[0] == str(first)
    end(hub, user)
    assert whole.shelf.problems(first.name) == whole.shelf.problems(second.name) == []
    assert said_by(first / "bin" / "python", "import iniconfig; print(1)", 65534) == "1"

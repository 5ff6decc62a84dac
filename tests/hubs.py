"""A real JupyterHub with its real proxy, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from slurm.system import free_ports

SECONDS = 120
# For addresses without TLS: httpx reads all the world's certificates for each client (20 ms).
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass
class Hub:
    """A hub that runs.

    Attributes:
        url: the proxy's address, as people see it, without a slash at the end.
        api_url: the hub's API.
        log: the hub's log so far.
        process: the hub.
        token: of a service that may do everything.
        command: what runs it.
    """

    url: str
    api_url: str
    log: Path
    token: str
    command: list[str | Path]
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start it, and wait until it answers through its proxy: then both are up."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.log.parent,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        until_it_answers(f"{self.url}/hub/api", self.process, self.log)

    def kill(self) -> None:
        """End it as a power cut does; its proxy goes on."""
        self.process.kill()
        self.process.wait()

    def api(
        self, method: str, path: str, token: str | None = None, **kwargs: Any
    ) -> httpx.Response:
        """A request to the hub's API, as the service or with another token."""
        headers = {"Authorization": f"token {token or self.token}", **kwargs.pop("headers", {})}
        return httpx.request(
            method,
            f"{self.api_url}/{path}",
            headers=headers,
            timeout=SECONDS,
            verify=NO_CERTIFICATES,
            **kwargs,
        )

    def server(self, user: str, server: str) -> dict[str, Any] | None:
        """The hub's model of a server; None when there is none."""
        model = self.api("GET", f"users/{user}").json()
        found: dict[str, Any] | None = model["servers"].get(server)
        return found

    def until_ready(self, user: str, server: str) -> dict[str, Any]:
        """The model of a server once it is ready; fails with the log's tail when it never is."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            model = self.server(user, server)
            if model and model["ready"]:
                return model
            time.sleep(0.1)
        raise TimeoutError(self.log.read_text(errors="replace")[-3000:])


HEAD = """
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{ports[0]}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{ports[1]}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{ports[2]}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.JupyterHub.db_url = "sqlite:///{folder}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie-secret"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.authenticator_class = "null"
c.JupyterHub.services = [{{"name": "tester", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [{{"name": "tester", "services": ["tester"], "scopes": [
    "admin:users", "admin:servers", "access:servers", "admin:server_state", "tokens",
    "read:metrics"]}}]
"""


@contextlib.contextmanager
def running_hub(
    folder: Path,
    config: str,
    python: Path = Path(sys.executable),
    prefix: Sequence[str] = (),
) -> Iterator[Hub]:
    """A hub with this configuration after the head that tests share; ended at the end.

    Args:
        folder: for its files; its account must be able to write there.
        config: what it has of its own.
        python: the interpreter of its hub side.
        prefix: goes before its command, such as what makes it another account's.
    """
    token = os.urandom(16).hex()
    ports = free_ports(3)
    proxy = python.with_name("configurable-http-proxy")
    text = HEAD.format(ports=ports, proxy=proxy, folder=folder, token=token) + config
    (folder / "jupyterhub_config.py").write_text(text)
    hub = Hub(
        f"http://127.0.0.1:{ports[0]}",
        f"http://127.0.0.1:{ports[1]}/hub/api",
        folder / "hub.log",
        token,
        [*prefix, python, "-m", "jupyterhub", "-f", folder / "jupyterhub_config.py"],
    )
    try:
        hub.start()
        yield hub
    finally:
        hub.process.send_signal(signal.SIGINT)
        try:
            hub.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            hub.process.kill()
            raise


def until(happened: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Wait until it has happened; fails with what did not."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def until_it_answers(
    url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = SECONDS
) -> None:
    """Wait until an address answers; fails with the log's tail when it does not, or at the end
    of its process."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, verify=NO_CERTIFICATES).status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer:\n" + log.read_text(errors="replace")[-3000:])

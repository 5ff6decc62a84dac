"""What the hub tells of batch jobs: ``{api}/batch/USER/SERVER`` (docs/session-api.md).

Asked with the session's own token, which is read at each request and kept nowhere else.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3

from ..language import latest
from .errors import BatchError, HubRefused, HubSilent, NotInASessionError
from .words import _

# A start waits for the cluster's own answer.
SECONDS = {"POST": 60, "GET": 10, "DELETE": 60}
# Seconds that an answer serves all that is shown of runs in one process.
FRESH = 8.0


@dataclass(frozen=True)
class Told:
    """What the hub knows of a session's batch jobs.

    Attributes:
        server: the session's name.
        runs: by name, as docs/session-api.md has them.
        offers: what may be asked for: ``name``, ``title``, ``hours``, ``gpus``.
        at: when it said so, in seconds since 1970.
    """

    server: str
    runs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    offers: list[dict[str, Any]] = field(default_factory=list)
    at: float = 0.0


class Hub:
    """The hub, as a session asks it about batch jobs.

    Args:
        url: of the session's batch jobs.
        server: the session's name, which is its course's.
        token: the file that the session's token is in.
        files: JupyterHub's names of certificates' files, for a hub that wants them.
    """

    def __init__(
        self, url: str, server: str, token: Path, files: Mapping[str, Any] | None = None
    ) -> None:
        self.server = server
        self._url = url
        self._token = token
        self._pool = urllib3.PoolManager(**(files or {}))

    @classmethod
    def of_this_session(cls) -> Hub:
        """Raises `NotInASessionError`."""
        env = os.environ
        try:
            names = (env["JUPYTERHUB_USER"], env["JUPYTERHUB_SERVER_NAME"])
            api, folder = env["JUPYTERHUB_API_URL"], env["LESESAL_SESSION_DIR"]
        except KeyError as error:
            raise NotInASessionError(_no_hub()) from error
        path = "/".join(quote(name, safe="") for name in names)
        certificate = {
            "key_file": env.get("JUPYTERHUB_SSL_KEYFILE", ""),
            "cert_file": env.get("JUPYTERHUB_SSL_CERTFILE", ""),
            "ca_certs": env.get("JUPYTERHUB_SSL_CLIENT_CA", ""),
        }
        given = {name: value for name, value in certificate.items() if value}
        url = f"{api.rstrip('/')}/batch/{path}"
        return cls(url, names[1], Path(folder, "token"), given)

    def submit(
        self, run: str, offer: str | None, hours: float | None, tasks: int
    ) -> Mapping[str, Any]:
        """Start a job: ``job``, ``offer``, ``hours``, ``tasks``. Raises `BatchError`."""
        wish = {"run": run, "offer": offer, "hours": hours, "tasks": tasks}
        return self._ask("POST", self._url, wish)

    def told(self) -> Told:
        """What it knows of all jobs. Raises `BatchError`."""
        answer = self._ask("GET", self._url)
        runs, offers = answer.get("runs"), answer.get("offers")
        return Told(
            self.server,
            runs if isinstance(runs, dict) else {},
            offers if isinstance(offers, list) else [],
            time.time(),
        )

    def cancel(self, run: str) -> None:
        """End a job; one that has ended is no error. Raises `BatchError`."""
        self._ask("DELETE", f"{self._url}/{quote(run, safe='')}")

    def _ask(self, method: str, url: str, content: Any = None) -> dict[str, Any]:
        try:
            token = self._token.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise NotInASessionError(_no_hub()) from error
        headers = {"Authorization": f"token {token}", "Accept-Language": latest()}
        try:
            answer = self._pool.request(
                method, url, json=content, headers=headers, retries=False, timeout=SECONDS[method]
            )
            body = json.loads(answer.data) if answer.data else {}
        except urllib3.exceptions.HTTPError as error:
            raise HubSilent(_("The hub does not answer. Try again in a minute.")) from error
        except ValueError as error:
            raise HubSilent(_("The hub does not answer. Try again in a minute.")) from error
        body = body if isinstance(body, dict) else {}
        if 400 <= answer.status < 500:
            otherwise = _("The hub refused it (HTTP {status}).", status=answer.status)
            raise HubRefused(str(body.get("message") or otherwise))
        if answer.status >= 300:
            raise HubSilent(_("The hub does not answer. Try again in a minute."))
        return body


def _no_hub() -> str:
    return _("Batch jobs are started in a session of Lesesal: nothing here knows the hub.")


class Ear:
    """What the hub said last, for all that a process shows of runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: Told | None = None
        self._silent = False
        self._asked = -FRESH

    def hear(self) -> tuple[Told | None, bool]:
        """What it says, None without an answer; and whether it was asked and is silent."""
        with self._lock:
            if time.monotonic() - self._asked >= FRESH:
                self._told, self._silent = None, False
                try:
                    self._told = Hub.of_this_session().told()
                except NotInASessionError:
                    pass
                except BatchError:
                    self._silent = True
                self._asked = time.monotonic()
            return self._told, self._silent

    def forget(self) -> None:
        """Ask again next time: something has changed."""
        self._asked = -FRESH

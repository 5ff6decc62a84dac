"""The person's sessions, as the hub knows them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from logging import Logger
from urllib.parse import quote

from jupyterhub.services.auth import HubOAuth
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from courses.errors import Unavailable

_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class RunningSession:
    """A session that runs, waits, or stops.

    Attributes:
        slug: its course.
        url: where it is, ``/user/kari/ai-foundations/``.
        state: ``ready``, ``starting`` or ``stopping``.
    """

    slug: str
    url: str
    state: str


def parse(user: dict[str, object]) -> dict[str, RunningSession]:
    """The hub's model of a user -> the sessions, by course."""
    servers = user.get("servers") or {}
    if not isinstance(servers, dict):
        return {}
    found = {}
    for slug, server in servers.items():
        if not slug or server.get("stopped"):
            continue
        pending = server.get("pending")
        state = {"spawn": "starting", "stop": "stopping"}.get(pending, "starting")
        if server.get("ready") and not pending:
            state = "ready"
        found[slug] = RunningSession(slug, server.get("url", ""), state)
    return found


class Sessions:
    """Asks the hub with the service's own token: scopes ``read:servers`` and ``delete:servers``."""

    def __init__(self, auth: HubOAuth, log: Logger) -> None:
        self._auth = auth
        self._log = log

    async def of(self, user: str) -> dict[str, RunningSession]:
        """The person's sessions by course; none when the hub does not answer."""
        try:
            return parse(json.loads(await self._ask("GET", f"users/{_part(user)}")))
        except (Unavailable, ValueError):
            return {}

    async def stop(self, user: str, slug: str) -> None:
        """Stop a session; nothing when there is none. Raises `Unavailable`."""
        await self._ask("DELETE", f"users/{_part(user)}/servers/{_part(slug)}")

    async def _ask(self, method: str, path: str) -> bytes:
        request = HTTPRequest(
            f"{self._auth.api_url.rstrip('/')}/{path}",
            method=method,
            headers={"Authorization": f"token {self._auth.api_token}"},
            request_timeout=_TIMEOUT_SECONDS,
        )
        try:
            return (await AsyncHTTPClient().fetch(request)).body
        except HTTPClientError as error:
            if error.code == 404:
                return b"{}"
            self._log.warning("the hub answered %s to %s %s", error.code, method, path)
            raise _no_answer() from error
        except OSError as error:
            self._log.warning("the hub does not answer %s %s: %s", method, path, error)
            raise _no_answer() from error


def _no_answer() -> Unavailable:
    return Unavailable("The hub does not answer just now. Wait a moment and try again.")


def _part(name: str) -> str:
    return quote(name, safe="@")

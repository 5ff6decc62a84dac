"""The person's sessions, as the hub knows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from logging import Logger
from typing import Literal
from urllib.parse import quote

from jupyterhub.services.auth import HubOAuth
from pydantic import BaseModel, ConfigDict
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from courses.errors import Unavailable
from courses.language import gettext as _

_TIMEOUT_SECONDS = 10.0
_ON_ITS_WAY = frozenset({"submitting", "waiting", "booting", "opening"})


class More(BaseModel):
    """More time that may be had: the session goes on (``extend``), or another one is booked."""

    model_config = ConfigDict(frozen=True)

    hours: float
    how: Literal["extend", "follow"]


class Last(BaseModel):
    """How and why a session ended."""

    model_config = ConfigDict(frozen=True)

    at: float
    sentence: str


class Told(BaseModel):
    """What ``hub/api/session/USER/SERVER`` tells of a session (spawners.hub.routes).

    Times are in seconds since 1970; None is what nobody knows.
    """

    model_config = ConfigDict(frozen=True)

    pending: bool = False
    ready: bool = False
    phase: str = "none"
    news: str = ""
    place: int | None = None
    queue_length: int | None = None
    expected: tuple[float, float] | None = None
    silent_since: float | None = None
    notes: tuple[str, ...] = ()
    switching_to: str | None = None
    ends: float | None = None
    more: More | None = None
    last: Last | None = None


class _Answer(BaseModel):
    sessions: dict[str, Told]


@dataclass(frozen=True)
class Session:
    """A session that runs, is on its way, stops, or has ended.

    Attributes:
        slug: its course.
        url: where it is, ``/user/kari/ai-foundations/``.
        state: ``ready``, ``starting``, ``returning`` (to another machine), ``stopping``, ``none``.
        told: what there is to tell of it; little, when the hub's spawner is not ours.
    """

    slug: str
    url: str
    state: str
    told: Told = field(default_factory=Told)


def read_sessions(body: bytes, address: str) -> dict[str, Session]:
    """Our spawner's answer -> the sessions, by course.

    Args:
        body: of ``hub/api/session/USER``.
        address: where the person's servers are, ``/user/kari/``.
    """
    found = _Answer.model_validate_json(body).sessions
    return {
        slug: Session(slug, f"{address}{_part(slug)}/", _state(told), told)
        for slug, told in found.items()
        if slug
    }


def _state(told: Told) -> str:
    if told.phase == "returning":
        return "returning"
    if told.ready:
        return "ready"
    if told.pending:
        return "starting" if told.phase in _ON_ITS_WAY else "stopping"
    return "none"


def read_user(body: bytes) -> dict[str, Session]:
    """JupyterHub's model of a user -> the sessions, by course."""
    servers = json.loads(body).get("servers") or {}
    found = {}
    for slug, server in servers.items():
        if not slug or server.get("stopped"):
            continue
        pending = server.get("pending")
        state = {"spawn": "starting", "stop": "stopping"}.get(pending, "starting")
        if server.get("ready") and not pending:
            state = "ready"
        found[slug] = Session(slug, server.get("url", ""), state)
    return found


class Sessions:
    """Asks the hub with the service's own token.

    Its scopes: ``read:servers`` and ``delete:servers``; for more time also ``servers``.
    """

    def __init__(self, auth: HubOAuth, log: Logger) -> None:
        self._auth = auth
        self._log = log

    async def of(self, user: str) -> Mapping[str, Session]:
        """The person's sessions by course; none when the hub does not answer.

        A hub whose spawner is not ours does not know the first address; JupyterHub's own says less.
        """
        base = self._auth.hub_host + self._auth.hub_prefix.removesuffix("hub/")
        try:
            answer = await self._fetch("GET", f"session/{_part(user)}")
            if answer.code == 200:
                return read_sessions(answer.body, f"{base}user/{_part(user)}/")
            return read_user(await self._ask("GET", f"users/{_part(user)}"))
        except Unavailable:
            return {}
        except ValueError:
            self._log.exception("the hub tells of sessions in words that are not known here")
            return {}

    async def stop(self, user: str, slug: str) -> None:
        """Stop a session; nothing when there is none. Raises `Unavailable`."""
        await self._ask("DELETE", f"users/{_part(user)}/servers/{_part(slug)}")

    async def more(self, user: str, slug: str) -> str:
        """Get a session more time; the hub's refusal as a sentence, or empty when it was given.

        Raises `Unavailable`.
        """
        answer = await self._fetch("POST", f"session/{_part(user)}/{_part(slug)}/more", b"{}")
        if answer.code < 400:
            return ""
        otherwise = _("The session cannot have more time just now.")
        if answer.code in (404, 500):
            return otherwise
        try:
            return str(json.loads(answer.body)["message"])
        except (ValueError, LookupError, TypeError):
            return otherwise

    async def _ask(self, method: str, path: str) -> bytes:
        answer = await self._fetch(method, path)
        if answer.code == 404:
            return b"{}"
        if answer.code >= 400:
            raise _no_answer()
        return answer.body

    async def _fetch(self, method: str, path: str, body: bytes | None = None) -> HTTPResponse:
        request = HTTPRequest(
            f"{self._auth.api_url.rstrip('/')}/{path}",
            method=method,
            headers={"Authorization": f"token {self._auth.api_token}"},
            body=body,
            request_timeout=_TIMEOUT_SECONDS,
        )
        try:
            answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        except (HTTPClientError, OSError) as error:
            self._log.warning("the hub does not answer %s %s: %s", method, path, error)
            raise _no_answer() from error
        if answer.code >= 400 and answer.code != 404:
            self._log.warning("the hub answered %s to %s %s", answer.code, method, path)
        return answer


def _no_answer() -> Unavailable:
    return Unavailable(_("The hub does not answer just now. Wait a moment and try again."))


def _part(name: str) -> str:
    return quote(name, safe="@")

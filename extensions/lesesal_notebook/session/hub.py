"""What the hub tells of this session: when it ends, and whether it may have more time.

``GET {api}/session/USER/SERVER`` and ``POST …/more``, with the session's own token. The end is not
in the session's files, because it may change while the session runs.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3

from ..language import gettext as _
from ..language import latest

# A hub that starts again is away for longer; then the last known end stays.
SECONDS = 10


class HubSilent(Exception):
    """The hub does not answer, or not in words that are known; the text is a sentence."""


class HubRefused(Exception):
    """The hub does not give more time; the text is its sentence."""


@dataclass(frozen=True)
class Told:
    """What is known of the session's time.

    Attributes:
        ends: when it ends, in seconds since 1970; None when nobody can tell.
        more: the time that could be had now: ``hours``, and ``how``: ``extend`` (this session goes
            on) or ``follow`` (another one is booked). None where there is none.
        news: a sentence for the person; may be empty.
    """

    ends: float | None = None
    more: Mapping[str, Any] | None = None
    news: str = ""


class Hub:
    """The hub, as this session asks it.

    Args:
        api_url: the hub's API.
        token: the session's own.
        user: the session's user.
        server: the session's name.
        tls: for a hub that wants a certificate (``internal_ssl``).
    """

    def __init__(
        self, api_url: str, token: str, user: str, server: str, tls: ssl.SSLContext | None = None
    ) -> None:
        names = "/".join(quote(name, safe="") for name in (user, server))
        self._url = f"{api_url.rstrip('/')}/session/{names}"
        self._headers = {"Authorization": f"token {token}"}
        self._pool = urllib3.PoolManager(ssl_context=tls)

    async def ask(self) -> Told:
        """What the hub knows. Raises `HubSilent`."""
        status, body = await asyncio.to_thread(self._request, "GET", self._url, None)
        if status != 200:
            raise HubSilent(f"The hub answered with HTTP {status}.")
        return _told(body)

    async def more(self) -> Told:
        """Ask for more time; `news` says what came of it. Raises `HubRefused`, `HubSilent`."""
        status, body = await asyncio.to_thread(self._request, "POST", f"{self._url}/more", {})
        if 400 <= status < 500:
            otherwise = _("There is no more time for this session.", latest())
            raise HubRefused(str(body.get("message") or otherwise))
        if status != 200:
            raise HubSilent(f"The hub answered with HTTP {status}.")
        return _told(body)

    def _request(
        self, method: str, url: str, content: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        try:
            answer = self._pool.request(
                method,
                url,
                json=content,
                headers=self._headers | {"Accept-Language": latest()},
                retries=False,
                timeout=SECONDS,
            )
            body = json.loads(answer.data)
        except urllib3.exceptions.HTTPError as error:
            raise HubSilent(f"The hub can't be reached: {error}.") from error
        except ValueError as error:
            raise HubSilent("The hub's answer is no JSON.") from error
        return answer.status, body if isinstance(body, dict) else {}


def _told(body: Mapping[str, Any]) -> Told:
    ends, more = body.get("ends"), body.get("more")
    return Told(
        ends=float(ends) if isinstance(ends, int | float) else None,
        more=more if isinstance(more, dict) else None,
        news=str(body.get("news") or ""),
    )

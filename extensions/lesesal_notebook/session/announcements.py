"""What staff announces to the course, for the session's pages: ``<session>/lesesal/announcements``.

Loaded when an open page first asks. The classroom is asked with the session's own token, and not
more often than pages of one session would ask in turn.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import urllib3
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

SETTING = "lesesal_announcements"
# Seconds that an answer serves all pages of the session.
FRESH = 30.0
SECONDS = 10
_SHOWN = ("id", "title", "text", "author")


class Announcements:
    """The announcements of one course.

    Args:
        url: the classroom's address.
        course: the course's slug.
        token: the session's own.
    """

    def __init__(self, url: str, course: str, token: str) -> None:
        self._url = f"{url.rstrip('/')}/api/courses/{quote(course, safe='')}/announcements"
        self._headers = {"Authorization": f"token {token}"}
        # As requests does it, for a classroom whose certificate a private authority signed.
        authority = os.environ.get("REQUESTS_CA_BUNDLE") or None
        self._pool = urllib3.PoolManager(ca_certs=authority)
        self._known: list[dict[str, Any]] = []
        self._asked = -FRESH
        self._lock = asyncio.Lock()

    async def current(self) -> list[dict[str, Any]]:
        """Those that hold now, newest first; what is known when the classroom does not answer."""
        async with self._lock:
            if time.monotonic() - self._asked >= FRESH:
                self._asked = time.monotonic()
                found = await asyncio.to_thread(self._ask)
                if found is not None:
                    self._known = found
        return self._known

    def _ask(self) -> list[dict[str, Any]] | None:
        try:
            answer = self._pool.request(
                "GET", self._url, headers=self._headers, retries=False, timeout=SECONDS
            )
            if answer.status != 200:
                return None
            return [{name: each[name] for name in _SHOWN} for each in json.loads(answer.data)]
        except (urllib3.exceptions.HTTPError, ValueError, LookupError, TypeError):
            return None


class AnnouncementsHandler(JupyterHandler):
    """``lesesal/announcements``."""

    @web.authenticated
    async def get(self) -> None:
        """What is announced: ``{"announcements": [{"id", "title", "text", "author"}]}``."""
        known: Announcements | None = self.settings[SETTING]
        self.finish({"announcements": await known.current() if known else []})


def announcements(environment: Mapping[str, str], token: str) -> Announcements | None:
    """Those of the session's course; None where there is no classroom."""
    url = environment.get("LESESAL_CLASSROOM_URL", "")
    course = environment.get("JUPYTERHUB_SERVER_NAME", "")
    return Announcements(url, course, token) if url and course and token else None


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    auth = getattr(app.identity_provider, "hub_auth", None)
    token = auth.api_token if auth is not None else ""
    app.web_app.settings[SETTING] = announcements(os.environ, token)
    route = url_path_join(app.web_app.settings["base_url"], "lesesal", "announcements")
    app.web_app.add_handlers(".*$", [(route, AnnouncementsHandler)])

"""Requests to the site's front door: the address that people type."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

# Of one request. What it belongs to has its own deadline.
SECONDS = 60.0
_GATEWAY = frozenset({502, 503, 504})
# As the page of who waits does when it has no answer (spawners/hub/pages/waiting.js).
_AGAIN = 3.0


class Trouble(Exception):
    """What went wrong, as a sentence; never with a token in it."""


@dataclass(frozen=True)
class Answer:
    """An answer: its status and its body."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def gave_up(self) -> bool:
        """Whether a proxy gave up waiting: what was asked for may be done, or not."""
        return self.status in _GATEWAY and not self.message()

    def json(self) -> Any:
        """The body's value. Raises `Trouble` when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Trouble("The answer is not the expected one, but some page.") from None

    def message(self) -> str:
        """The sentence of an error as the hub, the classroom and Jupyter tell it; may be empty."""
        try:
            told = json.loads(self.body)
        except ValueError:
            return ""
        found = told.get("message") if isinstance(told, dict) else None
        return str(found or "")


class Front:
    """The front door, for one who holds a token.

    Args:
        http: shared by all.
        url: the site's address, as people type it, without a slash at the end.
        token: who asks.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str = "") -> None:
        self._http = http
        self.url = url
        self._token = token

    def as_person(self, token: str) -> Front:
        """The same door, for another."""
        return Front(self._http, self.url, token)

    async def ask(self, method: str, path: str, body: object = None, **params: str) -> Answer:
        """An answer, whatever its status. Raises `Trouble` when there is none."""
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._http.request(
                    method,
                    f"{self.url}{path}",
                    headers=self._headers,
                    json=body,
                    params=params,
                    # A page that sends one to the login is not the page.
                    allow_redirects=False,
                ) as answer,
            ):
                return Answer(answer.status, await answer.read())
        except TimeoutError:
            raise Trouble(f"A request was not answered within {SECONDS:g} s.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Trouble(f"{self.url} does not answer: {_words(error)}.") from error

    async def get(
        self, what: str, method: str, path: str, body: object = None, **params: str
    ) -> Answer:
        """An answer of success. Else raises `Trouble` that says what did not come.

        Args:
            what: what is asked for, in words that begin a sentence.
        """
        return _good(what, await self.ask(method, path, body, **params))

    async def patient(self, what: str, method: str, path: str) -> Answer:
        """The same for what a page, or a person, repeats when a proxy gave up waiting; until the
        caller's deadline."""
        while True:
            answer = await self.ask(method, path)
            if not answer.gave_up:
                return _good(what, answer)
            await asyncio.sleep(_AGAIN)

    async def events(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """What a stream of events tells, until it ends or breaks."""
        try:
            async with self._http.get(f"{self.url}{path}", headers=self._headers) as answer:
                async for line in answer.content:
                    if line.startswith(b"data:"):
                        yield json.loads(line.removeprefix(b"data:"))
        except (aiohttp.ClientError, OSError, ValueError):
            return

    @asynccontextmanager
    async def websocket(self, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A websocket. Raises `Trouble`."""
        try:
            async with self._http.ws_connect(
                f"{self.url}{path}", headers=self._headers, max_msg_size=0
            ) as socket:
                yield socket
        except (aiohttp.ClientError, OSError) as error:
            raise Trouble(f"The kernel's connection broke: {_words(error)}.") from error

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self._token}"}


@asynccontextmanager
async def front_door(url: str, token: str) -> AsyncIterator[Front]:
    """The front door of a site, for many at once."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    # Cookies would make all students the same browser.
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        yield Front(http, url.rstrip("/"), token)


def _good(what: str, answer: Answer) -> Answer:
    if answer.gave_up:
        raise Trouble(f"{what} took too long for the proxy, which gave up ({answer.status}).")
    if not answer.ok:
        said = answer.message()
        raise Trouble(f"{what} was answered with {answer.status}" + (f": {said}" if said else "."))
    return answer


def _words(error: Exception) -> str:
    """An error's words without who asked and where, so that the same cause reads the same."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or "the connection was refused"
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"answered with {error.status}"
    return str(error).rstrip(".") or type(error).__name__

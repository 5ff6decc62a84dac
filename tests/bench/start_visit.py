"""A person's visit: the click, the page, the first cell, the first click on each tool.

All requests go through the proxy with a token of the person's own, as a browser's do.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from bench.start_sides import Side

SERVER: Final = "course"
START_SECONDS: Final = 240
PAGE_SECONDS: Final = 60
CLICKS: Final = {
    "assignments": ("GET", "assignments?course_id=bench"),
    "terminal": ("POST", "api/terminals"),
    "lsp": ("GET", "lsp/status"),
    "resources": ("GET", "api/metrics/v1"),
}


@dataclass(frozen=True)
class Arrival:
    """What came of a click.

    Attributes:
        hub_s: seconds from the click until the hub said that the server is ready.
        ready_s: until JupyterLab's page was there, too: this is *ready*.
        why_not: empty when it is ready.
    """

    hub_s: float
    ready_s: float
    why_not: str = ""


class Person:
    """One user of a side."""

    def __init__(self, side: Side, client: aiohttp.ClientSession, name: str) -> None:
        self.name = name
        self._client = client
        self._hub = f"{side.hub.url}/hub/api/users/{name}"
        self._server = f"{side.hub.url}/user/{name}/{SERVER}"
        self._options = side.options
        side.hub.api("POST", f"users/{name}")
        answer = side.hub.api("POST", f"users/{name}/tokens", json={"note": "bench"})
        answer.raise_for_status()
        self._headers = {"Authorization": f"token {answer.json()['token']}"}

    async def arrive(self, look: Callable[[], object] = lambda: None) -> Arrival:
        """Click, and wait for JupyterLab's page.

        `look` is called when the hub says that the server is ready, and when the page is there.
        """
        clicked = time.perf_counter()

        def since() -> float:
            return time.perf_counter() - clicked

        hub_s = 0.0
        try:
            async with asyncio.timeout(START_SECONDS):
                why_not = await self._click()
                hub_s = since()
                if not why_not:
                    look()
                    why_not = await self._page()
        except TimeoutError:
            why_not = f"not ready after {START_SECONDS} s"
        except aiohttp.ClientError as error:
            why_not = f"{type(error).__name__}: {error}"
        arrival = Arrival(hub_s, since(), why_not)
        if not why_not:
            look()
        return arrival

    async def _click(self) -> str:
        """Start the server and wait until the hub says that it is ready; or why it is not."""
        body = {"user_options": self._options}
        async with self._request("POST", f"{self._hub}/servers/{SERVER}", json=body) as answer:
            if answer.status == 201:
                return ""
            if answer.status != 202:
                return f"HTTP {answer.status}: {await _message(answer)}"
        # The stream of events that JupyterHub's own pending page follows.
        async with self._request("GET", f"{self._hub}/servers/{SERVER}/progress") as events:
            async for line in events.content:
                if not line.startswith(b"data:"):
                    continue
                event = json.loads(line.removeprefix(b"data:"))
                if event.get("ready"):
                    return ""
                if event.get("failed"):
                    return str(event["message"])
        return "the hub ended its stream of events"

    async def _page(self) -> str:
        # No redirect is followed: the page of a login would be a 200, too.
        async with self._request("GET", f"{self._server}/lab", allow_redirects=False) as answer:
            await answer.read()
            return "" if answer.status == 200 else f"HTTP {answer.status} for /lab"

    async def first_clicks(self) -> dict[str, dict[str, float]]:
        """Status and seconds of the first click on each of the tools."""
        found = {}
        for name, (method, path) in CLICKS.items():
            clicked = time.perf_counter()
            async with self._request(method, f"{self._server}/{path}") as answer:
                await answer.read()
            seconds = time.perf_counter() - clicked
            found[name] = {"status": answer.status, "seconds": seconds}
        return found

    async def first_cell(self) -> float:
        """Seconds until a new kernel has answered `1+1`."""
        begun = time.perf_counter()
        async with asyncio.timeout(PAGE_SECONDS):
            async with self._request("POST", f"{self._server}/api/kernels", json={}) as answer:
                answer.raise_for_status()
                kernel = (await answer.json())["id"]
            url = f"{self._server}/api/kernels/{kernel}/channels"
            async with self._client.ws_connect(url, headers=self._headers) as socket:
                await socket.send_json(_execute("1+1"))
                async for message in socket:
                    if _is_two(json.loads(message.data)):
                        return time.perf_counter() - begun
        raise RuntimeError("The kernel closed its channels.")

    async def leave(self) -> None:
        """Ask the hub to stop the server."""
        async with self._request("DELETE", f"{self._hub}/servers/{SERVER}"):
            pass

    def _request(self, method: str, url: str, **kwargs: Any) -> Any:
        return self._client.request(method, url, headers=self._headers, **kwargs)


async def _message(answer: aiohttp.ClientResponse) -> str:
    """The hub's sentence; nothing where it is a page, which is the proxy's."""
    if answer.content_type != "application/json":
        return answer.reason or ""
    return str((await answer.json()).get("message"))


def _execute(code: str) -> dict[str, object]:
    """A request to execute (Jupyter's messaging protocol, over a websocket)."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "session": uuid.uuid4().hex,
        "username": "",
        "version": "5.3",
        "date": "2026-01-01T00:00:00Z",
    }
    return {
        "channel": "shell",
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False, "store_history": True, "stop_on_error": True},
        "buffers": [],
    }


def _is_two(message: dict[str, Any]) -> bool:
    return (
        message["header"]["msg_type"] == "execute_result"
        and message["content"]["data"]["text/plain"] == "2"
    )

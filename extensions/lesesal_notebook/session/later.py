"""Server extensions that are loaded when they are first used.

Most of what a Jupyter Server loads at its start is for pages that most people never open. Here an
extension may be named with the addresses that it answers: it is imported and loaded when one of
them is first asked for, and that request waits for it.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from jupyter_server.utils import url_path_join
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.routing import Matcher, Router, Rule


class Later:
    """The extensions of one server that are not loaded yet.

    Args:
        app: the server.
        extensions: by the extension's module, the addresses that it answers, and all below them,
            relative to the server's own.
    """

    def __init__(self, app: Any, extensions: Mapping[str, Sequence[str]]) -> None:
        self._app = app
        self._addresses = {
            name: tuple(url_path_join(app.base_url, address) for address in addresses)
            for name, addresses in extensions.items()
        }
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._loaded: set[str] = set()

    def install(self) -> None:
        """Stand before all that the server answers."""
        router = self._app.web_app.default_router
        router.rules.insert(0, router.process_rule(Rule(_Awaited(self), _Waiting(self))))

    def wanted(self, path: str) -> list[str]:
        """The extensions that must be loaded before this path can be answered."""
        return [
            name
            for name, addresses in self._addresses.items()
            if name not in self._loaded
            and any(path == one or path.startswith(f"{one}/") for one in addresses)
        ]

    async def load(self, names: Sequence[str]) -> None:
        """Load extensions, each once. One that fails is logged, as at the server's start."""
        for name in names:
            if name not in self._loading:
                self._loading[name] = asyncio.create_task(self._load(name))
        await asyncio.gather(*(asyncio.shield(self._loading[name]) for name in names))

    def find_handler(self, request: HTTPServerRequest) -> HTTPMessageDelegate:
        """Who answers this request when all is loaded that it needs; if with "not found"."""
        delegate: HTTPMessageDelegate = self._app.web_app.find_handler(request)
        return delegate

    async def _load(self, name: str) -> None:
        # Not on the loop: kernels' output and other pages go on meanwhile.
        try:
            await asyncio.to_thread(importlib.import_module, name)
        except Exception:
            logging.getLogger(__name__).exception("%s can't be imported", name)
        manager = self._app.extension_manager
        if manager.add_extension(name, enabled=True):
            manager.link_extension(name)
            manager.load_extension(name)
            await manager.start_extension(name)
        self._loaded.add(name)


class _Awaited(Matcher):
    """Matches what must wait for an extension."""

    def __init__(self, later: Later) -> None:
        self._later = later

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Tornado's protocol: a dict when it matches, else None."""
        return {} if self._later.wanted(request.path) else None


class _Waiting(Router):
    """Lets requests wait."""

    def __init__(self, later: Later) -> None:
        self._later = later

    def find_handler(self, request: HTTPServerRequest, **more: Any) -> HTTPMessageDelegate:
        """Tornado's protocol."""
        return _Request(self._later, request)


class _Request(HTTPMessageDelegate):
    """A request that waits: taken in, and handed on when somebody can answer it."""

    def __init__(self, later: Later, request: HTTPServerRequest) -> None:
        self._later = later
        self._request = request
        self._steps: list[Callable[[HTTPMessageDelegate], Awaitable[None] | None]] = []
        self._next: HTTPMessageDelegate | None = None
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        """Keep the head."""
        self._steps.append(lambda to: to.headers_received(start_line, headers))

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body; the server has a limit for all of it."""
        self._steps.append(lambda to: to.data_received(chunk))

    def finish(self) -> None:
        """All is there: load, hand on."""
        self._task = asyncio.create_task(self._hand_on())

    def on_connection_close(self) -> None:
        """Nobody waits any more."""
        self._closed = True
        if self._next is not None:
            self._next.on_connection_close()

    async def _hand_on(self) -> None:
        await self._later.load(self._later.wanted(self._request.path))
        if self._closed:
            return
        self._next = self._later.find_handler(self._request)
        for step in self._steps:
            waiting = step(self._next)
            if waiting is not None:
                await waiting
        self._next.finish()

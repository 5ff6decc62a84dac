"""The Formgraders of courses: programs that start when somebody comes, and end when nobody does."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass, field
from logging import Logger
from pathlib import Path
from typing import Any

from tornado.httpclient import HTTPError, HTTPRequest, HTTPResponse
from tornado.netutil import Resolver
from tornado.simple_httpclient import (
    HTTPStreamClosedError,
    HTTPTimeoutError,
    SimpleAsyncHTTPClient,
)

from courses.coursedir.child import environment
from courses.errors import Unavailable
from courses.language import gettext as _

_START_SECONDS = 60.0
_PAGE_SECONDS = 60.0
_MOST_BYTES = 200_000_000


class _ToSocket(Resolver):
    """All names are one Unix socket."""

    def initialize(self, path: str) -> None:
        self._path = path

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        return [(socket.AF_UNIX, self._path)]


@dataclass
class _Running:
    process: Process
    client: SimpleAsyncHTTPClient


@dataclass
class Formgraders:
    """A program for each course whose staff is grading by hand.

    Attributes:
        home: the folder for their sockets, nobody else's.
    """

    home: Path
    log: Logger
    _running: dict[str, _Running] = field(default_factory=dict)
    _starting: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def ask(
        self,
        slug: str,
        directory: Path,
        address: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> HTTPResponse:
        """Ask the Formgrader of a course directory; the answer, whatever its status.

        Args:
            address: below the course's address, ``"formgrader/gradebook"``, with the query.

        Raises `Unavailable` when it does not start or takes too long.
        """
        request = HTTPRequest(
            f"http://formgrader/{address}",
            method=method,
            headers=dict(headers),
            body=body,
            follow_redirects=False,
            request_timeout=_PAGE_SECONDS,
            allow_nonstandard_methods=True,
        )
        try:
            return await self._fetch(slug, directory, request)
        except (HTTPStreamClosedError, OSError):
            # It ended a moment ago, because nobody came.
            self._end(slug)
        try:
            return await self._fetch(slug, directory, request)
        except (HTTPStreamClosedError, OSError) as error:
            self._end(slug)
            self.log.warning("The Formgrader of %s does not answer: %s", slug, error)
            raise Unavailable(_("The Formgrader does not answer. Try again in a minute.")) from None

    async def _fetch(self, slug: str, directory: Path, request: HTTPRequest) -> HTTPResponse:
        async with self._starting.setdefault(slug, asyncio.Lock()):
            running = self._running.get(slug)
            if running is None or running.process.returncode is not None:
                running = self._running[slug] = await self._start(slug, directory)
        try:
            return await running.client.fetch(request, raise_error=False)
        except HTTPTimeoutError:
            # Whatever it is busy with, nobody else shall wait for it.
            self._end(slug)
            self.log.warning("The Formgrader of %s took too long: %s", slug, request.url)
            raise Unavailable(
                _("This took too long, and was given up. The notebook may be too large to show.")
            ) from None
        except HTTPError as error:
            raise OSError(str(error)) from None

    async def _start(self, slug: str, directory: Path) -> _Running:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._running:
            for left in self.home.glob("*.socket"):  # by a classroom that was killed
                left.unlink(missing_ok=True)
        # Short: a socket's path has 107 bytes at most.
        address = self.home / f"{secrets.token_hex(4)}.socket"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "courses.formgrader", str(directory), str(address)),
            stdin=PIPE,  # it ends when this closes, so with the classroom
            stdout=PIPE,
            cwd=self.home,
            env=environment(self.home),
        )
        assert process.stdout is not None  # noqa: S101  it was asked for
        try:
            ready = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
        except TimeoutError:
            ready = b""
        if not ready:
            if process.returncode is None:
                process.kill()
            await process.wait()
            self.log.error("The Formgrader of %s does not start.", slug)
            raise Unavailable(_("The Formgrader does not start. Tell the people who run this."))
        client = SimpleAsyncHTTPClient(
            force_instance=True, resolver=_ToSocket(path=str(address)), max_body_size=_MOST_BYTES
        )
        return _Running(process, client)

    def _end(self, slug: str) -> None:
        running = self._running.pop(slug, None)
        if running is not None:
            running.client.close()
            if running.process.returncode is None:
                running.process.kill()

    def close(self) -> None:
        """End all of them."""
        for slug in list(self._running):
            self._end(slug)

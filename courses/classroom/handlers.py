"""What all handlers share: errors as sentences, and the store's work off the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from logging import Logger
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ParamSpec, TypeVar

import jinja2
from jupyterhub.services.auth import HubOAuth
from tornado.web import HTTPError, RequestHandler

from courses import language
from courses.classroom.checks import Checks
from courses.classroom.desks import Desks
from courses.classroom.formgraders import Formgraders
from courses.classroom.grading import GradingRuns
from courses.classroom.hub_groups import HubKeeper
from courses.classroom.live import Live
from courses.classroom.sessions import Sessions
from courses.classroom.statuses import sentence_for, status_of
from courses.course import Caller
from courses.errors import CourseError, NotAllowed, Unavailable
from courses.language import gettext as _

P = ParamSpec("P")
T = TypeVar("T")

_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Shared:
    """What the application gives to its handlers."""

    desks: Desks
    auth: HubOAuth
    sessions: Sessions
    live: Live
    keeper: HubKeeper
    grading: GradingRuns
    checks: Checks
    formgraders: Formgraders
    pool: ThreadPoolExecutor
    templates: jinja2.Environment
    log: Logger


class Handler(RequestHandler):
    """Errors of `courses.errors` get their status; what no person can use stays in the log."""

    shared: Shared

    def initialize(self, shared: Shared) -> None:
        self.shared = shared
        accept = self.request.headers.get("Accept-Language", "")
        language.set_current(language.choose(self.get_cookie(language.COOKIE, "") or "", accept))

    def set_default_headers(self) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "private, no-store")

    async def work(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what blocks in a worker thread."""
        loop = asyncio.get_running_loop()
        # The language of the request goes along.
        call = partial(contextvars.copy_context().run, call)
        return await loop.run_in_executor(self.shared.pool, partial(call, *args, **kwargs))

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Names in addresses and forms are text that a database can hold (PostgreSQL: no NUL)."""
        text = super().decode_argument(value, name)
        if "\0" in text:
            raise HTTPError(404 if name is None else 400)
        return text

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        error = _error(kwargs)
        super().send_error(status_of(error) if error else status_code, **kwargs)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if isinstance(value, CourseError) and status_of(value) < 500:
            self.shared.log.info("%s %s: %s", self.request.method, self.request.path, value)
        else:
            super().log_exception(typ, value, tb)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = _error(kwargs)
        self.write_sentence(status_code, str(error) if error else sentence_for(status_code))

    def write_sentence(self, status: int, message: str) -> None:
        """Finish with an error that a person can read."""
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(self.sentence_json(status, message))

    @staticmethod
    def sentence_json(status: int, message: str) -> bytes:
        """The body of an error, as docs/exchange-api.md has it."""
        return json.dumps({"status": status, "message": message}, ensure_ascii=False).encode()

    async def send_file(self, source: Path | IO[bytes], name: str) -> None:
        """Answer with an archive as a download, in pieces; an open file is closed then."""
        file = await self.work(source.open, "rb") if isinstance(source, Path) else source
        with file:
            size = os.fstat(file.fileno()).st_size
            self.set_header("Content-Type", "application/zip")
            self.set_header("Content-Length", str(size))
            safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
            self.set_header("Content-Disposition", f'attachment; filename="{safe}"')
            while chunk := await self.work(file.read, _CHUNK):
                self.write(chunk)
                await self.flush()


class ApiHandler(Handler):
    """A handler for programs: JSON, and who asks is told by a token in a header, never a cookie."""

    def check_xsrf_cookie(self) -> None:
        """Nothing to check: a page of another site cannot send the header."""

    async def person(self) -> Caller:
        """Who asks, as the hub says. Raises `NotAllowed`, `Unavailable`."""
        auth = self.shared.auth
        token = auth.get_token(self, in_cookie=False)
        if not token:
            raise NotAllowed(
                _("The request has no token. Send a JupyterHub token in the header Authorization.")
            )
        try:
            model = await auth.user_for_token(token, sync=False)
        except HTTPError as error:
            raise hub_away() from error
        if model is None:
            raise NotAllowed(
                _("The hub does not know this token. Restart your session to get a new one.")
            )
        if model.get("kind", "user") != "user":
            raise NotAllowed(_("This token is a service's; the classroom serves people."))
        if not auth.check_scopes(auth.access_scopes, model):
            needed = max(auth.access_scopes, key=len, default="access:services")
            raise NotAllowed(
                _("This token may not enter the classroom: it lacks {scope}.", scope=needed)
            )
        return caller(model)


class NoSuchApi(ApiHandler):
    """All addresses below ``api/`` that are none."""

    def prepare(self) -> None:
        raise HTTPError(404)


def caller(model: Mapping[str, Any]) -> Caller:
    """Who asks, from the hub's model of the person; the hub's admins are the site's operators."""
    return Caller(str(model["name"]), operator=bool(model.get("admin")))


def hub_away() -> Unavailable:
    return Unavailable(_("The hub does not say who you are just now. Wait a moment and try again."))


def _error(kwargs: dict[str, Any]) -> CourseError | None:
    value = (kwargs.get("exc_info") or (None, None))[1]
    return value if isinstance(value, CourseError) else None

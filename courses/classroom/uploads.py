"""Uploads that go to disk as they come, and end as soon as it is clear that they must."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError
from tornado.web import stream_request_body

from courses.classroom.desks import Upload
from courses.classroom.handlers import ApiHandler
from courses.classroom.statuses import status_of
from courses.course import Caller
from courses.errors import CourseError, TooLarge
from courses.language import gettext as _
from courses.store import Incoming
from courses.words import size

# A refused upload up to this size is read to its end and thrown away, because a client that is
# still sending may lose our answer when we close (RFC 9112, 9.6). What is larger is cut.
_READ_ANYWAY = 8_000_000
_SECONDS_TO_SEE_WHY = 1.0
_NO_LIMIT = 1 << 62  # ours is counted in data_received; tornado's would answer without a sentence


@stream_request_body
class UploadHandler(ApiHandler):
    """One archive as the request's body. Subclasses say what may be sent, in `expect`."""

    _upload: Upload | None = None
    _incoming: Incoming | None = None
    _refusal: CourseError | None = None
    _thrown_away = 0
    _over = False

    def expect(self, who: Caller, *names: str) -> Upload:
        """What this person may send to this address; raises errors of `courses.errors`."""
        raise NotImplementedError

    async def prepare(self) -> None:
        if self.request.method not in ("PUT", "POST"):
            return
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            connection.set_max_body_size(_NO_LIMIT)
        try:
            self._upload = await self.work(self.expect, await self.person(), *self.path_args)
            self._incoming = await self.work(
                self.shared.desks.store.blobs.incoming, self._upload.max_bytes
            )
            if self._over:  # the client went away while the file was made
                self._discard()
            if self._announced() > self._upload.max_bytes:
                limit = size(self._upload.max_bytes)
                raise TooLarge(
                    _(
                        "The archive is larger than {limit}. Take out what is not needed.",
                        limit=limit,
                    )
                )
        except CourseError as error:
            self._refusal = error
            if self._announced() > _READ_ANYWAY:
                await self._cut(error)

    async def data_received(self, chunk: bytes) -> None:
        if self._refusal is None and self._incoming is not None:
            try:
                await self.work(self._incoming.write, chunk)
            except CourseError as error:
                self._refusal = error
            except ValueError:  # the client went away, and on_connection_close was here
                return
        else:
            self._thrown_away += len(chunk)
            if self._thrown_away > _READ_ANYWAY and self._refusal and not self._finished:
                await self._cut(self._refusal)

    async def receive(self) -> object:
        """The answer of the upload's `finish`; raises what it raises, or what came up before."""
        if self._refusal is not None:
            raise self._refusal
        assert self._upload is not None  # noqa: S101  prepare has set these or a refusal
        assert self._incoming is not None  # noqa: S101
        answer = await self.work(self._upload.finish, self._incoming)
        self.set_status(201)
        return answer

    async def _cut(self, error: CourseError) -> None:
        """Answer now, read no further, and close when the client has had time to see why."""
        body = self.sentence_json(status_of(error), str(error))
        self.set_status(status_of(error))
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.set_header("Content-Length", str(len(body)))
        self.set_header("Connection", "close")
        self.write(body)
        with suppress(StreamClosedError):
            await self.flush()
            await asyncio.sleep(_SECONDS_TO_SEE_WHY)
            # Finishing before the body has been read makes tornado close the connection.
            await self.finish()

    def on_finish(self) -> None:
        self._discard()

    def on_connection_close(self) -> None:
        self._discard()
        super().on_connection_close()

    def _discard(self) -> None:
        self._over = True
        if self._incoming is not None:
            self.shared.pool.submit(self._incoming.discard)

    def _announced(self) -> int:
        length = self.request.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() else 0

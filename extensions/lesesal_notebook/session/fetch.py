"""JupyterHub's ``httpclient.fetch`` for a session, over tornado's client.

JupyterHub asks its hub with aiohttp, whose import costs a session more than all the questions it
will ever ask. Tornado's client is there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ssl import SSLContext

from tornado.httpclient import AsyncHTTPClient
from tornado.httputil import HTTPHeaders


@dataclass(frozen=True)
class Response:
    """What JupyterHub's session side reads of an answer."""

    status: int
    headers: HTTPHeaders
    body: bytes

    async def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


async def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    data: str | bytes | None = None,
    ssl: SSLContext | None = None,
    raise_for_status: bool = True,
) -> Response:
    """One request, with the arguments that JupyterHub's session side uses.

    Raises `tornado.httpclient.HTTPError` for a status of 400 and more if `raise_for_status`;
    `OSError`, or an error of tornado's, where there is no answer.
    """
    answer = await AsyncHTTPClient().fetch(
        url,
        method=method,
        headers=dict(headers or {}),
        body=data,
        ssl_options=ssl,
        # A POST may have no body, as with aiohttp.
        allow_nonstandard_methods=True,
        raise_error=raise_for_status,
    )
    return Response(answer.code, answer.headers, answer.body)

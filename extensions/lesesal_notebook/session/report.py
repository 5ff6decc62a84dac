"""Telling the hub where the session listens."""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Any, Self

import urllib3
from urllib3.util import Retry

from .settings import Certificate


class Patience(Retry):
    """Tries again, but not where it can't help: a certificate that is wrong stays wrong."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """See urllib3's `Retry`."""
        if isinstance(error, urllib3.exceptions.SSLError) and isinstance(
            error.args[0], ssl.SSLCertVerificationError
        ):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


# A hub that is started again may be away for minutes, and then finds this session: a quarter of an
# hour of patience.
RETRY = Patience(
    total=100,
    backoff_factor=0.2,
    backoff_max=10,
    status_forcelist=(502, 503, 504),
    allowed_methods=None,
)


# A hub from which a whole class starts at once is slow; asking again would make it slower.
SECONDS = 30


class NotExpectedError(Exception):
    """The hub does not wait for this session; the text is a sentence."""


def report_port(
    api_url: str, token: str, port: int, attempt: int, certificate: Certificate | None = None
) -> str:
    """Report the port to the hub's callback route, once; gives the hub's version.

    `attempt` says which of the session's jobs this is.

    Raises `NotExpectedError` when the hub refuses it or can't be reached.
    """
    try:
        answer = _client(certificate).request(
            "POST",
            f"{api_url.rstrip('/')}/session",
            json={"port": port, "attempt": attempt},
            headers={"Authorization": f"token {token}"},
            retries=RETRY,
            timeout=SECONDS,
        )
    except urllib3.exceptions.HTTPError as error:
        raise NotExpectedError(f"The hub at {api_url} can't be reached: {error}.") from error
    if answer.status != 204:
        raise NotExpectedError(
            f"The hub does not wait for this session (HTTP {answer.status}); ending it."
        )
    return answer.headers.get("X-JupyterHub-Version", "")


def _client(certificate: Certificate | None) -> urllib3.PoolManager:
    if certificate is None:
        return urllib3.PoolManager()
    return urllib3.PoolManager(
        key_file=certificate.key,
        cert_file=certificate.certificate,
        ca_certs=certificate.trusted,
    )

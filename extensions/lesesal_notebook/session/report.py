"""Telling the hub where the session listens."""

from __future__ import annotations

import urllib3
from urllib3.util import Retry

# A hub that starts again is away for some seconds; a queue of reports is quick.
RETRY = Retry(
    total=8,
    backoff_factor=0.2,
    backoff_max=10,
    status_forcelist=(502, 503, 504),
    allowed_methods=None,
)


class NotExpectedError(Exception):
    """The hub does not wait for this session; the text is a sentence."""


def report_port(api_url: str, token: str, port: int) -> None:
    """Report the port to the hub's callback route, once.

    Raises `NotExpectedError` when the hub refuses it or can't be reached.
    """
    try:
        answer = urllib3.PoolManager().request(
            "POST",
            f"{api_url.rstrip('/')}/session",
            json={"port": port},
            headers={"Authorization": f"token {token}"},
            retries=RETRY,
            timeout=10,
        )
    except urllib3.exceptions.HTTPError as error:
        raise NotExpectedError(f"The hub at {api_url} can't be reached: {error}.") from error
    if answer.status != 204:
        raise NotExpectedError(
            f"The hub does not wait for this session (HTTP {answer.status}); ending it."
        )

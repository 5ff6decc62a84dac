"""Who asks: the hub's answer to that, remembered for some seconds.

JupyterHub asks its database whose cookie it is for each request, which is a millisecond in the loop
that answers all of them. For those who only look, what it said some seconds ago will do.
"""

from __future__ import annotations

import time
from typing import Any

from jupyterhub.handlers.base import BaseHandler

# Seconds.
KNOWN = 10.0
_known: dict[str, tuple[float, Any]] = {}
_user_for_cookie = BaseHandler._user_for_cookie


def _known_user_for_cookie(handler: Any, cookie_name: str, cookie_value: Any = None) -> Any:
    cookie = handler.get_cookie(cookie_name)
    looks = handler.request.method in ("GET", "HEAD")
    if cookie_value is not None or not cookie or not looks:
        return _user_for_cookie(handler, cookie_name, cookie_value)
    now = time.monotonic()
    until, user = _known.get(cookie, (0.0, None))
    if now < until and user.id in handler.users:
        return user
    user = _user_for_cookie(handler, cookie_name)
    if user is not None:
        for each in [each for each, (until, _) in _known.items() if until < now]:
            del _known[each]
        _known[cookie] = now + KNOWN, user
    return user


def install() -> None:
    """Let the hub remember. Idempotent."""
    BaseHandler._user_for_cookie = _known_user_for_cookie

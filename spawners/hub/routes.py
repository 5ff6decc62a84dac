"""The routes of sessions that are starting, and the end of batchspawner's.

``POST {hub}/api/session`` with the session's own token and ``{"port": 40123}``. It is taken once,
for that token's spawner, while that spawner waits for it; everything else is 403.

``GET {hub}/api/session/USER/SERVER`` tells those who may read that server what there is to tell who
waits: ``{"news": sentence, "pending": true}``. The pending page asks it: the hub's own stream
of events does not pass a proxy that holds answers back until they are whole.

batchspawner's own route sets any attribute of the spawner that a user's token names, and importing
batchspawner adds it to the hub. `install` takes it out, before the hub builds its handlers.
"""

from __future__ import annotations

import hmac
import json

from jupyterhub.apihandlers import APIHandler, default_handlers
from jupyterhub.scopes import needs_scope
from tornado import web

from ..launch import Launch

PATH = r"/api/session"
NEWS_PATH = r"/api/session/([^/]+)/([^/]+)"
BATCHSPAWNER_PATH = r"/api/batchspawner"
# The ports that a program without privileges may bind.
PORTS = range(1024, 65536)


class SessionHandler(APIHandler):
    """Takes the port of a session that is starting."""

    def post(self) -> None:
        """See the module's text. 204 when it was taken."""
        launch = self._expecting()
        try:
            body = json.loads(self.request.body)
        except ValueError:
            body = None
        port = body.get("port") if isinstance(body, dict) and set(body) == {"port"} else None
        if isinstance(port, bool) or not isinstance(port, int) or port not in PORTS:
            raise web.HTTPError(403, "A session reports one port, and nothing else.")
        launch.take_port(port)
        self.set_status(204)

    def _expecting(self) -> Launch:
        token = self.get_auth_token()
        user = self.current_user
        for spawner in getattr(user, "spawners", {}).values() if token else ():
            launch = getattr(spawner, "launch", None)
            # Not the spawner that a body or path names: the one whose token this is.
            own = hmac.compare_digest(spawner.api_token.encode(), token.encode())
            if own and launch is not None and launch.expects_port:
                return launch
        raise web.HTTPError(403, "No session that is starting has this token.")


class NewsHandler(APIHandler):
    """Tells what there is to tell of a session that is starting."""

    @needs_scope("read:servers")
    def get(self, user_name: str, server_name: str) -> None:
        """See the module's text. 404 when there is no such server."""
        user = self.find_user(user_name)
        spawner = user.spawners.get(server_name) if user else None
        if spawner is None:
            raise web.HTTPError(404, "There is no such session.")
        launch = getattr(spawner, "launch", None)
        self.finish({"news": launch.news if launch else "", "pending": bool(spawner.pending)})


def install() -> None:
    """Put our routes in and take batchspawner's out. Idempotent."""
    ours = {PATH: SessionHandler, NEWS_PATH: NewsHandler}
    kept = [each for each in default_handlers if each[0] not in {BATCHSPAWNER_PATH, *ours}]
    default_handlers[:] = [*kept, *ours.items()]

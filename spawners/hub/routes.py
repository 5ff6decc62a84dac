"""The route by which a session tells its port, and the end of batchspawner's.

``POST {hub}/api/session`` with the session's own token and ``{"port": 40123}``. It is taken once,
for that token's spawner, while that spawner waits for it; everything else is 403.

batchspawner's own route sets any attribute of the spawner that a user's token names, and importing
batchspawner adds it to the hub. `install` takes it out, before the hub builds its handlers.
"""

from __future__ import annotations

import hmac
import json

from jupyterhub.apihandlers import APIHandler, default_handlers
from tornado import web

from ..launch import Launch

PATH = r"/api/session"
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


def install() -> None:
    """Put our route in and take batchspawner's out. Idempotent."""
    kept = [handler for handler in default_handlers if handler[0] not in {BATCHSPAWNER_PATH, PATH}]
    default_handlers[:] = [*kept, (PATH, SessionHandler)]

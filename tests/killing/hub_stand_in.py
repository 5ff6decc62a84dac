"""What the classroom asks a hub, answered: whose token it is. The hub is not what gets killed."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SCOPE = "access:services!service=classroom"
PREFIX = "/services/classroom/"


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if not self.path.endswith("/user"):
            self._answer(404, {"status": 404, "message": "There is only /user here."})
            return
        name = self.headers.get("Authorization", "").removeprefix("token ").removeprefix("of-")
        model = {"name": name, "kind": "user", "admin": False, "groups": [], "scopes": [SCOPE]}
        self._answer(200, model)

    def _answer(self, status: int, model: Mapping[str, object]) -> None:
        body = json.dumps(model).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def token(name: str) -> str:
    """This person's token."""
    return f"of-{name}"


@contextlib.contextmanager
def hub_stand_in() -> Iterator[dict[str, str]]:
    """Answers while the block runs; the environment that a hub gives to the classroom."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield {
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{server.server_port}/hub/api",
            "JUPYTERHUB_API_TOKEN": "of-the-classroom",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_CLIENT_ID": "service-classroom",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps([SCOPE]),
            "JUPYTERHUB_SERVICE_NAME": "classroom",
            "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

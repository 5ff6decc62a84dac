"""A session as its process, and a hub that says what a test wants it to say.

The hub is a fake because a real one's answers can't be had at will: an end in fifteen minutes, a
refusal, silence. With a real hub the same is tested in tests/browser/test_end.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from deployed import CHECKOUT
from hubs import until_it_answers
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

PYTHON = CHECKOUT / ".venv" / "session" / "bin" / "python"
PREFIX = "/user/kim/ai/"
USER = {
    "name": "kim",
    "kind": "user",
    "admin": False,
    "groups": [],
    "scopes": ["access:servers!server=kim/ai"],
    "session_id": None,
}
TOKEN = "0123456789abcdef" * 2
VISITOR = "fedcba9876543210" * 2


@dataclass
class StandInHub:
    """What the hub says, to be changed at will.

    Attributes:
        told: the answer about the session.
        more: the answer to who asks for more time; becomes what is told when its status is 200.
        status: HTTP status of the answer about the session.
        asked: how often the session has asked.
        port: the port that the session reported.
        tokens: that came with questions about the session.
        languages: that they came with.
        announced: status and answer of the classroom about announcements.
        announced_asked: how often it was asked for them.
    """

    told: dict[str, Any] = field(default_factory=dict)
    more: tuple[int, dict[str, Any]] = (200, {})
    status: int = 200
    asked: int = 0
    port: int = 0
    tokens: set[str] = field(default_factory=set)
    languages: list[str] = field(default_factory=list)
    announced: tuple[int, Any] = (200, [])
    announced_asked: int = 0

    def answer(self, method: str, path: str, token: str, body: Any) -> tuple[int, Any]:
        """Status and JSON for one request."""
        match method, path:
            case "GET", "/hub/api/user":
                return (200, USER) if token in {TOKEN, VISITOR} else (403, {})
            case "POST", "/hub/api/session":
                self.port = body["port"]
                return 204, {}
            case "GET", "/hub/api/session/kim/ai":
                self.asked += 1
                self.tokens.add(token)
                return self.status, self.told
            case "GET", "/services/classroom/api/courses/ai/announcements":
                self.tokens.add(token)
                self.announced_asked += 1
                return self.announced
            case "POST", "/hub/api/session/kim/ai/more":
                self.tokens.add(token)
                if self.more[0] == 200:
                    self.told = self.more[1]
                return self.more
        return 200, {"version": "6.1.1"}


@contextlib.contextmanager
def serving(hub: StandInHub) -> Iterator[str]:
    """The hub on a port; gives its API's address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null")
            token = self.headers.get("Authorization", "").rpartition(" ")[2]
            hub.languages.append(self.headers.get("Accept-Language", ""))
            status, answer = hub.answer(self.command, self.path, token, body)
            content = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("X-JupyterHub-Version", "6.1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hub/api"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Session:
    """A session that runs.

    Attributes:
        url: its address, with a slash at the end.
        home: the person's home.
        process: the server.
        log: what it printed.
        hub: who it asks.
    """

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    log: Path
    hub: StandInHub

    def client(self) -> httpx.Client:
        """A client that is logged in by a token."""
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"token {VISITOR}"}, timeout=60
        )

    @contextlib.asynccontextmanager
    async def websocket(self, path: str) -> AsyncIterator[WebSocketClientConnection]:
        """A connection of the same client, closed at the end."""
        socket = await websocket_connect(
            HTTPRequest(
                self.url.replace("http", "ws", 1) + path,
                headers={"Authorization": f"token {VISITOR}"},
                connect_timeout=60,
                request_timeout=60,
            )
        )
        try:
            yield socket
        finally:
            socket.close()


@contextlib.contextmanager
def running_session(folder: Path, hub: StandInHub, **environment: str) -> Iterator[Session]:
    """``python -m lesesal_notebook.session``, as the checkout has it, with this hub."""
    home, files = folder / "home", folder / "session"
    home.mkdir(parents=True)
    files.mkdir()
    with serving(hub) as api:
        variables = {
            "JUPYTERHUB_API_URL": api,
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-kim-ai",
            "JUPYTERHUB_HOST": "",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": json.dumps(USER["scopes"]),
            "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{PREFIX}oauth_callback",
            "JUPYTERHUB_SERVER_NAME": "ai",
            "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
            "JUPYTERHUB_USER": "kim",
            "JUPYTERHUB_ALLOW_TOKEN_IN_URL": "1",
            "LESESAL_ATTEMPT": "1",
            "LESESAL_BIND": "127.0.0.1",
            "LESESAL_CLASSROOM_URL": api.replace("/hub/api", "/services/classroom/"),
            "LESESAL_OFFER": "A place",
            "LESESAL_ROLE": "student",
            **environment,
        }
        (files / "token").write_text(TOKEN)
        (files / "session.json").write_text(json.dumps(variables))
        log = folder / "session.log"
        # What is under test is the checkout, also where `make setup` has not seen it yet.
        extensions = CHECKOUT / "extensions"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [PYTHON, "-P", "-m", "lesesal_notebook.session"],
                cwd=home,
                env={
                    "PATH": os.defpath,
                    "HOME": str(home),
                    "PYTHONPATH": str(extensions),
                    "JUPYTER_CONFIG_PATH": str(extensions / "etc" / "jupyter"),
                    "JUPYTER_PATH": str(extensions / "share" / "jupyter"),
                    "LESESAL_SESSION_DIR": str(files),
                    **environment,
                },
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            deadline = time.monotonic() + 60
            while not hub.port:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(log.read_text(errors="replace")[-3000:])
                time.sleep(0.05)
            url = f"http://127.0.0.1:{hub.port}{PREFIX}"
            until_it_answers(f"{url}api", process, log)
            yield Session(url, home, process, log, hub)
        finally:
            process.terminate()
            process.wait(60)

"""A real JupyterHub with the classroom as its service."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import hubs
import pytest
from postgres_server import PostgresServer

from courses.store import Store
from courses.store.database import sqlite_url

# Helpers beside the tests: this folder has no __init__.py, so it is no package to import from.
sys.path.insert(0, str(Path(__file__).parent))

# The last is in no course, whatever a test does.
USERS = ("ada", "ben", "cleo", "dan", "nobody")

CONFIG = """
import sys
from courses.hub import AccountsAuthenticator
c.JupyterHub.authenticator_class = AccountsAuthenticator
c.AccountsAuthenticator.accounts_file = "{home}/accounts.json"
c.AccountsAuthenticator.admin_users = {{"operator"}}
c.JupyterHub.spawner_class = "simple"
c.Spawner.cmd = [sys.executable, "{server}"]
c.JupyterHub.services.append({{
    "name": "classroom", "url": "http://127.0.0.1:{port}", "oauth_no_confirm": True,
    "timeout": 120,
    "environment": {{"LESESAL_DATABASE_URL": "{database}"}},
    "command": [sys.executable, "-m", "courses.classroom", "--home={home}"]}})
c.JupyterHub.load_roles += [
    {{"name": "classroom", "services": ["classroom"],
      "scopes": ["read:servers", "delete:servers"]}},
    {{"name": "user", "scopes": ["self", "access:services!service=classroom"]}},
]
"""

# A notebook server for the hub's eyes: it answers.
SERVER = """
import http.server, os, signal
from urllib.parse import urlsplit

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

signal.signal(signal.SIGINT, signal.SIG_DFL)
url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
http.server.HTTPServer((url.hostname, url.port), Answer).serve_forever()
"""


@pytest.fixture(scope="session")
def empty_store(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a PostgreSQL database with our tables, to make copies of."""
    name = postgres.new()
    Store.of_home(tmp_path_factory.mktemp("empty"), postgres.url(name)).close()
    return name


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for SQLite: a file, to copy."""
    home = tmp_path_factory.mktemp("empty-file")
    Store.of_home(home, sqlite_url(home)).close()
    return home / "classroom.sqlite"


@pytest.fixture
def database() -> str:
    """``sqlite`` or ``postgresql``; a folder or a module overrides it to run on both."""
    return "sqlite"


@pytest.fixture
def database_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty store's database."""
    if database == "sqlite":
        shutil.copy2(request.getfixturevalue("empty_file"), tmp_path)
        yield sqlite_url(tmp_path)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.new(request.getfixturevalue("empty_store"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def store(tmp_path: Path, database_url: str) -> Iterator[Store]:
    store = Store.of_home(tmp_path, database_url)
    yield store
    store.close()


@dataclass
class Classroom:
    """The classroom of a running hub; ``direct`` is its address without the proxy."""

    hub: hubs.Hub
    direct: str
    home: Path
    store: Store
    _tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{self.hub.url}/services/classroom/"

    def token(self, user: str, scopes: list[str] | None = None) -> str:
        body = {"scopes": scopes} if scopes else {}
        answer = self.hub.api("POST", f"users/{user}/tokens", json=body)
        answer.raise_for_status()
        return str(answer.json()["token"])

    def client(self, user: str, *, proxied: bool = False) -> httpx.Client:
        """A program that speaks to the classroom with the user's token."""
        if user not in self._tokens:
            self._tokens[user] = self.token(user)
        return httpx.Client(
            base_url=self.url if proxied else self.direct,
            headers={"Authorization": f"token {self._tokens[user]}"},
            timeout=60,
            verify=hubs.NO_CERTIFICATES,
        )

    @contextmanager
    def browser(self, user: str) -> Iterator[httpx.Client]:
        """What a person's browser is after the login: cookies, no token."""
        with httpx.Client(base_url=self.url, follow_redirects=True, timeout=60) as browser:
            login = browser.get("")
            assert urlsplit(str(login.url)).path == "/hub/login"
            xsrf = browser.cookies.get("_xsrf", path="/hub/")
            form = {"username": user, "password": f"pw-{user}", "_xsrf": xsrf}
            page = browser.post(login.url, data=form)
            assert (page.status_code, str(page.url)) == (200, self.url)
            yield browser


@pytest.fixture(scope="session")
def classroom(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Classroom]:
    """On SQLite, or on what a module's tests are parametrised with."""
    home = tmp_path_factory.mktemp("hub")
    database = ""
    if getattr(request, "param", "sqlite") == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        database = server.url(server.new(request.getfixturevalue("empty_store")))
    home.chmod(0o700)
    accounts = home / "accounts.json"
    names = (*USERS, "operator")
    accounts.write_text(json.dumps([{"name": name, "password": f"pw-{name}"} for name in names]))
    accounts.chmod(0o600)
    server = home / "server.py"
    server.write_text(SERVER)
    (port,) = hubs.free_ports(1)
    store = Store.of_home(home, database)
    config = CONFIG.format(home=home, server=server, port=port, database=database)
    with hubs.running_hub(home, config) as hub:
        direct = f"http://127.0.0.1:{port}/services/classroom/"
        assert httpx.get(f"{direct}api/health", timeout=60).status_code == 200
        hub.api("POST", "users", json={"usernames": list(USERS)}).raise_for_status()
        yield Classroom(hub, direct, home, store)
    store.close()

"""What a session loads at its start, and what only when it is asked for."""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployed import CHECKOUT
from extensions.session.stand_in import PYTHON, USER, Session, StandInHub, running_session

# Each of them alone costs a tenth of a second or more, or brings others that do; what stock
# sessions import of them at their start is in docs/performance.md.
HEAVY = {
    "IPython", "aiohttp", "alembic", "bs4", "certipy", "httpx", "ipykernel", "jupyter_lsp",
    "jupyter_resource_usage", "jupyterhub.handlers", "jupyterhub.orm", "lark", "latex2mathml",
    "matplotlib", "nbclient", "nbconvert", "nbgitpuller", "nbgrader", "notebook.app", "numpy",
    "oauthlib", "papermill", "pynvml", "requests", "rfc3987_syntax", "sqlalchemy",
}  # fmt: skip
# 722 when this was written; a stock session has 1,900.
MOST_MODULES = 780

# By the extension that answers: an address and what stands in the answer.
ADDRESSES = {
    "jupyter_lsp": ("lsp/status", '"sessions"'),
    "jupyter_resource_usage": ("api/metrics/v1", '"rss"'),
    "jupyter_resource_usage, beside the server's own": ("metrics", "total_memory_usage"),
    "exchange": ("courses", '"success"'),
    "exchange, versions": ("nbgrader_version?version=0", '"success": false'),
    "page": ("lesesal/session", "A place"),
    "nbgitpuller": ("git-pull?repo=https://example.org/course.git", "git-pull"),
    "notebook": ("tree", "jupyter-config-data"),
    "terminals, at once": ("api/terminals", "[]"),
}

LATE = """
import asyncio
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.websocket import WebSocketHandler

print(f"{__name__} is imported", flush=True)
started = []

class Echo(JupyterHandler):
    @web.authenticated
    def post(self):
        self.finish({"said": self.get_json_body()["say"], "started": started})

class Backwards(WebSocketHandler):
    def on_message(self, message):
        self.write_message(message[::-1])

def _jupyter_server_extension_points():
    return [{"module": __name__}]

def _load_jupyter_server_extension(app):
    base = app.web_app.settings["base_url"]
    app.web_app.add_handlers(".*$", [
        (url_path_join(base, __name__, "echo"), Echo),
        (url_path_join(base, __name__, "backwards"), Backwards),
    ])

async def _start_jupyter_server_extension(app):
    await asyncio.sleep(0)
    started.append(True)
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session with three more extensions for later, one of which can't be imported."""
    folder = tmp_path_factory.mktemp("start")
    for name in ("late", "talk"):
        (folder / f"{name}.py").write_text(LATE)
    (folder / "broken.py").write_text("raise RuntimeError('this one is broken')")
    extensions = CHECKOUT / "extensions"
    config = {
        "ServerApp": {"jpserver_extensions": dict.fromkeys(("late", "talk", "broken"), True)},
        "SessionServerApp": {"later": {name: [name] for name in ("late", "talk", "broken")}},
    }
    (folder / "jupyter_server_config.json").write_text(json.dumps(config))
    with running_session(
        folder,
        StandInHub(),
        JUPYTER_CONFIG_PATH=f"{folder}:{extensions / 'etc' / 'jupyter'}",
        PYTHONPATH=f"{extensions}:{folder}",
    ) as running:
        yield running


def test_nothing_heavy_is_imported_before_the_first_answer(tmp_path: Path) -> None:
    with (
        running_session(tmp_path, StandInHub(), PYTHONVERBOSE="1") as session,
        session.client() as client,
    ):
        assert client.get("lab").status_code == 200
        imported = set(re.findall(r"^import '(.+)' # ", session.log.read_text(), re.MULTILINE))
    assert "jupyterlab.labapp" in imported
    assert not imported & HEAVY
    assert len(imported) < MOST_MODULES, len(imported)


@pytest.mark.parametrize("name", ADDRESSES)
def test_what_is_loaded_later_is_there_at_the_first_click(stock: Session, name: str) -> None:
    address, text = ADDRESSES[name]
    with stock.client() as client:
        answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert text in answer.text


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session as everybody has it."""
    with running_session(tmp_path_factory.mktemp("stock"), StandInHub()) as running:
        yield running


def test_a_language_server_is_found_without_asking_npm(tmp_path: Path) -> None:
    for name in ("pyrefly", "npm"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/{name}-ran\n")
        program.chmod(0o755)
    path = f"{tmp_path}:{os.defpath}"
    with (
        running_session(tmp_path / "it", StandInHub(), PATH=path) as session,
        session.client() as client,
    ):
        assert list(client.get("lsp/status").json()["sessions"]) == ["pyrefly"]
    assert not (tmp_path / "npm-ran").exists()


def test_who_comes_first_waits_and_loads_it_once(session: Session) -> None:
    def say(word: str) -> dict[str, object]:
        with session.client() as client:
            return dict(client.post("late/echo", json={"say": word}).json())

    assert "late is imported" not in session.log.read_text()
    words = [str(number) * 100_000 for number in range(4)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = list(pool.map(say, words))
    assert answers == [{"said": word, "started": [True]} for word in words]
    assert session.log.read_text().count("late is imported") == 1


async def test_a_websocket_waits_too(session: Session) -> None:
    async with session.websocket("talk/backwards") as socket:
        await socket.write_message("abc")
        assert await socket.read_message() == "cba"


def test_an_extension_that_is_broken_breaks_nothing_else(session: Session) -> None:
    with session.client() as client:
        assert client.get("broken/page").status_code == 404
        assert client.get("broken/page").status_code == 404
        assert client.get("api/status").status_code == 200
    assert session.log.read_text().count("this one is broken") > 0


def test_nobody_is_let_in_without_the_hubs_word(session: Session) -> None:
    with session.client() as client:
        assert client.get("api/me").json()["identity"]["username"] == USER["name"]
        client.headers["Authorization"] = "token " + "1" * 32
        assert client.get("api/me").status_code == 403
        assert client.get("late/echo").status_code in {403, 405}
        page = client.get("lab", follow_redirects=False)
    assert page.status_code == 302
    assert "/hub/api/oauth2/authorize" in page.headers["Location"]


def test_stand_ins_have_names_that_exist_and_go_away() -> None:
    """Against the real modules: what upstream moves must be noticed here."""
    program = """
        import importlib, sys
        from lesesal_nbgrader import stand_ins
        from lesesal_notebook.session import imports, serve
        left = [name for name in imports.STAND_INS
                if getattr(sys.modules.get(name), "__doc__", "") == stand_ins.STAND_IN]
        assert not left, left
        for name, names in imports.STAND_INS.items():
            real = importlib.import_module(name)
            missing = [each for each in names if each != "__getattr__" and not hasattr(real, each)]
            assert not missing, (name, missing)

        from jsonschema import FormatChecker, FormatError
        for form, good, bad in (
            ("iri", "https://example.org/blåbær", "blåbær"),
            ("uri", "https://example.org/", "example org"),
            ("date-time", "2026-01-31T12:00:00Z", "yesterday"),
            ("duration", "P3D", "three days"),
            ("color", "teal", "#12"),
            ("uri-template", "/{a}", "/{"),
            ("hostname", "example.org", "-"),
        ):
            FormatChecker().check(good, form)
            try:
                FormatChecker().check(bad, form)
            except FormatError:
                continue
            raise AssertionError(form)
    """
    done = subprocess.run(
        [PYTHON, "-P", "-c", textwrap.dedent(program)],
        env={"PYTHONPATH": str(CHECKOUT / "extensions"), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr

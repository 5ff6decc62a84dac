"""What a probe tells of the machine that it runs on; tests/spawners/site runs it as a job."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployed import CHECKOUT

from lesesal_notebook.session import probe

PYTHON = CHECKOUT / ".venv" / "session" / "bin" / "python"


class Moved(http.server.BaseHTTPRequestHandler):
    """Sends everybody elsewhere."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://elsewhere.invalid/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(probe, "REACH_SECONDS", 60.0)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Moved)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_a_status_is_told_as_it_comes(moved: str) -> None:
    assert probe.reach(moved) == {
        "url": moved,
        "addresses": ["127.0.0.1"],
        "status": 302,
        "error": "",
    }


def test_an_address_where_nobody_listens() -> None:
    # A port that nobody else gets meanwhile.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = probe.reach(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert (found["addresses"], found["status"]) == (["127.0.0.1"], None)
    assert "Connection refused" in str(found["error"])


def test_a_name_that_does_not_resolve() -> None:
    found = probe.reach("http://nowhere.invalid/")
    assert (found["addresses"], found["status"]) == ([], None)
    assert found["error"]


def test_folders(tmp_path: Path) -> None:
    found = probe.folder(tmp_path)
    assert found.pop("free_mb")
    assert found == {"path": str(tmp_path), "error": ""}
    assert list(tmp_path.iterdir()) == []
    assert probe.folder(tmp_path / "no") == {
        "path": str(tmp_path / "no"),
        "free_mb": None,
        "error": "No such file or directory",
    }


def test_who_connects_is_told_who_this_is_and_the_time() -> None:
    met, before = threading.Event(), time.time()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=probe.answer, args=(listener, "abc", met), daemon=True).start()
        with socket.create_connection(listener.getsockname()) as connection:
            told = json.loads(connection.makefile().readline())
        assert met.wait(60)
    assert told["nonce"] == "abc"
    assert before <= told["time"] <= time.time()


def test_long_words_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    probe.tell("settings", error="x" * 1000, port=7)
    assert json.loads(capsys.readouterr().out) == {
        "fact": "settings",
        "error": "x" * 300,
        "port": 7,
    }


def test_a_job_without_its_files_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [PYTHON, "-m", "lesesal_notebook.session.probe", "abc"],
        env={**os.environ, "LESESAL_SESSION_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["fact"] for each in facts] == ["python", "settings"]
    assert "token" in facts[1]["error"]

"""`lesesal run` as a person uses it: start, Ctrl-C, start again."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from classrooms import OFFSETS, Classroom, free_port, running_classroom

pytestmark = pytest.mark.timeout(900)


@contextlib.contextmanager
def log_in(classroom: Classroom, name: str) -> Iterator[httpx.Client]:
    """A browser's worth of cookies, without a browser."""
    with httpx.Client(base_url=classroom.url, follow_redirects=True, timeout=60) as client:
        assert client.get("/hub/login").status_code == 200
        form = {
            "username": name,
            "password": classroom.passwords[name],
            "_xsrf": client.cookies.get("_xsrf", path="/hub/") or "",
        }
        assert client.post("/hub/login", data=form).url.path == "/services/classroom/"
        yield client


def start_session(classroom: Classroom, client: httpx.Client, name: str) -> psutil.Process:
    """Start a session over the form and wait until JupyterLab answers."""
    path = f"/hub/spawn/{name}/ai-foundations"
    xsrf = client.cookies.get("_xsrf", path="/hub/") or ""
    client.post(path, params={"_xsrf": xsrf}, data={"offer": "cpu-small"})
    lab = f"/user/{name}/ai-foundations/lab"
    deadline = time.monotonic() + 120
    while (page := client.get(lab)).url.path != lab or page.status_code != 200:
        assert time.monotonic() < deadline, page.text
        time.sleep(0.2)
    home = str(classroom.home / "sessions" / "homes" / name)
    [session] = [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if "lesesal_notebook.session" in (process.info["cmdline"] or [])
        and (process.info["environ"] or {}).get("LESESAL_SESSION_DIR", "").startswith(home)
    ]
    return session


def test_ctrl_c_ends_all_and_the_second_start_finds_everything(tmp_path: Path) -> None:
    home = tmp_path / "state"
    with running_classroom(home) as first:
        accounts = home / "demo-accounts.json"
        assert stat.S_IMODE(accounts.stat().st_mode) == 0o600
        assert [
            (account["name"], account["role"], account["course"])
            for account in json.loads(accounts.read_text())
        ] == [
            ("instructor", "instructor", "ai-foundations"),
            ("student1", "student", "ai-foundations"),
            ("student2", "student", "ai-foundations"),
            ("student3", "student", "ai-foundations"),
        ]
        assert len(set(first.passwords.values())) == 4
        printed = first.output.read_text()
        assert first.url in printed
        assert all(password in printed for password in first.passwords.values())
        with log_in(first, "student1") as client:
            session = start_session(first, client, "student1")
        kept = home / "sessions" / "homes" / "student1" / "kept.txt"
        kept.write_text("my work")
        family = [*psutil.Process(first.process.pid).children(recursive=True), session]
        port = int(first.url.rsplit(":", 1)[1])
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
    for offset in OFFSETS:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port + offset)) != 0
    assert first.process.returncode == 0

    assert "Preparing the demo course" in printed
    with running_classroom(home) as second:
        # What makes the first start slow is not done again.
        assert "Preparing the demo course" not in second.output.read_text()
        assert second.passwords == first.passwords
        assert kept.read_text() == "my work"
        with log_in(second, "student1") as client:
            assert "AI foundations" in client.get("/services/classroom/").text


def test_a_taken_port_is_named_with_what_to_do(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port + 81)):
        done = subprocess.run(
            [sys.executable, "-m", "courses.cli", "run", f"--port={port}", f"--home={tmp_path}"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {port + 81}, for the hub, is taken by another program. Choose another: "
        f"make run PORT={port + 200}\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_killed_session_is_noticed_and_can_be_started_again(tmp_path: Path) -> None:
    with (
        running_classroom(tmp_path / "state") as classroom,
        log_in(classroom, "student2") as client,
    ):
        session = start_session(classroom, client, "student2")
        folder = Path(session.environ()["LESESAL_SESSION_DIR"])
        os.kill(session.pid, signal.SIGKILL)
        psutil.wait_procs([session], timeout=60)
        deadline = time.monotonic() + 120
        while "Start session" not in client.get("/services/classroom/").text:
            assert time.monotonic() < deadline, "the classroom still shows the session"
            time.sleep(0.5)
        # Its page says so in words, and its token is gone.
        page = client.get("/user/student2/ai-foundations/lab")
        assert "No session is running" in page.text
        assert not folder.exists()
        assert start_session(classroom, client, "student2").is_running()

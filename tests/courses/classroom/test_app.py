"""The service's own configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from slurm.system import answers, free_ports, until

from courses.classroom.app import ClassroomApp
from courses.classroom.statuses import status_of
from courses.errors import (
    BadArchive,
    Busy,
    CourseError,
    DeadlinePassed,
    NoSpace,
    NotAllowed,
    NotFound,
    TooLarge,
)


def test_defaults_derive_from_home_and_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LESESAL_HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", "http://127.0.0.7:9123")
    app = ClassroomApp()
    assert (app.home, app.ip, app.port) == (str(tmp_path), "127.0.0.7", 9123)
    assert app.database_url == f"sqlite:///{tmp_path}/classroom.sqlite"


def test_every_option_explains_itself_with_an_example() -> None:
    for name, trait in ClassroomApp.class_own_traits(config=True).items():
        assert "Example: ``" in trait.help, name


def test_statuses() -> None:
    errors = [BadArchive(""), NotAllowed(""), NotFound(""), DeadlinePassed(""), TooLarge("")]
    found = [status_of(each) for each in [*errors, Busy(), NoSpace(), CourseError("")]]
    assert found == [400, 403, 404, 409, 413, 503, 507, 500]


def test_a_taken_port_is_said_in_a_line(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "courses.classroom", f"--home={tmp_path}", f"--port={port}"],
            env=os.environ | {"JUPYTERHUB_API_TOKEN": "x", "JUPYTERHUB_CLIENT_ID": "service-x"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_ends_with_the_hub_that_started_it(tmp_path: Path) -> None:
    [port] = free_ports(1)
    hub = f"""
import subprocess, sys, time
classroom = subprocess.Popen([sys.executable, "-m", "courses.classroom", "--home={tmp_path}",
                              "--port={port}"])
print(classroom.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", hub],
        env=os.environ | {"JUPYTERHUB_API_TOKEN": "x", "JUPYTERHUB_CLIENT_ID": "service-x"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        classroom = psutil.Process(int(process.stdout.readline()))
        try:
            assert until(lambda: answers(port))
        finally:
            process.kill()
    gone, _ = psutil.wait_procs([classroom], timeout=60)
    assert gone

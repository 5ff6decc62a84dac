"""A session's kernels: forked when they can be, and as Jupyter starts them when not."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
import zmq
import zmq.asyncio
from deployed import CHECKOUT
from extensions.session.kernel_kit import servers, state, until
from extensions.session.stand_in import Session, StandInHub, running_session

PIDFD_GETFD = 438
"""The number of that system call, on all architectures."""


def died(process: psutil.Process) -> bool:
    return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)


def new(client: httpx.Client, **more: Any) -> str:
    answer = client.post("api/kernels", json={"name": "python3"} | more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def value(session: Session, kernel: str, code: str) -> Any:
    """A cell's last expression, as JupyterLab asks for it."""
    content = {"code": "", "silent": False, "user_expressions": {"it": code.splitlines()[-1]}}
    content["code"] = "\n".join(code.splitlines()[:-1])
    header = {"msg_id": uuid4().hex, "msg_type": "execute_request", "session": "s"}
    header |= {"username": "", "version": "5.4", "date": ""}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    async with session.websocket(f"api/kernels/{kernel}/channels") as channel:
        await channel.write_message(json.dumps(message | {"channel": "shell", "buffers": []}))
        while True:
            said = json.loads(await channel.read_message() or "null")
            if said["msg_type"] != "execute_reply":
                continue
            if said["parent_header"]["msg_id"] == header["msg_id"]:
                assert said["content"]["status"] == "ok", said
                return eval(said["content"]["user_expressions"]["it"]["data"]["text/plain"])


@contextlib.contextmanager
def opened(
    folder: Path, preload: str, **environment: str
) -> Iterator[tuple[Session, httpx.Client]]:
    """A session of which a page was opened, with its fork server ready or given up."""
    with (
        running_session(folder, StandInHub(), LESESAL_PRELOAD=preload, **environment) as session,
        session.client() as client,
    ):
        assert servers(session) == []
        assert state(client) == "starting"
        until(lambda: state(client) != "starting", "the fork server is still starting")
        yield session, client


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Session, httpx.Client]]:
    with opened(tmp_path_factory.mktemp("warm"), "numpy") as both:
        yield both


ABOUT = "import os, sys\n(os.getpid(), os.getppid(), 'numpy' in sys.modules, os.getcwd())"


async def test_a_new_kernel_is_forked_and_so_is_one_that_is_restarted(
    warm: tuple[Session, httpx.Client],
) -> None:
    session, client = warm
    (session.home / "here").mkdir(exist_ok=True)
    server = servers(session)[0].pid
    kernel = new(client, path="here")
    assert state(client) == "ready"
    first = await value(session, kernel, ABOUT)
    assert first[1:] == (server, True, str(session.home / "here"))
    assert client.post(f"api/kernels/{kernel}/restart").status_code == 200
    second = await value(session, kernel, ABOUT)
    assert second[1:] == first[1:]
    assert second[0] != first[0]
    until(lambda: not psutil.pid_exists(first[0]), "the kernel before is still there")
    assert client.delete(f"api/kernels/{kernel}").status_code == 204
    until(lambda: not psutil.pid_exists(second[0]), "the kernel is still there")


async def test_a_kernel_has_the_sessions_environment_and_threads(
    warm: tuple[Session, httpx.Client],
) -> None:
    session, client = warm
    code = (
        "import os, subprocess, sys\n"
        "count = 'import numpy, os; a = numpy.ones((600, 600)); a @ a;"
        ' print(len(os.listdir("/proc/self/task")) - 1)\'\n'
        "fresh = int(subprocess.run([sys.executable, '-c', count], stdout=-1).stdout)\n"
        "import numpy\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "_ = numpy.ones((600, 600)) @ numpy.ones((600, 600))\n"
        "(dict(os.environ), fresh, len(os.listdir('/proc/self/task')) - before)"
    )
    environment, fresh, ours = await value(session, new(client), code)
    theirs = psutil.Process(session.process.pid).environ()
    assert environment["LESESAL_PRELOAD"] == "numpy"
    assert environment["JUPYTERHUB_USER"] == "kim"
    assert {name for name in environment if name.endswith("_NUM_THREADS")} == {
        name for name in theirs if name.endswith("_NUM_THREADS")
    }
    # numpy computes with as many threads as in a process of its own.
    assert ours == fresh


async def test_kernels_of_other_specifications_are_not_forked(
    warm: tuple[Session, httpx.Client],
) -> None:
    session, client = warm
    spec = {
        "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "With a variable",
        "language": "python",
        "env": {"OWN": "yes"},
    }
    folder = session.home / ".local/share/jupyter/kernels/own"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    kernel = new(client, name="own")
    seen = await value(session, kernel, "import os\n(os.getppid(), os.environ['OWN'])")
    assert seen == (session.process.pid, "yes")


async def test_nobody_else_on_the_machine_hears_a_kernel(
    warm: tuple[Session, httpx.Client],
) -> None:
    session, client = warm
    kernel = new(client)
    said = session.home / f".local/share/jupyter/runtime/kernel-{kernel}.json"
    about = json.loads(said.read_text())
    assert said.stat().st_mode & 0o777 == 0o600
    public, secret = zmq.curve_keypair()
    context = zmq.asyncio.Context()
    with (
        context.socket(zmq.SUB) as person,
        context.socket(zmq.SUB) as stranger,
        context.socket(zmq.SUB) as impostor,
    ):
        person.curve_serverkey = about["curve_publickey"].encode()
        impostor.curve_serverkey = public
        for listener in (person, impostor):
            listener.curve_publickey, listener.curve_secretkey = public, secret
        for listener in (person, stranger, impostor):
            listener.subscribe(b"")
            listener.connect(f"tcp://127.0.0.1:{about['iopub_port']}")
        # The kernel greets each new topic (XPUB), not each who has come in.
        person.subscribe(b"a topic of this test's own")
        assert await person.poll(60_000), "the kernel does not let in who has its key"
        await value(session, kernel, "print('what only one may read')\n1")
        heard = b""
        while b"what only one may read" not in heard:
            heard = b"".join(await person.recv_multipart())
        assert not await stranger.poll(500)
        assert not await impostor.poll(0)
    context.destroy()


async def test_what_a_cell_says_waits_for_nothing(warm: tuple[Session, httpx.Client]) -> None:
    session, client = warm
    async with session.websocket(f"api/kernels/{new(client)}/channels") as connection:
        # The kernel tells of itself: the server has the connection in hand.
        assert await connection.read_message()
        ours = connection.protocol.stream.socket.getsockname()
        theirs = psutil.Process(session.process.pid).net_connections("tcp")
        [number] = [each.fd for each in theirs if tuple(each.raddr) == ours]
        process = os.pidfd_open(session.process.pid)
        copy = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, process, number, 0)
        assert copy >= 0, os.strerror(ctypes.get_errno())
        with socket.socket(fileno=copy) as copied:
            assert copied.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        os.close(process)


async def test_a_server_that_died_is_started_once_more(tmp_path: Path) -> None:
    with opened(tmp_path, "numpy") as (session, client):
        for times in (1, 2):
            [server] = servers(session)
            server.kill()
            until(partial(died, server), "it lives")
            kernel = new(client)
            assert (await value(session, kernel, ABOUT))[1:3] == (session.process.pid, False)
            said = session.log.read_text().count("A kernel was started without the fork server")
            assert said == times
            if times == 1:
                until(lambda: state(client) == "ready", "it was not started again")
                again = await value(session, new(client), ABOUT)
                assert again[1:3] == (servers(session)[0].pid, True)
        assert state(client) == "gone"
        assert servers(session) == []


async def test_a_server_that_hangs_costs_a_moment_once(tmp_path: Path) -> None:
    with opened(tmp_path, "numpy") as (session, client):
        [server] = servers(session)
        before = new(client)
        assert (await value(session, before, ABOUT))[1] == server.pid
        server.suspend()
        kernel = new(client)
        assert (await value(session, kernel, ABOUT))[1] == session.process.pid
        assert state(client) == "gone"
        assert "does not answer" in session.log.read_text()
        # Who has one of its kernels keeps it.
        assert (await value(session, before, ABOUT))[1] == server.pid
        server.resume()


async def test_what_was_installed_since_is_what_a_new_kernel_imports(tmp_path: Path) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "grows.py").write_text("version = 1")
    path = f"{CHECKOUT / 'extensions'}:{packages}"
    with opened(tmp_path / "session", "grows", PYTHONPATH=path) as (session, client):
        kernel = new(client)
        code = "import grows, os\n(grows.version, os.getppid())"
        assert await value(session, kernel, code) == (1, servers(session)[0].pid)
        (packages / "grows.py").write_text("version = 'two'")
        (packages / "grows-2.dist-info").mkdir()
        assert await value(session, new(client), code) == ("two", session.process.pid)
        # A kernel that runs is as it was, and one that is restarted is new.
        assert await value(session, kernel, code) == (1, servers(session)[0].pid)
        client.post(f"api/kernels/{kernel}/restart").raise_for_status()
        assert await value(session, kernel, code) == ("two", session.process.pid)
        assert session.log.read_text().count("Packages were installed") == 1


@pytest.mark.parametrize(
    ("module", "word"),
    [
        ("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
         "has 2 threads"),
        ("import os\nos._exit(3)", "ended with status 3"),
    ],
    ids=["threads", "exits"],
)  # fmt: skip
async def test_a_module_that_can_not_be_imported_ahead_costs_nobody_a_kernel(
    tmp_path: Path, module: str, word: str
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "awkward.py").write_text(module)
    with (
        running_session(
            tmp_path / "session",
            StandInHub(),
            LESESAL_PRELOAD="awkward",
            PYTHONPATH=f"{CHECKOUT / 'extensions'}:{library}",
        ) as session,
        session.client() as client,
    ):
        until(lambda: state(client) == "gone", "the fork server was not given up")
        assert (await value(session, new(client), ABOUT))[1] == session.process.pid
        assert word in session.log.read_text()
        until(lambda: servers(session) == [], "the fork server is still there")


async def test_a_course_that_names_no_modules_gets_a_server_with_its_first_kernel(
    tmp_path: Path,
) -> None:
    with running_session(tmp_path, StandInHub()) as session, session.client() as client:
        assert state(client) == "off"
        assert servers(session) == []
        kernel = new(client)
        assert (await value(session, kernel, ABOUT))[1] == session.process.pid
        until(lambda: state(client) == "ready", "no fork server was started")
        client.post(f"api/kernels/{kernel}/restart").raise_for_status()
        assert (await value(session, kernel, ABOUT))[1] == servers(session)[0].pid


async def test_an_operator_may_have_kernels_as_jupyter_starts_them(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    chosen = {"SessionServerApp": {"warm_kernels": False}}
    (config / "jupyter_server_config.json").write_text(json.dumps(chosen))
    etc = CHECKOUT / "extensions" / "etc" / "jupyter"
    with (
        running_session(
            tmp_path / "session",
            StandInHub(),
            LESESAL_PRELOAD="numpy",
            JUPYTER_CONFIG_PATH=f"{config}:{etc}",
        ) as session,
        session.client() as client,
    ):
        assert state(client) == "off"
        assert (await value(session, new(client), ABOUT))[1] == session.process.pid
        assert servers(session) == []


@pytest.mark.parametrize("when", ["ready", "starting"])
def test_nothing_is_left_of_it_when_the_session_ends(tmp_path: Path, when: str) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with (
        running_session(
            tmp_path / "session", StandInHub(), LESESAL_PRELOAD="numpy", TMPDIR=str(temporary)
        ) as session,
        session.client() as client,
    ):
        until(lambda: state(client) == when, f"it is not {when}")
        if when == "ready":
            new(client)
        started = psutil.Process(session.process.pid)
        of_it = until(lambda: started.children(recursive=True), "nothing was started")
    until(lambda: not any(each.is_running() for each in of_it), "a process is left")
    assert [each.name for each in temporary.iterdir() if each.name.startswith("lesesal-")] == []

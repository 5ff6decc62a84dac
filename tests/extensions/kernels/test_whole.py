"""What a whole kernel has beside what cells show: the same in Jupyter's own and in a forked one.

`test_server` compares what cells show, and `test_upstream` runs ipykernel's own tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import forked
import pytest
from jupyter_client.manager import AsyncKernelManager

from lesesal_notebook.kernels import ahead
from lesesal_notebook.kernels.client import ForkServer
from lesesal_notebook.kernels.provisioner import ForkProvisioner

SECONDS = 60


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a module that is imported ahead."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "imported_ahead.py").write_text(
        "def twice(x):\n    y = 2 * x\n    return y\n"
        "import tempfile\nfolder = tempfile.TemporaryDirectory()\n"
    )
    return folder


@pytest.fixture(scope="module")
def server(library: Path) -> Iterator[ForkServer]:
    path = f"{forked.ENVIRONMENT['PYTHONPATH']}:{library}"
    environment = forked.ENVIRONMENT | {"PYTHONPATH": path}
    with ForkServer(["imported_ahead"], environment=environment, threads=True) as started:
        assert not started.missing
        yield started


@pytest.fixture(params=["stock", "forked"])
async def cells(
    request: pytest.FixtureRequest, server: ForkServer, library: Path, tmp_path: Path
) -> AsyncIterator[forked.Cells]:
    """A kernel over TCP, as a session starts it."""
    profile = tmp_path / "ipython" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "own.py").write_text("from_startup = 'yes'")
    (profile / "ipython_kernel_config.py").write_text(
        "c.InteractiveShell.ast_node_interactivity='all'"
    )
    # Half of it is a polite end's, then comes a signal.
    manager = AsyncKernelManager(shutdown_wait_time=2.0 * SECONDS)
    if request.param == "forked":
        manager.provisioner = ForkProvisioner(
            kernel_id="whole",
            kernel_spec=manager.kernel_spec,
            parent=manager,
            socket=str(server.socket),
        )
    environment = forked.ENVIRONMENT | {
        "HOME": str(tmp_path),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "PYTHONPATH": f"{forked.ENVIRONMENT['PYTHONPATH']}:{library}",
    }
    await manager.start_kernel(cwd=str(tmp_path), env=environment)
    client = manager.client()
    client.start_channels()
    made = forked.Cells(manager, client)
    await made.ready()
    client.allow_stdin = False
    try:
        yield made
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


async def ended(cells: forked.Cells) -> None:
    """Politely, as JupyterLab does it."""
    await asyncio.wait_for(cells.manager.shutdown_kernel(), SECONDS)


async def test_profile_startup_and_history_are_the_persons(
    cells: forked.Cells, tmp_path: Path
) -> None:
    said = await cells.run("1\nfrom_startup")
    assert [c["data"]["text/plain"] for kind, c in said if kind == "execute_result"] == [
        "1",
        "'yes'",
    ]
    await ended(cells)
    history = tmp_path / "ipython" / "profile_default" / "history.sqlite"
    with contextlib.closing(sqlite3.connect(history)) as connection:
        assert [*connection.execute("SELECT source FROM history")] == [("1\nfrom_startup",)]


async def test_environment_folder_and_signals_are_the_same(
    cells: forked.Cells, tmp_path: Path
) -> None:
    code = (
        "import json, os, signal, sys\n"
        "names = sorted(set(os.environ) - {'JPY_PARENT_PID'})\n"
        "kept = [str(signal.getsignal(each)) for each in signal.valid_signals()"
        " if signal.getsignal(each) not in (signal.SIG_DFL, signal.SIG_IGN)]\n"
        "ignored = [int(each) for each in signal.valid_signals()"
        " if signal.getsignal(each) == signal.SIG_IGN]\n"
        "mask = [int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, [])]\n"
        "umask = os.umask(0o22); _ = os.umask(umask)\n"
        "json.dumps([names, ignored, mask, umask, os.nice(0), os.getcwd(), len(kept),"
        " sys.executable, os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()])"
    )
    found = json.loads(eval(await cells.value(code)))
    umask = os.umask(0o22)
    os.umask(umask)
    # Python ignores SIGPIPE and SIGXFSZ, and has a handler of its own for SIGINT only.
    said = [[13, 25], [], umask, os.nice(0), str(tmp_path), 1, sys.executable, True, True]
    assert found[1:] == said
    given = {"HOME", "IPYTHONDIR", "PATH", "PYTHONPATH"}
    set_by_ipykernel = {"CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "GIT_PAGER", "MPLBACKEND"}
    own = {"PYDEVD_USE_FRAME_EVAL", "LANGUAGE", "LC_CTYPE"}
    assert set(found[0]) - own == given | set_by_ipykernel | {"PAGER", "TERM"}


ENDINGS = """
import atexit, threading, time, weakref
left_open = open("left-open", "w")
_ = left_open.write("all of it")
_ = atexit.register(open, "at-exit", "w")
_ = weakref.finalize(time, open, "finalized", "w")
def work():
    time.sleep(0.2)
    open("from-a-thread", "w").close()
threading.Thread(target=work).start()
"""


async def test_a_polite_end_leaves_nothing_half_done(cells: forked.Cells, tmp_path: Path) -> None:
    assert dict(await cells.run(ENDINGS))["reply"]["status"] == "ok"
    await ended(cells)
    assert (tmp_path / "left-open").read_text() == "all of it"
    assert (tmp_path / "at-exit").exists()
    assert (tmp_path / "finalized").exists()
    assert (tmp_path / "from-a-thread").exists()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_processes_are_started_each_way(
    cells: forked.Cells, tmp_path: Path, method: str
) -> None:
    (tmp_path / "work.py").write_text("def square(x):\n    return x * x\n")
    code = (
        "import multiprocessing, work\n"
        f"with multiprocessing.get_context({method!r}).Pool(2) as pool:\n"
        "    found = pool.map(work.square, [1, 2, 3])\n"
        "found"
    )
    assert await cells.value(code) == "[1, 4, 9]"


async def test_a_question_is_asked_and_answered(cells: forked.Cells) -> None:
    cells.client.allow_stdin = True
    running = asyncio.create_task(cells.value("input('name? ')"))
    asked = await cells.client.get_stdin_msg(timeout=SECONDS)
    assert asked["content"] == {"prompt": "name? ", "password": False}
    cells.client.input("kim")
    assert await running == "'kim'"


async def debug(cells: forked.Cells, number: int, command: str, **arguments: Any) -> dict[str, Any]:
    content = {"type": "request", "seq": number, "command": command, "arguments": arguments}
    asked = cells.client.session.msg("debug_request", content)
    cells.client.control_channel.send(asked)
    while True:
        reply = await cells.client.get_control_msg(timeout=SECONDS)
        if reply["parent_header"].get("msg_id") == asked["header"]["msg_id"]:
            assert reply["content"]["success"], reply["content"]
            return dict(reply["content"].get("body") or {})


async def stopped(cells: forked.Cells) -> dict[str, Any]:
    while True:
        said = await cells.client.get_iopub_msg(timeout=SECONDS)
        if said["msg_type"] == "debug_event" and said["content"]["event"] == "stopped":
            return dict(said["content"]["body"])


async def test_a_debugger_stops_in_a_cell_and_in_what_was_imported_ahead(
    cells: forked.Cells, library: Path
) -> None:
    code = "import imported_ahead\nx = imported_ahead.twice(21)\nx + 0"
    await debug(cells, 1, "initialize", clientID="test", adapterID="", linesStartAt1=True)
    await debug(cells, 2, "attach")
    cell = (await debug(cells, 3, "dumpCell", code=code))["sourcePath"]
    set_in = {"breakpoints": [{"line": 2}], "sourceModified": False}
    assert (await debug(cells, 4, "setBreakpoints", source={"path": cell}, **set_in))["breakpoints"]
    ahead_of_it = str(library / "imported_ahead.py")
    await debug(cells, 5, "setBreakpoints", source={"path": ahead_of_it}, **set_in)
    await debug(cells, 6, "configurationDone")
    asked = cells.client.execute(code)
    found = []
    for number in (7, 9):
        thread = (await stopped(cells))["threadId"]
        frames = (await debug(cells, number, "stackTrace", threadId=thread))["stackFrames"]
        found.append((frames[0]["source"]["path"], frames[0]["line"]))
        await debug(cells, number + 1, "continue", threadId=thread)
    assert found == [(cell, 2), (ahead_of_it, 2)]
    reply = await cells.client.get_shell_msg(timeout=SECONDS)
    while reply["parent_header"]["msg_id"] != asked:  # `wait_for_ready` may have asked again
        reply = await cells.client.get_shell_msg(timeout=SECONDS)
    assert reply["content"]["status"] == "ok"


async def test_a_restarted_kernel_is_new_and_at_the_same_ports(cells: forked.Cells) -> None:
    ports = cells.manager.ports
    before = await cells.value("gone = 1\nimport os\nos.getpid()")
    await cells.manager.restart_kernel()
    await cells.ready()
    assert await cells.value("import os\nos.getpid()") != before
    assert dict(await cells.run("gone"))["reply"]["ename"] == "NameError"
    assert cells.manager.ports == ports
    # What was made when a library was imported is there for each kernel.
    made = "import imported_ahead, os\nos.path.isdir(imported_ahead.folder.name)"
    assert await cells.value(made) == "True"


async def test_a_client_never_waits_for_a_forked_kernel_or_for_its_end(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It has yet to start before it can end.
    monkeypatch.setattr("lesesal_notebook.kernels.provisioner.SOON", SECONDS)
    manager = AsyncKernelManager()
    provisioner = ForkProvisioner(
        kernel_id="prompt",
        kernel_spec=manager.kernel_spec,
        parent=manager,
        socket=str(server.socket),
    )
    manager.provisioner = provisioner
    await manager.start_kernel(env=forked.ENVIRONMENT)
    assert provisioner.forked is not None
    # Before it has run a line, and however long it takes to.
    provisioner.forked.signal(signal.SIGSTOP)
    for port in manager.ports:
        socket.create_connection(("127.0.0.1", port), timeout=SECONDS).close()
    provisioner.forked.signal(signal.SIGCONT)
    await manager.request_shutdown()
    assert not await manager.is_alive()
    await manager.shutdown_kernel(now=True)


def test_whoever_has_opened_a_gpu_forks_no_kernels(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from lesesal_notebook.kernels import ahead\n"
        "ahead.GPUS = sys.argv[1]\n"
        "before = ahead.hindrance()\n"
        "kept = open(sys.argv[1] + '0', 'w')\n"
        "print([before, ahead.hindrance()])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "nvidia")],
        env=forked.ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    before, after = eval(said)
    assert before == ""
    assert "has opened a GPU" in after
    assert ahead.GPUS == "/dev/nvidia"

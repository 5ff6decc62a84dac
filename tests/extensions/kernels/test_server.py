"""Kernels of a real fork server: what cells see of it, and what is left when one side is gone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import forked
import psutil
import pytest
from jupyter_client.manager import AsyncKernelManager

from lesesal_notebook.kernels.client import ForkedKernel, ForkServer, KernelError
from lesesal_notebook.kernels.request import KernelRequest

SECONDS = 60


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    modules = ["numpy.random", "multiprocessing", "no_such_module"]
    with ForkServer(modules, environment=forked.ENVIRONMENT) as started:
        yield started


def until(met: Callable[[], bool], what: str) -> None:
    last = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < last, what
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def request(folder: Path, name: str = "k", **more: Any) -> KernelRequest:
    channels = ("shell", "iopub", "stdin", "control", "hb")
    ports = {f"{channel}_port": number for number, channel in enumerate(channels, 1)}
    connection = {"transport": "ipc", "ip": str(folder / name), "key": "k", **ports}
    connection["signature_scheme"] = "hmac-sha256"
    return KernelRequest(connection, lean=True, folder=str(folder), **more)


CELLS = (
    "x = 6 * 7\nx",
    "print('to stdout')\nimport sys\nprint('to stderr', file=sys.stderr)",
    "1 / 0",
    "def f(:",
    "import os\n_ = os.write(1, b'past ' + b'Python\\n')",
    "import subprocess\n_ = subprocess.run(['printf', 'from a ' 'child'])",
    "!echo a shell",
    "import multiprocessing\n"
    "child = multiprocessing.get_context('fork').Process(target=print, args=('a' ' fork',))\n"
    "child.start(); child.join()",
    "import asyncio\nawait asyncio.sleep(0)\n'awaited'",
    "input('name? ')",
    "from IPython.display import HTML, clear_output, display\n"
    "shown = display(HTML('<b>1</b>'), display_id='here')\n"
    "shown.update(2)\nclear_output(wait=True)",
    "from comm import create_comm\ncreate_comm(target_name='nobody', data={'a': 1}).close()",
    "%who",
    "(Out[1], _ih[1], get_ipython().execution_count, __name__)",
    "import os, sys\n(os.getcwd(), sys.path.count(''), _dh, sys.argv[0].rpartition('/')[2])",
    "%%bash\necho from bash",
    "import beside\nbeside.word",
    "%cd -q /\n%pwd",
    "import matplotlib.pyplot as plt\nplt.figure(figsize=(1, 1))\nplt.plot([1, 2]);",
    "x = 1\nx is 1",
    "assert (x, 'word')\n'\\d'",
    "def fails(n):\n    a = n\n    return 1 / a\nfails(0)",
    "def fails(n):\n    a = n\n    return 1 / a\nfails(0)",
    "raise KeyError('a') from ValueError('b')",
    "import sys\nprint('one', file=sys.stderr)\nprint('two')\nsys.stdout.writelines(['3', '4'])",
    "raise SystemExit(3)",
    "print(*sorted(set(globals()) - {'beside'}))",
    "sys.displayhook.__class__, type(sys.stdout), sys.stdout.isatty(), sys.stdin.read()",
)

# ipykernel reads these in a thread, and does not wait for it at the end of a cell.
# As `repr` writes it, to the end of it: the last line's end may come by itself.
LATE = {"os.write": r"past Python\n", "subprocess": "from a child", "multiprocessing": r"a fork\n"}


@pytest.mark.parametrize("lean", [True, False], ids=["lean", "whole"])
async def test_cells_show_what_they_show_in_a_kernel_of_jupyters(
    server: ForkServer, tmp_path: Path, lean: bool
) -> None:
    (tmp_path / "beside.py").write_text("word = 'imported'\n")
    environment = forked.ENVIRONMENT | {
        "HOME": str(tmp_path),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "SEEN": "yes",
    }
    # The first that looks for fonts says so where it takes more than five seconds.
    subprocess.run(
        [sys.executable, "-c", "import matplotlib.font_manager"], env=environment, check=True
    )
    manager = AsyncKernelManager()
    await manager.start_kernel(cwd=str(tmp_path), env=environment)
    client = manager.client()
    client.start_channels()
    stock = forked.Cells(manager, client)
    await stock.ready()
    client.allow_stdin = False
    try:
        async with forked.kernel(server, lean=lean, cwd=str(tmp_path), env=environment) as ours:
            for cell in CELLS:
                awaited = "".join(text for word, text in LATE.items() if word in cell)
                wanted = await stock.run(cell, awaited=awaited)
                assert (cell, await ours.run(cell, awaited=awaited)) == (cell, wanted)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


async def test_a_plot_is_shown_where_the_library_was_preloaded() -> None:
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
    with ForkServer(["matplotlib"], environment=forked.ENVIRONMENT) as server:
        for lean in (True, False):
            async with forked.kernel(server, lean=lean) as cells:
                said = dict(await cells.run(plot))
                assert set(said["display_data"]["data"]) == {"image/png", "text/plain"}


async def test_a_first_figure_is_drawn_ahead_and_leaves_nothing_behind() -> None:
    asked = {
        "import matplotlib\nmatplotlib.mathtext.MathTextParser._parser is not None": "True",
        "matplotlib._pylab_helpers.Gcf.figs": "OrderedDict()",
        "'matplotlib_inline.backend_inline' in __import__('sys').modules": "False",
        "{key for key, value in matplotlib.rcParamsDefault.items()"
        " if key != 'backend' and matplotlib.rcParams[key] != value}": "set()",
        "from pathlib import Path\nimport os\n"
        "[file.name for entry in Path(f'/proc/{os.getppid()}/fd').iterdir()"
        " if (file := entry.resolve()).suffix == '.ttf']": "[]",
    }
    with ForkServer(["matplotlib"], environment=forked.ENVIRONMENT) as server:
        async with forked.kernel(server) as cells:
            assert {code: await cells.value(code) for code in asked} == asked


async def test_a_figure_is_the_same_picture_where_the_library_was_preloaded() -> None:
    draw = """
import hashlib, io
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
figure = Figure(figsize=(4, 3))
axes = figure.subplots()
axes.semilogy([0.01, 1, 100], "o-", label="$x^2$")
axes.plot([0, 1, 2], marker=MarkerStyle("^").rotated(deg=30), fillstyle="left", label="turned")
axes.tick_params(length=9, color="red", direction="in")
axes.legend()
figure.savefig(written := io.BytesIO(), format="png")
"""
    value = "written.tell() > 1000, hashlib.sha256(written.getvalue()).hexdigest()"
    drawn = []
    for preloaded in ([], ["matplotlib"]):
        with ForkServer(preloaded, environment=forked.ENVIRONMENT) as server:
            async with forked.kernel(server) as cells:
                await cells.run(draw)
                drawn.append(await cells.value(value))
    assert drawn[0] == drawn[1]
    assert drawn[0].startswith("(True, ")


async def test_what_is_preloaded_is_there_and_the_rest_is_told(server: ForkServer) -> None:
    assert server.missing == {"no_such_module": "No module named 'no_such_module'"}
    async with forked.kernel(server) as cells:
        assert await cells.value("import sys\n'numpy' in sys.modules") == "True"
        # To import it costs no time: nothing is read.
        read = await cells.value(
            "before = set(sys.modules)\nimport numpy\nset(sys.modules) - before"
        )
        assert read == "set()"


async def test_the_environment_is_the_requests_and_nothing_else(server: ForkServer) -> None:
    async with forked.kernel(server, env={"ONLY": "this"}) as cells:
        await cells.run("import os, pathlib")
        names = await cells.value("sorted(set(os.environ) - {'ONLY'})")
        set_by_ipykernel = ["CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "GIT_PAGER", "MPLBACKEND"]
        assert eval(names) == [*set_by_ipykernel, "PAGER", "TERM"]
        own = await cells.value("pathlib.Path('/proc/self/environ').read_bytes()")
        assert set(forked.ENVIRONMENT) == {
            entry.partition("=")[0] for entry in eval(own).decode().split("\0") if entry
        }


async def test_random_numbers_differ_between_kernels(server: ForkServer) -> None:
    async with forked.kernel(server) as one, forked.kernel(server) as other:
        for code in (
            "import random\nrandom.random()",
            "import numpy\nnumpy.random.random()",
            "numpy.random.default_rng().random()",
            "import uuid\nuuid.uuid4().int",
            "import multiprocessing\nmultiprocessing.current_process().authkey",
        ):
            assert await one.value(code) != await other.value(code), code


@pytest.mark.parametrize("lean", [True, False], ids=["lean", "whole"])
async def test_an_interrupt_ends_the_cell_and_not_the_kernel(
    server: ForkServer, lean: bool
) -> None:
    async with forked.kernel(server, lean=lean) as cells:
        await cells.run("x = 1")
        for cell in ("while True: pass", "import time\ntime.sleep(60)"):
            begun = asyncio.Event()
            cell = f"print('on', flush=True)\n{cell}"
            running = asyncio.create_task(cells.run(cell, printed=begun.set))
            await asyncio.wait_for(begun.wait(), SECONDS)
            await cells.manager.interrupt_kernel()
            reply = dict(await asyncio.wait_for(running, SECONDS))["reply"]
            assert reply["ename"] == "KeyboardInterrupt"
        assert await cells.value("x") == "1"


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open("daemon", "w") as file:
            file.write(str(os.getpid()))
        os.rename("daemon", "daemon.pid")
        time.sleep(600)
    os._exit(0)
"""


async def daemon(cells: forked.Cells, folder: Path) -> int:
    """A process that left its kernel's group and session; its id."""
    await cells.run(DAEMON)
    until((folder / "daemon.pid").exists, "no daemon")
    return int((folder / "daemon.pid").read_text())


async def test_a_killed_kernel_says_so_and_leaves_nothing(
    server: ForkServer, tmp_path: Path
) -> None:
    async with forked.kernel(server, cwd=str(tmp_path)) as cells:
        left = await daemon(cells, tmp_path)
        kernel = cells.manager.provisioner.forked
        assert kernel is not None
        os.kill(kernel.pid, signal.SIGKILL)
        assert await asyncio.wait_for(kernel.ended(), SECONDS) == -signal.SIGKILL
        assert not await cells.manager.is_alive()
        assert gone(left)


@pytest.mark.parametrize(("code", "status"), [("os._exit(7)", 7), ("exit()", 0)])
async def test_a_kernel_that_ends_itself_gives_its_status(
    server: ForkServer, code: str, status: int
) -> None:
    async with forked.kernel(server) as cells:
        kernel = cells.manager.provisioner.forked
        assert kernel is not None
        cells.client.execute(f"import os\n{code}")
        assert await asyncio.wait_for(kernel.ended(), SECONDS) == status
        assert kernel.account == {}


def test_whoever_lets_go_of_the_connection_ends_the_kernel(
    server: ForkServer, tmp_path: Path
) -> None:
    asking = textwrap.dedent(f"""
        import asyncio, sys, time
        from pathlib import Path
        from lesesal_notebook.kernels.client import ForkedKernel
        from lesesal_notebook.kernels.request import KernelRequest
        wanted = KernelRequest.from_line(sys.stdin.read())
        kernel = ForkedKernel(Path({str(server.socket)!r}), wanted)
        asyncio.run(kernel.started())
        print(kernel.pid, flush=True)
        time.sleep(600)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", asking],
        env=forked.ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(request(tmp_path).to_line())
    process.stdin.close()
    pid = int(process.stdout.readline())
    assert not gone(pid)
    process.kill()
    process.wait()
    process.stdout.close()
    until(lambda: gone(pid), "the kernel outlived whoever asked for it")
    assert server.alive


async def test_a_killed_server_takes_its_kernels_with_it(tmp_path: Path) -> None:
    with ForkServer(environment=forked.ENVIRONMENT) as server:
        kernel = ForkedKernel(server.socket, request(tmp_path))
        await kernel.started()
        os.kill(server.pid, signal.SIGKILL)
        assert await asyncio.wait_for(kernel.ended(), SECONDS) == -signal.SIGKILL
        assert kernel.says == "The fork server ended."
        until(lambda: gone(kernel.pid), "the kernel outlived its server")
        kernel.close()
        with pytest.raises(KernelError, match="cannot be reached"):
            ForkedKernel(server.socket, request(tmp_path))


def test_a_server_ends_with_its_starter_and_ends_its_kernels(tmp_path: Path) -> None:
    starting = textwrap.dedent("""
        import asyncio, sys, time
        from lesesal_notebook.kernels.client import ForkedKernel, ForkServer
        from lesesal_notebook.kernels.request import KernelRequest
        server = ForkServer().start()
        kernel = ForkedKernel(server.socket, KernelRequest.from_line(sys.stdin.read()))
        asyncio.run(kernel.started())
        print(server.pid, kernel.pid, server.folder, flush=True)
        time.sleep(600)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", starting],
        env=forked.ENVIRONMENT | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(request(tmp_path).to_line())
    process.stdin.close()
    *pids, folder = process.stdout.readline().split()
    process.kill()
    process.wait()
    process.stdout.close()
    until(lambda: all(gone(int(pid)) for pid in pids), "the server or its kernel is still there")
    until(lambda: not Path(folder.decode()).exists(), "the server's folder is still there")


async def test_two_hundred_kernels_do_not_make_the_server_grow(
    server: ForkServer, tmp_path: Path
) -> None:
    process = psutil.Process(server.pid)

    async def some(number: int) -> int:
        for count in range(number):
            kernel = ForkedKernel(server.socket, request(tmp_path, f"{number}-{count}"))
            await kernel.started()
            kernel.signal(signal.SIGKILL)
            assert await asyncio.wait_for(kernel.ended(), SECONDS) == -signal.SIGKILL
            kernel.close()
        until(lambda: len(process.children()) == 1, "kernels are left")
        until(lambda: process.num_fds() <= idle, "connections are left")
        return process.memory_info().rss

    # Of the tests before, too: there is the cradle alone.
    until(lambda: len(process.children()) == 1, "kernels of other tests are left")
    idle = process.num_fds()
    memory = await some(20)
    later_memory = await some(200)
    assert later_memory - memory < 1_000_000


async def test_a_kernel_holds_nothing_of_the_server(server: ForkServer) -> None:
    async with forked.kernel(server) as cells:
        held = await cells.value(
            "import os\n"
            "held = {}\n"
            "for fd in os.listdir('/proc/self/fd'):\n"
            "    try: held[int(fd)] = os.readlink(f'/proc/self/fd/{fd}')\n"
            "    except OSError: pass\n"
            "held"
        )
        theirs = Path(f"/proc/{server.pid}/fd")
        named = {str(link.readlink()) for link in theirs.iterdir() if link.name != "2"}
        own = {name for name in named if name.startswith(("socket:", "pipe:"))}
        assert len(own) >= 4
        assert own.isdisjoint(set(eval(held).values()) - {str((theirs / "2").readlink())})
        # Whatever is written to whatever is held, the server gives the next kernel.
        cells.client.execute(
            "import os\n"
            "for fd in range(3, 100):\n"
            "    try: os.write(fd, b'{\"signal\": 9}\\n' * 1000)\n"
            "    except OSError: pass"
        )
        async with forked.kernel(server) as other:
            assert await other.value("1") == "1"


@pytest.mark.parametrize("said", [b"no json\n", b"{}\n", b'{"connection": {}}\n', b"x" * (2 << 20)])
async def test_what_is_no_request_ends_its_own_connection_only(
    server: ForkServer, said: bytes
) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(str(server.socket))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(said)
            answer = connection.recv(4096)
            assert not answer or json.loads(answer)["event"] == "failed"
    async with forked.kernel(server) as cells:
        assert await cells.value("1") == "1"


async def test_a_kernel_that_cannot_be_started_says_why(server: ForkServer, tmp_path: Path) -> None:
    wanted = request(tmp_path)
    nowhere = KernelRequest(wanted.connection, lean=True, folder=str(tmp_path / "nowhere"))
    kernel = ForkedKernel(server.socket, nowhere)
    with pytest.raises(KernelError, match="No such file or directory"):
        await kernel.started()
    kernel.close()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to be somebody else")
def test_another_user_is_not_answered(server: ForkServer, tmp_path: Path) -> None:
    server.folder.chmod(0o711)
    server.socket.chmod(0o666)
    try:
        asked = subprocess.run(
            [
                "/usr/bin/python3",
                "-c",
                "import socket, sys\n"
                "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(100))",
                str(server.socket),
            ],
            user=65534,
            group=65534,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    finally:
        server.socket.chmod(0o600)
        server.folder.chmod(0o700)
    assert asked.stdout == "b''\n"


async def test_a_server_with_threads_refuses_to_fork(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    path = f"{forked.ENVIRONMENT['PYTHONPATH']}:{tmp_path}"
    environment = forked.ENVIRONMENT | {"PYTHONPATH": path}
    with ForkServer(["busy"], environment=environment) as server:
        kernel = ForkedKernel(server.socket, request(tmp_path))
        with pytest.raises(KernelError, match="has 2 threads, and can only fork with one"):
            await kernel.started()
        kernel.close()


def test_a_server_that_does_not_come_up_says_so(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("import os\nos._exit(5)")
    path = f"{forked.ENVIRONMENT['PYTHONPATH']}:{tmp_path}"
    server = ForkServer(["ends"], environment=forked.ENVIRONMENT | {"PYTHONPATH": path})
    with pytest.raises(KernelError, match="ended with status 5 before it was ready"):
        server.start()
    assert not server.folder.exists()


def test_an_interpreter_that_is_not_there_is_named() -> None:
    server = ForkServer(python="/nowhere/python", environment=forked.ENVIRONMENT)
    with pytest.raises(KernelError, match="/nowhere/python cannot be started: No such file"):
        server.start()
    assert not server.folder.exists()

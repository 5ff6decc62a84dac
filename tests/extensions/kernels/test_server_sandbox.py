"""Kernels of a fork server in their sandboxes: what they reach of it, and what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import forked
import psutil
import pytest

from lesesal_notebook.kernels import cgroups, sandbox
from lesesal_notebook.kernels.client import ForkedKernel, ForkServer, KernelError
from lesesal_notebook.kernels.request import KernelRequest
from lesesal_notebook.kernels.sandbox import Limits, Sandbox

SECONDS = 60
IMPOSSIBLE = sandbox.possible()
pytestmark = pytest.mark.skipif(bool(IMPOSSIBLE), reason=IMPOSSIBLE)
BOX = Sandbox(limits=Limits(seconds=120, memory_bytes=1 << 30)).to_dict()


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer(["numpy", "matplotlib"], environment=forked.ENVIRONMENT) as started:
        yield started


def held(cells: forked.Cells) -> ForkedKernel:
    kernel = cells.manager.provisioner.forked
    assert kernel is not None
    return kernel


async def test_a_kernel_in_a_sandbox_shows_what_one_without_shows(server: ForkServer) -> None:
    async with forked.kernel(server) as without, forked.kernel(server, sandbox=BOX) as within:
        for cell in (
            "x = 6 * 7\nx",
            "print('to stdout')",
            "1 / 0",
            "!printf 'a shell'; exit 3",
            "_exit_code",
            "%%bash\necho from bash",
            "import numpy\nnumpy.arange(3).sum()",
            "import multiprocessing\n"
            "child = multiprocessing.get_context('fork').Process(target=print, args=('a fork',))\n"
            "child.start(); child.join()",
            "input('name? ')",
            "import matplotlib.pyplot as plt\nplt.figure(figsize=(1, 1))\nplt.plot([1, 2]);",
        ):
            awaited = r"a fork\n" if "fork" in cell else ""
            wanted = await without.run(cell, awaited=awaited)
            assert (cell, await within.run(cell, awaited=awaited)) == (cell, wanted)


async def test_it_reaches_nothing_of_the_server(server: ForkServer) -> None:
    async with forked.kernel(server, sandbox=BOX) as cells:
        await cells.run("import glob, os, socket, struct")
        assert await cells.value(f"os.path.exists({str(server.folder)!r})") == "False"
        assert await cells.value(f"os.path.exists('/proc/{server.pid}')") == "False"
        # Its own sockets and pipes, and the null device: no way out but the channels.
        kinds = await cells.value(
            "sorted({os.readlink(fd).partition(':')[0] for fd in glob.glob('/proc/self/fd/*')"
            " if os.path.lexists(fd)})"
        )
        assert set(eval(kinds)) <= {"/dev/null", "anon_inode", "pipe", "socket", "/dev/urandom"}
        peers = await cells.value(
            "found = set()\n"
            "for fd in range(100):\n"
            "    try:\n"
            "        one = socket.socket(fileno=os.dup(fd))\n"
            "        raw = one.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)\n"
            "        found.add(struct.unpack('3i', raw)[0])\n"
            "        one.close()\n"
            "    except OSError: pass\n"
            "sorted(found - {0, os.getpid()})"
        )
        assert peers == "[]"


async def test_its_account_comes_with_its_end(server: ForkServer) -> None:
    async with forked.kernel(server, sandbox=BOX) as cells:
        # What it used before it was in its sandbox is not in the account.
        await cells.run(
            "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
        )
        kernel = held(cells)
        kernel.signal(signal.SIGKILL)
        assert await asyncio.wait_for(kernel.ended(), SECONDS) == -signal.SIGKILL
        assert kernel.account["limit"] == ""
        assert 0.5 <= kernel.account["cpu_seconds"] < 10
        assert kernel.account["memory_bytes"] > 1_000_000


async def test_an_interrupt_reaches_it(server: ForkServer) -> None:
    async with forked.kernel(server, sandbox=BOX) as cells:
        begun = asyncio.Event()
        cell = "print('on', flush=True)\nwhile True: pass"
        running = asyncio.create_task(cells.run(cell, printed=begun.set))
        await asyncio.wait_for(begun.wait(), SECONDS)
        await cells.manager.interrupt_kernel()
        reply = dict(await asyncio.wait_for(running, SECONDS))["reply"]
        assert reply["ename"] == "KeyboardInterrupt"
        assert await cells.value("1") == "1"


async def test_all_of_it_is_gone_with_the_connection_or_the_server() -> None:
    with ForkServer(environment=forked.ENVIRONMENT) as server:
        async with (
            forked.kernel(server, sandbox=BOX) as one,
            forked.kernel(server, sandbox=BOX) as other,
        ):
            for cells in (one, other):
                await cells.run("import os, time\nif os.fork() == 0: os.setsid(); time.sleep(600)")
            process = psutil.Process(server.pid)
            kernel = psutil.Process(held(one).pid)
            ones = [kernel, *kernel.children(recursive=True)]
            assert len(ones) == 2  # and what it left
            (cradle,) = set(process.children()) - {kernel, psutil.Process(held(other).pid)}
            firsts = set(cradle.children())
            held(one).close()
            assert psutil.wait_procs(ones, timeout=SECONDS)[1] == []
            last = time.monotonic() + SECONDS
            while all(first.is_running() for first in firsts):
                assert time.monotonic() < last
                await asyncio.sleep(0.02)
            _, left = psutil.wait_procs(firsts, timeout=1)
            assert len(left) == len(firsts) - 1
            others = process.children(recursive=True)
            assert len(others) >= 5  # the cradle, a first process and a spare one, two of the other
            assert await other.value("1") == "1"
            os.kill(server.pid, signal.SIGKILL)
            assert psutil.wait_procs(others, timeout=SECONDS)[1] == []


async def test_without_its_cradle_a_server_ends() -> None:
    with ForkServer(environment=forked.ENVIRONMENT) as server:
        async with forked.kernel(server, sandbox=BOX) as cells:
            process = psutil.Process(server.pid)
            (cradle,) = set(process.children()) - {psutil.Process(held(cells).pid)}
            all_of_it = process.children(recursive=True)
            cradle.kill()
            assert await asyncio.wait_for(held(cells).ended(), SECONDS) == -signal.SIGKILL
            assert psutil.wait_procs(all_of_it, timeout=SECONDS)[1] == []
            last = time.monotonic() + SECONDS
            while server.alive:
                assert time.monotonic() < last
                await asyncio.sleep(0.02)


async def test_nothing_outlives_a_server_and_its_cradle_that_are_killed_at_once() -> None:
    with ForkServer(environment=forked.ENVIRONMENT) as server:
        async with forked.kernel(server, sandbox=BOX) as cells:
            process = psutil.Process(server.pid)
            kernel = psutil.Process(held(cells).pid)
            (cradle,) = set(process.children()) - {kernel}
            others = [kernel, *cradle.children()]
            process.suspend()
            cradle.kill()
            process.kill()
            assert psutil.wait_procs(others, timeout=SECONDS)[1] == []
            cgroups.remove_of(process.pid, token="*", patience=SECONDS)


ORDINARY = """
import asyncio, json, sys
from lesesal_notebook.kernels.client import ForkedKernel, ForkServer, KernelError
from lesesal_notebook.kernels.request import KernelRequest
from lesesal_notebook.kernels.sandbox import Limits, Sandbox

async def one(server, **limits):
    channels = ("shell", "iopub", "stdin", "control", "hb")
    ports = {f"{each}_port": number for number, each in enumerate(channels)}
    connection = {"transport": "ipc", "ip": str(server.folder / "k"), "key": "k",
                  "signature_scheme": "hmac-sha256", **ports}
    without = limits.pop("without", False)
    box = None if without else Sandbox(limits=Limits(**limits)).to_dict()
    kernel = ForkedKernel(server.socket, KernelRequest(connection, lean=True, sandbox=box))
    try:
        await kernel.started()
    except KernelError as error:
        return str(error)
    if not limits:
        kernel.signal(15)
    said = [await kernel.ended(), kernel.account]
    for number in range(5):
        (server.folder / f"k-{number}").unlink()
    return said

with ForkServer(sandboxed=sys.argv[1:] == ["sandboxed"]) as server:
    wanted = {}, {"seconds": -25}, {"without": True}
    print(json.dumps([asyncio.run(one(server, **each)) for each in wanted]))
"""


@pytest.mark.parametrize("all_of_them", [[], ["sandboxed"]], ids=["some", "all"])
def test_an_ordinary_users_server_keeps_sandboxes(all_of_them: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", ORDINARY, *all_of_them],
        user=65534,
        group=65534,
        extra_groups=[],
        env=forked.ENVIRONMENT | {"HOME": "/"},
        cwd="/",
        capture_output=True,
        check=True,
        timeout=120,
    )
    (status, account), (late_status, late), without = json.loads(done.stdout)
    assert (status, account["limit"], account["by"]) == (-signal.SIGKILL, "", "watch")
    assert account["cpu_seconds"] > 0
    assert account["memory_bytes"] > 1_000_000
    assert (late_status, late["limit"]) == (-signal.SIGKILL, "time")
    if all_of_them:
        assert without.endswith("only kernels in sandboxes of namespaces.")
    else:
        assert without == [-signal.SIGTERM, {}]


@pytest.mark.parametrize(
    "wrong",
    [
        ({"kind": "cellar"}, "There is no sandbox of the kind 'cellar'."),
        ({"datasets": [["/nowhere/at/all", "/data"]]}, "/nowhere/at/all"),
    ],
)
async def test_a_sandbox_that_cannot_be_made_says_why_and_the_next_can(
    server: ForkServer, wrong: tuple[dict[str, Any], str]
) -> None:
    described, says = wrong
    with pytest.raises(KernelError, match=says):
        async with forked.kernel(server, sandbox=described):
            pass
    async with forked.kernel(server, sandbox=BOX) as cells:
        assert await cells.value("1") == "1"


async def test_kernels_leave_no_file_open(server: ForkServer) -> None:
    process = psutil.Process(server.pid)
    async with forked.kernel(server, sandbox=BOX):
        pass
    (cradle,) = process.children()

    def files() -> tuple[int, int]:
        return process.num_fds(), cradle.num_fds()

    last = time.monotonic() + SECONDS
    while not cradle.children():  # the spare one, which it has open
        assert time.monotonic() < last
        await asyncio.sleep(0.02)
    idle = files()
    for wanted in (BOX, {"datasets": [["/nowhere/at/all", "/data"]]}, BOX):
        with contextlib.suppress(KernelError):
            async with forked.kernel(server, sandbox=wanted):
                pass
    while files() > idle:
        assert time.monotonic() < last, (files(), idle)
        await asyncio.sleep(0.02)


async def test_a_sandbox_is_not_reached_over_the_network(server: ForkServer) -> None:
    wanted = KernelRequest({"transport": "tcp"}, lean=True, sandbox=BOX)
    kernel = ForkedKernel(server.socket, wanted)
    with pytest.raises(KernelError, match="it needs ipc"):
        await kernel.started()
    kernel.close()

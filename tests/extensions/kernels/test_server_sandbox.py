"""Kernels of a fork server in their sandboxes: what they reach of it, and what comes back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import forked
import psutil
import pytest

from lesesal_notebook.kernels import sandbox
from lesesal_notebook.kernels.client import ForkedKernel, ForkServer, KernelError
from lesesal_notebook.kernels.request import KernelRequest
from lesesal_notebook.kernels.sandbox import Limits, Sandbox

SECONDS = 20
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
            awaited = "a fork" if "fork" in cell else ""
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
        await cells.run("import time\nwhile time.process_time() < 0.5: pass")
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
            ones = psutil.Process(held(one).pid).children(recursive=True)
            held(one).close()
            assert len(ones) >= 3  # the first process inside, the kernel, what it left
            assert psutil.wait_procs(ones, timeout=SECONDS)[1] == []
            others = process.children(recursive=True)
            assert len(others) >= 4
            assert await other.value("1") == "1"
            os.kill(server.pid, signal.SIGKILL)
            assert psutil.wait_procs(others, timeout=SECONDS)[1] == []


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


async def test_a_sandbox_is_not_reached_over_the_network(server: ForkServer) -> None:
    wanted = KernelRequest({"transport": "tcp"}, lean=True, sandbox=BOX)
    kernel = ForkedKernel(server.socket, wanted)
    with pytest.raises(KernelError, match="it needs ipc"):
        await kernel.started()
    kernel.close()

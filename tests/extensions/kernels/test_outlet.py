"""What a lean kernel's cells say, however it is said and whatever interrupts it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

import forked
import pytest
from jupyter_client.session import Session

from lesesal_notebook.kernels.client import ForkServer

SECONDS = 60


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer(["multiprocessing"], environment=forked.ENVIRONMENT) as started:
        yield started


def printed(said: list[tuple[str, Any]]) -> str:
    return "".join(text for kind, text in said if kind == "stdout")


async def interrupted(cells: forked.Cells, code: str) -> list[tuple[str, Any]]:
    """What a cell says that is interrupted a moment after its first word."""
    begun = asyncio.Event()
    running = asyncio.create_task(cells.run(code, printed=begun.set))
    await asyncio.wait_for(begun.wait(), SECONDS)
    await cells.manager.interrupt_kernel()
    return await asyncio.wait_for(running, SECONDS)


@pytest.mark.parametrize("flush", [True, False])
async def test_nothing_printed_before_an_interrupt_is_lost(server: ForkServer, flush: bool) -> None:
    endless = (
        "import itertools\n"
        "try:\n"
        f"    for n in itertools.count(): print(n, flush={flush})\n"
        "finally: print('end', n)"
    )
    async with forked.kernel(server) as cells:
        for _ in range(10):
            said = await interrupted(cells, endless)
            *numbers, end = printed(said).splitlines()
            assert dict(said)["reply"]["ename"] == "KeyboardInterrupt"
            # The last one may have been stopped before it was printed, or between its two writes.
            last = int(end.split()[-1])
            assert numbers[:last] == [str(n) for n in range(last)]
        assert await cells.value("1") == "1"


async def test_signals_handlers_may_print_while_something_is_sent(server: ForkServer) -> None:
    ringing = (
        "import signal\n"
        "rung, ringing = 0, True\n"
        "def ring(*_):\n"
        "    global rung\n"
        "    rung += 1\n"
        "    print('ring\\n', end='', flush=True)\n"
        # Not before this one is done: they might come faster than they go.
        "    if ringing: signal.setitimer(signal.ITIMER_REAL, 0.001)\n"
        "signal.signal(signal.SIGALRM, ring)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001)\n"
        "try:\n"
        "    for n in range(2000): print('n' * 50, flush=True)\n"
        "finally:\n"
        "    ringing = False\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "print(rung, 'rung')"
    )
    async with forked.kernel(server) as cells:
        text = printed(await cells.run(ringing))
        rung = int(text.splitlines()[-1].split()[0])
        assert rung > 5
        assert (text.count("ring\n"), text.count("n" * 50)) == (rung, 2000)


async def test_threads_print_and_show_at_once(server: ForkServer) -> None:
    many = (
        "import threading\n"
        "from IPython.display import display\n"
        "def speak(name):\n"
        "    for n in range(200):\n"
        "        print(f'{name} {n}\\n', end='', flush=not n % 3)\n"
        "        if not n % 50: display({'text/plain': f'{name} {n}'}, raw=True)\n"
        "threads = [threading.Thread(target=speak, args=(name,)) for name in 'abcd']\n"
        "for one in threads: one.start()\n"
        "for one in threads: one.join()"
    )
    async with forked.kernel(server) as cells:
        said = await cells.run(many)
        lines = printed(said).splitlines()
        for name in "abcd":
            own = [line for line in lines if line.startswith(name)]
            assert own == [f"{name} {n}" for n in range(200)]
        assert sum(kind == "display_data" for kind, _ in said) == 16


async def test_what_is_printed_is_shown_while_the_cell_goes_on(server: ForkServer) -> None:
    async with forked.kernel(server) as cells:
        said = await interrupted(cells, "import time\nprint('first')\ntime.sleep(600)")
        assert printed(said) == "first\n"


async def test_what_was_printed_a_moment_before_a_kernel_is_killed_is_shown(
    server: ForkServer,
) -> None:
    async with forked.kernel(server) as cells:
        cells.client.execute(
            "import os, sys, time\nprint('first')\n"
            # Until a thread of it has sent it.
            "while sys.stdout._pieces or sys.stdout._flushing: time.sleep(0.01)\n"
            "os.kill(os.getpid(), 9)"
        )
        kernel = cells.manager.provisioner.forked
        assert kernel is not None
        assert await asyncio.wait_for(kernel.ended(), SECONDS) == -signal.SIGKILL
        said = ""
        while said != "first\n":
            message = await cells.client.get_iopub_msg(timeout=SECONDS)
            said = message["content"].get("text", "")


async def test_forked_processes_print_whole_and_once(server: ForkServer) -> None:
    forking = (
        "import multiprocessing, sys\n"
        "print('before')\n"
        "def speak(word): print(word * 300_000 + '\\n', end='')\n"
        "context = multiprocessing.get_context('fork')\n"
        "children = [context.Process(target=speak, args=(word,)) for word in 'abc']\n"
        "for one in children: one.start()\n"
        "for one in children: one.join()\n"
        "print('after')"
    )
    async with forked.kernel(server) as cells:
        said = await cells.run(forking)
        lines = printed(said).splitlines()
        whole = [word * 300_000 for word in "abc"]
        assert sorted(lines) == sorted(["before", "after", *whole])
        assert lines[0] == "before"
        assert await cells.value("1") == "1"


async def test_what_forked_processes_print_comes_before_the_cell_ends(server: ForkServer) -> None:
    forking = (
        "import os\n"
        "for n in range(5):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        for word in range(100): print(f'{n} {word}\\n', end='')\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "    print(f'after {n}\\n', end='', flush=True)"
    )
    async with forked.kernel(server) as cells:
        for _ in range(3):
            lines = printed(await cells.run(forking)).splitlines()
            wanted = [[*(f"{n} {word}" for word in range(100)), f"after {n}"] for n in range(5)]
            assert sorted(lines) == sorted(line for part in wanted for line in part)


async def test_a_forked_process_that_goes_on_as_a_kernel_does_no_harm(server: ForkServer) -> None:
    async with forked.kernel(server) as cells:
        kernel = cells.manager.provisioner.forked
        assert kernel is not None
        own = str(kernel.pid)
        said = await cells.run("import os\nchild = os.fork()\nos.getpid()")
        shown = [
            content["data"]["text/plain"] for kind, content in said if kind == "execute_result"
        ]
        assert shown == [own]
        for _ in range(20):
            assert await cells.value("os.getpid()") == own
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(await cells.value("child")), signal.SIGKILL)


async def test_a_lean_kernel_asks_for_input(server: ForkServer) -> None:
    async with forked.kernel(server) as cells:
        client = cells.client
        client.allow_stdin = True
        asked = client.execute("'got ' + input('name? ')")
        message = await client.get_stdin_msg(timeout=SECONDS)
        assert message["content"] == {"prompt": "name? ", "password": False}
        client.input("student1")
        while True:
            message = await client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") == asked and "data" in message["content"]:
                break
        assert message["content"]["data"]["text/plain"] == "'got student1'"


async def test_a_second_client_hears_what_the_first_one_asks(server: ForkServer) -> None:
    async with forked.kernel(server) as cells:
        other = cells.manager.client(session=Session(key=cells.manager.session.key))
        other.start_channels(hb=False)
        try:
            while (await other.get_iopub_msg(timeout=SECONDS))["msg_type"] != "iopub_welcome":
                pass
            assert await cells.value("2 ** 70") == str(2**70)
            heard = []
            while "idle" not in heard[1:]:
                message = await other.get_iopub_msg(timeout=SECONDS)
                heard.append(message["content"].get("execution_state", message["msg_type"]))
            assert "execute_result" in heard
            asked = other.execute("6 * 7")
            reply = await other.get_shell_msg(timeout=SECONDS)
            assert reply["parent_header"]["msg_id"] == asked
        finally:
            other.stop_channels()
        assert await cells.value("3") == "3"

"""The worker's fork server: begun ahead, the same for all kernels, and replaced when it is gone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lesesal_notebook.execution.servers import Servers, StartError
from lesesal_notebook.kernels.client import ForkServer


@pytest.fixture
def servers() -> Iterator[Servers]:
    made = Servers()
    yield made
    made.close()


def pid(servers: Servers) -> int:
    assert servers._server is not None
    return servers._server.pid


def test_one_that_has_begun_is_the_one(servers: Servers) -> None:
    servers.begin()
    begun = pid(servers)

    async def ask() -> None:
        first, second = await asyncio.gather(servers.get(), servers.get())
        assert first == second
        assert pid(servers) == begun
        environment = Path(f"/proc/{begun}/environ").read_bytes().decode().split("\0")
        (home,) = (each.removeprefix("HOME=") for each in environment if each.startswith("HOME="))
        assert (Path(home).parent, Path(home).is_dir()) == (first[1], True)
        os.kill(begun, signal.SIGKILL)
        while servers._server is not None and servers._server.alive:
            await asyncio.sleep(0.01)
        socket, _folder = await servers.get()
        assert socket.exists()
        assert socket != first[0]
        assert pid(servers) != begun

    asyncio.run(ask())


def test_one_that_cannot_begin_is_told_to_who_wants_a_kernel(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **more: object) -> ForkServer:
        return ForkServer(python="/nowhere/python")

    monkeypatch.setattr("lesesal_notebook.execution.servers.ForkServer", broken)
    servers.begin()
    with pytest.raises(StartError, match="/nowhere/python cannot be started"):
        asyncio.run(servers.get())

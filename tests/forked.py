"""Kernels of a real fork server for tests, and what cells say in them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from lesesal_notebook.kernels.client import ForkServer, ready
from lesesal_notebook.kernels.provisioner import kernel_manager

EXTENSIONS = Path(__file__).resolve().parents[1] / "extensions"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(EXTENSIONS),
    "HOME": str(Path.home()),  # where matplotlib keeps its list of fonts
}
SECONDS = 60


class Cells:
    """A kernel that runs one cell after another."""

    def __init__(self, manager: AsyncKernelManager, client: Any) -> None:
        self.manager, self.client = manager, client

    async def ready(self) -> None:
        """Until it answers, and is heard: `wait_for_ready` knows of the first alone."""
        await self.client.wait_for_ready(timeout=SECONDS)
        last = time.monotonic() + SECONDS
        heard, asked = None, ""
        while heard != asked:
            assert time.monotonic() < last, "it is not heard"
            asked = self.client.kernel_info()
            with contextlib.suppress(queue.Empty):
                while heard != asked:
                    message = await self.client.get_iopub_msg(timeout=1)
                    heard = message["parent_header"].get("msg_id")

    async def run(
        self, code: str, *, awaited: str = "", printed: Callable[[], None] = lambda: None
    ) -> list[tuple[str, Any]]:
        """All that a cell shows, as (type, content), and its reply; without what differs by run.

        Args:
            awaited: a text that it prints, perhaps only after its end.
            printed: called when it prints.
        """
        asked = self.client.execute(code)
        said: list[tuple[str, Any]] = []
        idle = False
        while not idle or (awaited and awaited not in str(said)):
            message = await self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            idle = idle or content == {"execution_state": "idle"}
            if kind == "stream":
                printed()
                # What is there already is had without a pause, in which alone others can go on.
                await asyncio.sleep(0)
                _print(said, content["name"], _plain(content["text"]))
            elif kind != "status":
                said.append((kind, _plain(content)))
        # `wait_for_ready` may leave answers to what it asked again.
        reply = await self.client.get_shell_msg(timeout=SECONDS)
        while reply["parent_header"].get("msg_id") != asked:
            reply = await self.client.get_shell_msg(timeout=SECONDS)
        return [*said, ("reply", _plain(reply["content"]))]

    async def value(self, code: str) -> str:
        """The text of a cell's last expression."""
        said = dict(await self.run(code))
        assert "execute_result" in said, said
        return str(said["execute_result"]["data"]["text/plain"])


def _print(said: list[tuple[str, Any]], stream: str, text: str) -> None:
    """Put a text to the stream's last: when each of both is sent depends on the moment."""
    streams: dict[str, str] = {}
    while said and said[-1][0] in ("stdout", "stderr"):
        name, before = said.pop()
        streams[name] = before
    streams[stream] = streams.get(stream, "") + text
    said.extend(sorted(streams.items()))


def _plain(said: Any) -> Any:
    """Without the numbers of processes, memory and communication that differ each time."""
    if isinstance(said, Mapping):
        return {name: _plain(value) for name, value in said.items() if name != "comm_id"}
    if isinstance(said, list):
        return [_plain(value) for value in said]
    if isinstance(said, str):
        return re.sub(
            r"ipykernel_\d+|0x[0-9a-f]{6,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "…", said
        )
    return said


@contextlib.asynccontextmanager
async def kernel(
    server: ForkServer, *, lean: bool = True, sandbox: Mapping[str, Any] | None = None, **start: Any
) -> AsyncIterator[Cells]:
    manager = kernel_manager(server, lean=lean, sandbox=sandbox)
    await manager.start_kernel(**{"env": ENVIRONMENT} | start)
    client = manager.client()
    client.start_channels(hb=False)
    try:
        await ready(client, manager.provisioner.forked)
        client.allow_stdin = False
        yield Cells(manager, client)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)

"""One side of `kernel.py`, in the kernels' environment: ``kernel_sides.py SIDE CELL MODULE …``.

It says ``{}`` when kernels can be asked for. For each line that it reads it does what that says,
and answers with a line of JSON; it ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

KERNELS = 3
SECONDS = 120.0


class Side:
    """Kernels of a fork server as a session has it, or as Jupyter starts them.

    Args:
        server: a `ForkServer`; None for Jupyter's own.
        cell: the first cell.
    """

    def __init__(self, server: Any, cell: str) -> None:
        self._server, self._cell = server, cell

    def manager(self) -> Any:
        from jupyter_client.manager import AsyncKernelManager

        manager = AsyncKernelManager(kernel_name="python3")
        if self._server is not None:
            from lesesal_notebook.kernels.provisioner import ForkProvisioner

            manager.provisioner = ForkProvisioner(
                kernel_id="bench",
                kernel_spec=manager.kernel_spec,
                parent=manager,
                socket=str(self._server.socket),
            )
        return manager

    async def answer(self, manager: Any) -> None:
        """Ask the first cell at once; until its reply is here."""
        client = manager.client()
        client.start_channels(hb=False, stdin=False)
        try:
            asked = client.execute(self._cell)
            while True:
                reply = await client.get_shell_msg(timeout=SECONDS)
                if reply["parent_header"].get("msg_id") == asked:
                    break
            if reply["content"]["status"] != "ok":
                sys.exit(str(reply["content"]))
        finally:
            client.stop_channels()

    async def times(self) -> Mapping[str, float]:
        """Seconds until a new kernel's answer, its CPU, and until a restarted one's answer."""
        manager = self.manager()
        spent = _cpu()
        start = time.perf_counter()
        await manager.start_kernel()
        await self.answer(manager)
        ready = time.perf_counter() - start
        cpu = _cpu() - spent
        start = time.perf_counter()
        await manager.restart_kernel()
        await self.answer(manager)
        restarted = time.perf_counter() - start
        await manager.shutdown_kernel(now=True)
        return {"ready_s": ready, "restarted_s": restarted, "cpu_s": cpu}

    async def memory(self) -> Mapping[str, float]:
        """MiB (PSS) of so many kernels that have answered, the server's too."""
        import psutil

        managers = [self.manager() for _ in range(KERNELS)]
        for manager in managers:
            await manager.start_kernel()
            await self.answer(manager)
        processes = psutil.Process().children(recursive=True)
        pss = sum(process.memory_full_info().pss for process in processes) / 2**20
        for manager in managers:
            await manager.shutdown_kernel(now=True)
        return {"pss_mb": pss}


def _cpu() -> float:
    """CPU seconds of all that this process has started, and lives."""
    import psutil

    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            spent = process.cpu_times()
            total += spent.user + spent.system
    return total


def main(side: str, cell: str, modules: list[str]) -> None:
    server = None
    if side == "ours":
        from lesesal_notebook.kernels.client import ForkServer

        server = ForkServer(modules, threads=True).start()
        if server.missing or server.hindrance:
            sys.exit(f"{server.missing} {server.hindrance}")
    sides = Side(server, cell)
    print("{}", flush=True)
    for line in sys.stdin:
        wanted = {"times": sides.times, "memory": sides.memory}[line.strip()]
        print(json.dumps(asyncio.run(wanted())), flush=True)
    if server is not None:
        server.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])

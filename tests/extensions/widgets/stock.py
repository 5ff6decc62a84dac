"""Stock kernels of the session side's environment, with the checkout's extension."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import forked
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

CHECKOUT = Path(__file__).resolve().parents[3]
PYTHON = str(CHECKOUT / ".venv" / "session" / "bin" / "python")


@contextlib.asynccontextmanager
async def stock_kernel(
    home: Path, first: str = "", **environment: str
) -> AsyncIterator[forked.Cells]:
    """A kernel that runs cells; what it prints beside them is in ``home/kernel.log``.

    Args:
        home: the person's; IPython keeps its files there.
        first: a folder for the beginning of PYTHONPATH.
    """
    manager = AsyncKernelManager(kernel_id="stock")
    manager._kernel_spec = KernelSpec(
        argv=[PYTHON, "-P", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        language="python",
    )
    path = os.pathsep.join([*([first] if first else []), str(CHECKOUT / "extensions")])
    with (home / "kernel.log").open("wb") as log:
        await manager.start_kernel(
            env={"PATH": os.defpath, "HOME": str(home), "PYTHONPATH": path, **environment},
            stderr=log,
        )
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=forked.SECONDS)
        client.allow_stdin = False
        yield forked.Cells(manager, client)
    finally:
        client.stop_channels()
        if manager.has_kernel:
            await manager.shutdown_kernel(now=True)

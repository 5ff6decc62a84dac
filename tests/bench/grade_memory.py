"""What kernels that have imported torch have of memory: forked from one process, or each started.

As a program, in the environment that has torch: ``python grade_memory.py forked 3`` starts so many
kernels at a time, lets each compute, and prints a JSON object.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

KERNELS = 3
CODE = "import torch; torch.nn.Linear(8, 8)(torch.ones(1, 8)).sum().item()"
MIB = 2**20


def measure(python: Path) -> dict[str, Any]:
    """Both sides, in MiB: all together, and what one more takes.

    The sum is of the proportional set sizes of all processes: a page that several share counts in
    parts. The fork server is one of ours.
    """
    found = {}
    for side in ("forked", "stock"):
        one, several = (_run(python, side, count) for count in (1, KERNELS))
        found[side] = {
            "pss_mb": round(several, 1),
            "pss_mb_one_more": round((several - one) / (KERNELS - 1), 1),
        }
    return {"kernels": KERNELS, **found}


def _run(python: Path, side: str, count: int) -> float:
    done = subprocess.run(
        [str(python), __file__, side, str(count)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"The kernels with torch cannot be measured:\n{done.stderr[-2000:]}")
    return float(json.loads(done.stdout)["pss"]) / MIB


async def main(side: str, count: int) -> None:
    """Start the kernels, and print their PSS in bytes."""
    import psutil

    async with contextlib.AsyncExitStack() as stack:
        managers = _forked(stack, count) if side == "forked" else _stock(count)
        for manager in managers:
            await manager.start_kernel()
            stack.push_async_callback(manager.shutdown_kernel, now=True)
            client = manager.client()
            client.start_channels()
            stack.callback(client.stop_channels)
            await client.wait_for_ready(timeout=120)
            reply = await client.execute_interactive(CODE, timeout=120, output_hook=lambda _: None)
            if reply["content"]["status"] != "ok":
                sys.exit(str(reply["content"]))
        processes = psutil.Process().children(recursive=True)
        total = sum(process.memory_full_info().pss for process in processes)
        sys.stdout.write(json.dumps({"pss": total, "processes": len(processes)}) + "\n")


def _forked(stack: contextlib.AsyncExitStack, count: int) -> list[Any]:
    from lesesal_notebook.kernels.client import ForkServer
    from lesesal_notebook.kernels.provisioner import kernel_manager

    server = ForkServer(["torch"]).start()
    stack.callback(server.close)
    return [kernel_manager(server) for _ in range(count)]


def _stock(count: int) -> list[Any]:
    from jupyter_client.manager import AsyncKernelManager

    return [AsyncKernelManager(kernel_name="python3") for _ in range(count)]


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))

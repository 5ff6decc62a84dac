"""jupyter_client's way to a fork server: a kernel provisioner by the name of ``lesesal-fork``.

A kernel specification asks for it in its ``metadata`` (jupyter_client, "Kernel provisioning")::

    {"kernel_provisioner": {"provisioner_name": "lesesal-fork", "config": {"socket": "/…/server"}}}
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Bool, Dict, Unicode

from .client import ForkedKernel, ForkServer, KernelError
from .request import KernelRequest

LONGEST_PATH = 107
"""Bytes of a unix socket's path (unix(7))."""

SOON = 1.0
"""Seconds in which a kernel ends that was told to, and does nothing else."""


class ForkProvisioner(LocalProvisioner):
    """A kernel that a fork server forks.

    Attributes:
        account: of the last kernel that ended in a sandbox, what that says of it.
    """

    socket = Unicode(help="The fork server's socket: /run/user/1000/lesesal/server").tag(
        config=True
    )
    lean = Bool(
        False,
        help="Leave out what only a person at the kernel needs: debugger, subshells, heartbeat,"
        " history on disk.",
    ).tag(config=True)
    sandbox = Dict(
        default_value=None,
        allow_none=True,
        help='The sandbox it runs in, as `Sandbox.to_dict` gives it: {"limits": {"seconds": 60}}.'
        " Of the environment it then sees only what the sandbox lets through.",
    ).tag(config=True)

    forked: ForkedKernel | None = None
    account: Mapping[str, Any] = {}

    @property
    def has_process(self) -> bool:
        return self.forked is not None or super().has_process

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        arguments = kwargs.get("extra_arguments", [])
        return await super().pre_launch(**kwargs) | {"extra_arguments": arguments}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Ask for it. Raises KernelError where it cannot be started."""
        connection = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in self.connection_info.items()
        }
        if connection["transport"] == "ipc":
            connection["ip"] = os.path.abspath(str(connection["ip"]))  # noqa: PTH100, ASYNC240
            if len(os.fsencode(f"{connection['ip']}-99")) > LONGEST_PATH:
                raise KernelError(
                    f"{connection['ip']} is too long for a socket: {LONGEST_PATH} bytes at most."
                )
        self.cwd = kwargs.get("cwd") or Path.cwd()
        request = KernelRequest(
            connection=connection,
            connection_file=getattr(self.parent, "connection_file", ""),
            folder=os.path.abspath(self.cwd),  # noqa: PTH100, ASYNC240
            environment={} if self.sandbox is not None else kwargs["env"],
            arguments=tuple(kwargs["extra_arguments"]),
            lean=self.lean,
            sandbox=self.sandbox,
        )
        forked = ForkedKernel(Path(self.socket), request)
        try:
            await forked.started()
        except BaseException:
            forked.close()
            raise
        self.forked, self.pid = forked, forked.pid
        return self.connection_info

    async def poll(self) -> int | None:
        if self.forked is None:
            return await super().poll()
        self.forked.look()
        return self.forked.status

    async def wait(self) -> int | None:
        if self.forked is None:
            return await super().wait()
        status = await self.forked.ended()
        self.account = self.forked.account
        self.forked.close()
        self.forked = None
        return status

    async def send_signal(self, signum: int) -> None:
        if self.forked is None:
            await super().send_signal(signum)
        else:
            self.forked.signal(signum)

    async def kill(self, restart: bool = False) -> None:
        if self.forked is None:
            await super().kill(restart)
        else:
            self.forked.signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        if self.forked is None:
            await super().terminate(restart)
        else:
            self.forked.signal(signal.SIGTERM)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Wait for the end here, which is heard of at once: what comes next looks now and then."""
        if self.forked is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.forked.ended(), SOON)

    async def cleanup(self, restart: bool = False) -> None:
        if self.forked is not None:
            self.forked.close()
            self.forked = None
        await super().cleanup(restart=restart)

    async def get_provisioner_info(self) -> dict[str, Any]:
        """Without a way back: a kernel's life is a connection, which nobody else can take over."""
        return await super().get_provisioner_info() | {"socket": self.socket}


def kernel_manager(
    server: ForkServer,
    *,
    lean: bool = True,
    sandbox: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> AsyncKernelManager:
    """A manager for one kernel of this server, over unix sockets, for nbclient or by itself.

    Args:
        kwargs: more for the manager.
    """
    name = uuid4().hex[:12]
    manager = AsyncKernelManager(
        transport="ipc",
        ip=str(server.folder / name),
        connection_file=str(server.folder / f"{name}.json"),
        kernel_id=name,
        **kwargs,
    )
    manager._kernel_spec = KernelSpec(
        argv=["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        language="python",
        display_name="Python 3 (ipykernel)",
    )
    manager.provisioner = ForkProvisioner(
        kernel_id=name,
        kernel_spec=manager._kernel_spec,
        parent=manager,
        socket=str(server.socket),
        lean=lean,
        sandbox=None if sandbox is None else dict(sandbox),
    )
    return manager

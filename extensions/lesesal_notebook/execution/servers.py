"""The fork server of a worker: one at a time, and a new one when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path

from ..kernels.client import ForkServer, KernelError

WARM = f"{__package__}.warm"
_LOG = logging.getLogger(__name__)


class StartError(Exception):
    """The kernel could not be started, through no fault of the notebook. A sentence says why."""


class Servers:
    """Has a fork server ready, and starts another when it is gone.

    Args:
        preload: the course's modules, which it imports once.
    """

    def __init__(self, preload: Sequence[str] = ()) -> None:
        self._preload = [WARM, *preload]
        self._server: ForkServer | None = None
        self._ready = False
        self._starting = asyncio.Lock()

    def begin(self) -> ForkServer:
        """Let a server import while this process does something else."""
        self._ready = False
        self._server = server = ForkServer(self._preload, own_home=True, sandboxed=True)
        # What is wrong is told to who wants a kernel.
        with contextlib.suppress(KernelError):
            server.begin()
        return server

    async def get(self) -> tuple[Path, Path]:
        """The socket of a server that is there, and a folder for kernels' sockets.

        Raises StartError.
        """
        async with self._starting:
            server = self._server
            if server is None or not server.alive:
                await asyncio.to_thread(self.close)
                server = self.begin()
            if not self._ready:
                try:
                    await asyncio.to_thread(server.start)
                except (KernelError, OSError) as error:
                    raise StartError(str(error)) from error
                self._ready = True
                for module, why in server.missing.items():
                    _LOG.warning("%s cannot be imported ahead: %s", module, why)
            return server.socket, server.folder

    def close(self) -> None:
        """End it, and all its kernels."""
        if self._server is not None:
            self._server.close()
            self._server = None

"""The fork server of a worker: one at a time, and a new one when it is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from ..kernels.client import ForkServer, KernelError
from .kernel import StartError

WARM = f"{__package__}.warm"
_LOG = logging.getLogger(__name__)


class Servers:
    """Starts a fork server when the first kernel is asked for.

    Args:
        preload: the course's modules, which it imports once.
    """

    def __init__(self, preload: Sequence[str] = ()) -> None:
        self._preload = [WARM, *preload]
        self._server: ForkServer | None = None
        self._starting = asyncio.Lock()

    async def get(self) -> tuple[Path, Path]:
        """The socket of a server that is there, and a folder for kernels' sockets.

        Raises StartError.
        """
        async with self._starting:
            if self._server is None or not self._server.alive:
                await asyncio.to_thread(self.close)
                self._server = ForkServer(self._preload)
                try:
                    await asyncio.to_thread(self._server.start)
                except (KernelError, OSError) as error:
                    raise StartError(str(error)) from error
                for module, why in self._server.missing.items():
                    _LOG.warning("%s cannot be imported ahead: %s", module, why)
            return self._server.socket, self._server.folder

    def close(self) -> None:
        """End it, and all its kernels."""
        if self._server is not None:
            self._server.close()
            self._server = None

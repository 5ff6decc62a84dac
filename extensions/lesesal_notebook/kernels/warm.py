"""A session's fork server: begun when a page is opened, and asked for each kernel from then on.

Where it can't give a kernel, there is one as Jupyter starts it, and a line in the session's log.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import logging
import os
import site
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from .client import ForkServer, KernelError
from .provisioner import ForkProvisioner

PROVISIONER = "lesesal-warm"
"""By this name jupyter_client finds `WarmProvisioner`."""

PRELOAD = "LESESAL_PRELOAD"
"""The variable that names the modules that the course imports ahead, with commas between."""

ARGUMENTS = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
"""Of a kernel specification whose kernels the server can give, after the interpreter."""

MOST_STARTS = 2

ANSWER_SECONDS = 5.0
"""A kernel takes a fiftieth of it. Who waits longer gets one without the server."""

BESIDE_SECONDS = 3.0
"""Two that start at once on a core or two both take longer."""

State = Literal["off", "starting", "ready", "gone"]

_log = logging.getLogger(__name__)


class WarmKernels:
    """The fork server of this process, which has one at a time.

    Args:
        modules: that it imports.

    Attributes:
        state: ``gone`` when it can't be had, for good.
    """

    def __init__(self, modules: Sequence[str] = ()) -> None:
        self.modules = tuple(modules)
        self.state: State = "off"
        self._starts = 0
        self._packages: frozenset[str] = frozenset()
        self._server: ForkServer | None = None
        self._starting: asyncio.Task[None] | None = None
        atexit.register(self.close)

    @property
    def socket(self) -> Path | None:
        """Where to ask for kernels now; None where there is nobody to ask."""
        return self._server.socket if self._server and self.state == "ready" else None

    def open(self) -> None:
        """A page was opened: import the course's modules, if it names any."""
        if self.modules:
            self.wake()

    def wake(self) -> None:
        """Begin, unless it has begun; from the event loop."""
        if self.state == "off" and self._starts < MOST_STARTS:
            self.state = "starting"
            self._starts += 1
            self._starting = asyncio.get_running_loop().create_task(self._start())

    def asked(self) -> None:
        """A kernel is asked for: begin if nothing has, when that one has had time to start."""
        if self.state == "off":
            asyncio.get_running_loop().call_later(BESIDE_SECONDS, self.wake)

    def failed(self, error: KernelError) -> None:
        """It gave no kernel. If it has died, it is started once more."""
        _log.warning("A kernel was started without the fork server: %s", error)
        if self._server is not None and not self._server.alive:
            self._drop("off" if self._starts < MOST_STARTS else "gone")
            self.wake()

    def leave(self, why: str) -> None:
        """Nobody asks it again. Kernels that it has given live on."""
        _log.warning("%s, so kernels are started without it.", why)
        self.state = "gone"

    def is_old(self) -> bool:
        """Whether packages were installed since it began: a new kernel must see them."""
        return self._packages != _packages()

    def close(self) -> None:
        """End it, and its kernels with it."""
        self._drop("gone")

    async def _start(self) -> None:
        self._packages = _packages()
        # What a kernel of Jupyter's would be given; there is nothing secret in it.
        server = ForkServer(self.modules, environment=os.environ, threads=True)
        self._server = server
        try:
            await server.started()
        except KernelError as error:
            _log.warning("Kernels start without the fork server: %s", error)
            self._drop("off" if self._starts < MOST_STARTS else "gone")
            self.wake()
            return
        for name, why in server.missing.items():
            _log.warning("%s is not imported ahead: %s", name, why)
        if server.hindrance:
            _log.warning("Kernels start without the fork server: %s", server.hindrance)
            self._drop("gone")
            return
        self.state = "ready"
        _log.info("The fork server is ready.")

    def _drop(self, state: State) -> None:
        server, self._server, self.state = self._server, None, state
        if server is not None:
            server.close(at_once=True)


def _packages() -> frozenset[str]:
    """What is installed, by the folders that say so of each package and version."""
    folders = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    there = (each for folder in folders if Path(folder).is_dir() for each in os.scandir(folder))
    return frozenset(each.path for each in there if each.name.endswith(("-info", ".egg-link")))


@functools.cache
def of_this_session() -> WarmKernels:
    """What a session's kernels have in common."""
    return WarmKernels([name for name in os.environ.get(PRELOAD, "").split(",") if name])


class WarmProvisioner(ForkProvisioner):
    """A kernel of this session's fork server where it can give one, else as Jupyter starts it."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Raises what starting a process raises."""
        warm = of_this_session()
        if self._is_ours(cmd):
            warm.asked()
            if warm.socket is not None and warm.is_old():
                warm.leave("Packages were installed after the fork server had begun")
            if warm.socket is not None:
                self.socket = str(warm.socket)
                forked = super().launch_kernel(cmd, **kwargs)
                try:
                    return await asyncio.wait_for(forked, ANSWER_SECONDS)
                except KernelError as error:
                    warm.failed(error)
                except TimeoutError:
                    warm.leave("The fork server does not answer")
        return await LocalProvisioner.launch_kernel(self, cmd, **kwargs)

    def _is_ours(self, cmd: Sequence[str]) -> bool:
        """Whether it is ipykernel, in this environment, with the session's variables."""
        spec = self.kernel_spec
        return cmd[0] == sys.executable and spec.argv[1:] == ARGUMENTS and not spec.env

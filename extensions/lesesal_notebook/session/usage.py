"""What the session uses of its GPUs, processors and memory: ``<session>/lesesal/usage``.

Loaded when an open page first asks. Nobody looks while no page asks, and pages that ask at about
the same time share a reading.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from ..machine.nvml import Gpu
from ..machine.readings import APART, Reader, Reading

SETTING = "lesesal_usage"
# Seconds that a reading serves all pages of the session.
FRESH = 2.0


class Usage:
    """The readings of one session.

    Args:
        reader: takes them.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: Reading | None = None
        self._taken = 0.0
        self._lock = asyncio.Lock()

    async def current(self) -> Reading:
        """As of now or of some seconds ago."""
        async with self._lock:
            if self._known is None:
                # The CPU's use is known from two readings.
                await asyncio.to_thread(self._reader.read)
                await asyncio.sleep(APART)
            if self._known is None or time.monotonic() - self._taken >= FRESH:
                # Not on the loop: a driver in trouble takes its time.
                self._known = await asyncio.to_thread(self._reader.read)
                self._taken = time.monotonic()
            return self._known


class UsageHandler(JupyterHandler):
    """``lesesal/usage``."""

    @web.authenticated
    async def get(self) -> None:
        """What `as_json` makes of the reading."""
        usage: Usage = self.settings[SETTING]
        self.finish(as_json(await usage.current()))


def as_json(reading: Reading) -> dict[str, Any]:
    """``{"cpu": {"used", "count"}, "memory": {"used", "limit"}, "gpus": […], "silent"}``.

    CPU in cores, memory in bytes; what is not known is null.
    """
    host = reading.host
    return {
        "cpu": {"used": reading.cores, "count": host.cores},
        "memory": {"used": host.memory_used, "limit": host.memory_limit},
        "gpus": [_gpu(gpu) for gpu in reading.gpus],
        "silent": reading.silent,
    }


def _gpu(gpu: Gpu) -> dict[str, Any]:
    energy = gpu.energy
    return {
        "name": gpu.name,
        "use": gpu.utilisation,
        "memory": {"used": gpu.memory_used, "limit": gpu.memory_total},
        "watts": gpu.watts,
        "energy": energy
        and {"watt_hours": energy.watt_hours, "since": energy.since, "counted": energy.counted},
    }


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    app.web_app.settings[SETTING] = Usage(Reader())
    route = url_path_join(app.web_app.settings["base_url"], "lesesal", "usage")
    app.web_app.add_handlers(".*$", [(route, UsageHandler)])

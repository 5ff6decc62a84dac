"""One's own GPUs, as NVIDIA's library (NVML, through nvidia-ml-py) tells of them.

What it does not tell is None: a MIG slice has no utilisation and no power of its own, older cards
do not count their energy.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .energy import Energy

# Of nvml.h: the driver or the card is away, and so is all that was known of it.
GONE = {1, 9, 10, 15, 16}
UNKNOWN = 999
NO_DEVICES = {"-1", "NoDevFiles"}


@dataclass(frozen=True)
class GpuProcess:
    """One of this user's processes on a GPU.

    Attributes:
        pid: its number.
        name: its program's.
        memory: bytes of the GPU's; None where NVML does not tell.
    """

    pid: int
    name: str
    memory: int | None


@dataclass(frozen=True)
class Gpu:
    """A GPU or a MIG slice at a moment.

    Attributes:
        name: as the driver names it.
        uuid: it is one and the same in all processes.
        utilisation: share of the last moments in which something ran on it, 0 to 1.
        memory_used: bytes, by everybody.
        memory_total: bytes.
        watts: what it draws.
        watts_most: what it may draw.
        millijoules: what it used since its driver was loaded.
        energy: what it used since it was first looked at in this session.
        processes: those of this user.
    """

    name: str
    uuid: str
    utilisation: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    watts: float | None = None
    watts_most: float | None = None
    millijoules: int | None = None
    energy: Energy | None = None
    processes: tuple[GpuProcess, ...] = ()


class SilentError(Exception):
    """The session has a GPU, and its driver does not answer."""


def wanted(environment: Mapping[str, str]) -> list[str] | None:
    """The GPUs that the session was given, by index or UUID; None for all of the machine."""
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        slots = environment.get("SLURM_JOB_GPUS", "")
        if not slots and "SLURM_JOB_ID" not in environment:
            return None
        given = slots
    devices = []
    for part in given.split(","):
        # CUDA stops at the first that is none.
        if part.strip() in NO_DEVICES | {""}:
            break
        devices.append(part.strip())
    return devices


class Cards:
    """The GPUs of one session. NVML is opened when they are first read, and stays open.

    Args:
        environment: the session's; this process's by default.
        library: pynvml.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, library: Any = None) -> None:
        self._wanted = wanted(os.environ if environment is None else environment)
        self._library = library
        self._handles: list[Any] | None = None
        self._had = False

    def read(self) -> tuple[Gpu, ...]:
        """As of now; empty without a GPU. Raises `SilentError`."""
        if self._wanted == []:
            return ()
        try:
            if self._handles is None:
                self._handles = self._open()
                self._had = bool(self._handles)
            return tuple(self._read(handle) for handle in self._handles)
        except self._nvml.NVMLError as error:
            self._handles = None
            if self._wanted is None and not self._had:
                return ()
            raise SilentError(str(error)) from error

    def counters(self) -> dict[str, tuple[int | None, float | None]]:
        """By UUID: millijoules since the driver was loaded, and watts. Raises `SilentError`."""
        return {each.uuid: (each.millijoules, each.watts) for each in self.read()}

    @property
    def _nvml(self) -> Any:
        if self._library is None:
            import pynvml

            self._library = pynvml
        return self._library

    def _open(self) -> list[Any]:
        nvml = self._nvml
        nvml.nvmlInit()
        devices = self._wanted
        if devices is None:
            devices = [str(index) for index in range(nvml.nvmlDeviceGetCount())]
        return [
            nvml.nvmlDeviceGetHandleByIndex(int(device))
            if device.isdigit()
            else nvml.nvmlDeviceGetHandleByUUID(device)
            for device in devices
        ]

    def _read(self, handle: Any) -> Gpu:
        memory = self._ask("MemoryInfo", handle)
        utilisation = self._ask("UtilizationRates", handle)
        watts, most = self._ask("PowerUsage", handle), self._ask("EnforcedPowerLimit", handle)
        return Gpu(
            name=self._ask("Name", handle) or "GPU",
            uuid=self._ask("UUID", handle) or "",
            utilisation=utilisation.gpu / 100 if utilisation else None,
            memory_used=memory.used if memory else None,
            memory_total=memory.total if memory else None,
            watts=None if watts is None else watts / 1000,
            watts_most=None if most is None else most / 1000,
            millijoules=self._ask("TotalEnergyConsumption", handle),
            processes=tuple(self._own(self._ask("ComputeRunningProcesses", handle) or ())),
        )

    def _ask(self, what: str, handle: Any) -> Any:
        """NVML's answer; None where this card has none. Raises NVMLError when it is gone."""
        try:
            return getattr(self._nvml, f"nvmlDeviceGet{what}")(handle)
        except self._nvml.NVMLError as error:
            if error.value in GONE or (error.value == UNKNOWN and what == "MemoryInfo"):
                raise
            return None

    @staticmethod
    def _own(everyone: Any) -> list[GpuProcess]:
        own = []
        for each in everyone:
            folder = Path(f"/proc/{each.pid}")
            with contextlib.suppress(OSError):  # it ended, or is in another container
                if folder.stat().st_uid == os.geteuid():
                    name = (folder / "comm").read_text("utf-8", errors="replace").strip()
                    own.append(GpuProcess(each.pid, name, each.usedGpuMemory))
        return own

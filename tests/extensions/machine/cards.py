"""NVIDIA's library on machines that no test has, one class for each.

An object stands for the module pynvml. Only what the driver of such a machine answers is here.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

GIB = 1 << 30
UUID = "GPU-11111111-2222-3333-4444-555555555555"
SLICE = "MIG-66666666-7777-8888-9999-000000000000"
# Linux counts no further.
NOBODY = (1 << 22) + 1
NOT_SUPPORTED, GPU_IS_LOST, LIBRARY_NOT_FOUND = 3, 15, 12


class NVMLError(Exception):
    """As pynvml's."""

    def __init__(self, value: int) -> None:
        super().__init__(f"NVML error {value}")
        self.value = value


class OneCard:
    """A machine with one card, which tells everything.

    Attributes:
        use: percent.
        used: bytes of its memory.
        milliwatts: what it draws.
        millijoules: what its counter says.
        pids: of processes on it, with their bytes.
        opened: how often the library was opened.
    """

    NVMLError = NVMLError

    def __init__(self) -> None:
        self.use, self.used = 45, 12 * GIB
        self.milliwatts, self.millijoules = 320_000, 10_000_000
        self.pids: dict[int, int | None] = {os.getpid(): 2 * GIB, NOBODY: 5 * GIB}
        self.opened = 0

    def nvmlInit(self) -> None:  # noqa: N802
        self.opened += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        pass

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        if index:
            raise NVMLError(2)
        return UUID

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        return uuid

    def nvmlDeviceGetName(self, handle: str) -> str:  # noqa: N802
        return "NVIDIA H100 80GB HBM3"

    def nvmlDeviceGetUUID(self, handle: str) -> str:  # noqa: N802
        return handle

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:  # noqa: N802
        return SimpleNamespace(used=self.used, total=80 * GIB)

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> Any:  # noqa: N802
        return SimpleNamespace(gpu=self.use)

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:  # noqa: N802
        return self.milliwatts

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: str) -> int:  # noqa: N802
        return 700_000

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        return self.millijoules

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:  # noqa: N802
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in self.pids.items()]


class BusyCard(OneCard):
    """One whose counter goes on: 7200 J, which is 2 Wh, from each look to the next."""

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        self.millijoules += 7_200_000
        return self.millijoules


class MigSlice(OneCard):
    """A slice of a card: it has memory and processes, and no use, power or energy of its own."""

    def nvmlDeviceGetName(self, handle: str) -> str:  # noqa: N802
        return "NVIDIA H100 80GB HBM3 MIG 1g.10gb"

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:  # noqa: N802
        return SimpleNamespace(used=3 * GIB, total=10 * GIB)

    def _unsupported(self, handle: str) -> Any:
        raise NVMLError(NOT_SUPPORTED)

    nvmlDeviceGetUtilizationRates = _unsupported  # noqa: N815
    nvmlDeviceGetPowerUsage = _unsupported  # noqa: N815
    nvmlDeviceGetEnforcedPowerLimit = _unsupported  # noqa: N815
    nvmlDeviceGetTotalEnergyConsumption = _unsupported  # noqa: N815


class NoEnergyCounter(OneCard):
    """An older card: it tells its power, and does not add it up."""

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        raise NVMLError(NOT_SUPPORTED)


class DriverGone(OneCard):
    """A card that is silent while it is ``lost``, and then until the library is opened anew."""

    lost = False
    known = True

    def nvmlInit(self) -> None:  # noqa: N802
        super().nvmlInit()
        self.known = not self.lost

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:  # noqa: N802
        self.known = self.known and not self.lost
        if not self.known:
            raise NVMLError(GPU_IS_LOST)
        return super().nvmlDeviceGetMemoryInfo(handle)


class NoDriver(OneCard):
    """A machine without NVIDIA's library."""

    def nvmlInit(self) -> None:  # noqa: N802
        raise NVMLError(LIBRARY_NOT_FOUND)


def installed(folder: Path, machine: str) -> str:
    """A folder for the beginning of PYTHONPATH, so that ``import pynvml`` is such a machine's."""
    folder.mkdir(exist_ok=True)
    here = str(Path(__file__).parent)
    (folder / "pynvml.py").write_text(
        f"import sys\nsys.path.append({here!r})\n"
        f"import cards\nsys.modules['pynvml'] = cards.{machine}()\n"
    )
    return str(folder)

"""What a piece of work takes: time, memory of the host and of the GPU, energy.

    with Measuring() as measuring:
        train()
    print(measuring.result)

``%%measure`` (magics.py) does it around a cell.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from types import TracebackType
from typing import Any

from ..machine import processes
from ..machine.energy import Ledger
from ..machine.nvml import Cards, Gpu, SilentError
from .measurement import Measurement

EVERY = 0.1
"""Seconds between two looks."""
FAMILY = 0.5
"""Seconds between two looks for new processes: that takes longer where there are many."""


class Measuring:
    """Measures from ``start`` to ``stop``, or as a context manager; ``result`` is there after.

    Where PyTorch uses a GPU, what it has asked the GPU for is waited for at both ends, and its own
    peak (torch.cuda.max_memory_allocated) counts anew from the start.

    Args:
        name: what the measurement is called.
        library: pynvml.
    """

    def __init__(self, name: str = "", library: Any = None) -> None:
        self.result: Measurement | None = None
        self._name = name
        self._cards = Cards(library=library)
        self._ledger = Ledger()
        self._ended = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="lesesal-measure", daemon=True)
        self._children: list[int] = []
        self._looked = 0.0
        self._host_peak = 0
        # The least that others than this process had: it was there at this one's peak too.
        self._others: int | None = None
        self._gpu_own: int | None = None
        self._gpu_all: int | None = None
        self._energy: dict[str, tuple[float, bool]] = {}

    def start(self) -> None:
        """Begin."""
        self._exact = processes.forget_peak()
        _wait_for_torch()
        _forget_torch_peak()
        self._look()
        self._host_before = self._host_peak
        self._cpu_before = self._cpu()
        self._follower.start()
        self._began = time.perf_counter()

    def stop(self, error: str = "") -> Measurement:
        """End; what was measured.

        Args:
            error: the name of the error that ended it.
        """
        if not error:
            _wait_for_torch()
        seconds = time.perf_counter() - self._began
        cpu = self._cpu() - self._cpu_before
        self._ended.set()
        self._follower.join()
        self._look()
        # Exact for this process, also of what came and went between two looks.
        own = (processes.peak() or 0) + (self._others or 0) if self._exact else 0
        energy = list(self._energy.values())
        self.result = Measurement(
            name=self._name,
            seconds=seconds,
            cpu_seconds=max(0.0, cpu),
            host_peak_bytes=max(self._host_peak, own) or None,
            host_before_bytes=self._host_before or None,
            gpu_peak_bytes=self._gpu_all if self._gpu_own is None else self._gpu_own,
            torch_peak_bytes=_torch_peak(),
            watt_hours=sum(amount for amount, _counted in energy) if energy else None,
            energy_counted=all(counted for _amount, counted in energy) if energy else None,
            error=error,
        )
        return self.result

    def __enter__(self) -> Measuring:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop(kind.__name__ if kind else "")

    def _follow(self) -> None:
        while not self._ended.wait(EVERY):
            self._look()

    def _look(self) -> None:
        me = os.getpid()
        now = time.monotonic()
        if now - self._looked >= FAMILY or self._ended.is_set():
            self._looked = now
            self._children = [each.pid for each in processes.below(me, processes.mine())]
        used = others = 0
        with contextlib.suppress(OSError, ValueError, IndexError):
            used = processes.process(me).resident
        for child in self._children:
            with contextlib.suppress(OSError, ValueError, IndexError):  # it ended
                others += processes.share(processes.process(child))
        self._others = others if self._others is None else min(self._others, others)
        self._host_peak = max(self._host_peak, used + others)
        try:
            gpus = self._cards.read()
        except SilentError:
            return
        if gpus:
            self._gpu_all = max(self._gpu_all or 0, sum(gpu.memory_used or 0 for gpu in gpus))
            own = [each for each in map(taken, gpus) if each is not None]
            if own:
                self._gpu_own = max(self._gpu_own or 0, sum(own))
        for gpu in gpus:
            energy = self._ledger.take(gpu.uuid, gpu.millijoules, gpu.watts, time.time())
            if energy:
                self._energy[gpu.uuid] = energy.watt_hours, energy.counted

    def _cpu(self) -> float:
        """Of this process, of those that it waited for, and of those that live."""
        ended = os.times()
        seconds = time.process_time() + ended.children_user + ended.children_system
        for child in self._children:
            with contextlib.suppress(OSError, ValueError, IndexError):
                seconds += processes.process(child).cpu_seconds
        return seconds


def taken(gpu: Gpu) -> int | None:
    """Bytes that one's own processes have of a GPU; None where nobody tells."""
    own = [each.memory for each in gpu.processes]
    known = [each for each in own if each is not None]
    return sum(known) if known and len(known) == len(own) else None


def _cuda() -> Any:
    """PyTorch's CUDA, where the notebook uses it; never imported, never initialised here."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None


def _wait_for_torch() -> None:
    """PyTorch goes on while the GPU works: until it is done, the work is not."""
    if cuda := _cuda():
        with contextlib.suppress(RuntimeError):  # what went wrong there, PyTorch says itself
            for index in range(cuda.device_count()):
                # Not of one that is not used: to ask it would make it so.
                if cuda.memory_reserved(index):
                    cuda.synchronize(index)


def _forget_torch_peak() -> None:
    if cuda := _cuda():
        with contextlib.suppress(RuntimeError):
            for index in range(cuda.device_count()):
                cuda.reset_peak_memory_stats(index)


def _torch_peak() -> int | None:
    if cuda := _cuda():
        with contextlib.suppress(RuntimeError):
            count = cuda.device_count()
            return sum(int(cuda.max_memory_allocated(index)) for index in range(count))
    return None

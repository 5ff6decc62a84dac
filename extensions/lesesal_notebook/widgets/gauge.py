"""``gpu()``: what one's own GPU does, live; and the CPU and the memory of the session."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from typing import Any

from .. import language
from ..language import gettext as _
from ..machine.readings import APART, Reader, Reading, gpu_rows, host_rows, without_gpu
from . import drawing

EVERY = 1.0
"""Seconds between two readings."""
KEPT = 300
"""Readings that the line is drawn from."""


class Gauge:
    """Shows itself as a widget that follows what happens, also while a cell runs.

    It stops when it is no longer shown, when it is closed, and with the kernel. Without a page it
    is text: ``print(gpu())``, ``gpu().read()``.

    Args:
        reader: takes the readings; of this session by default.
        every: seconds between two of them.
    """

    def __init__(self, reader: Reader | None = None, every: float = EVERY) -> None:
        self._reader = Reader() if reader is None else reader
        self._every = every
        self._lock, self._drawing = threading.Lock(), threading.Lock()
        self._past: deque[float] = deque(maxlen=KEPT)
        self._closed = threading.Event()
        self._shown = threading.Event()
        self._widget: Any = None
        self._take()

    def read(self) -> Reading:
        """What is used now: `Reading`."""
        reading = self._take()
        if reading.cores is None:
            self._closed.wait(APART)
            reading = self._take()
        return reading

    def close(self) -> None:
        """Show nothing any more."""
        self._closed.set()
        self._shown.set()
        if self._widget is not None:
            with self._drawing:  # a page takes nothing for what was closed
                self._widget.close()

    def __str__(self) -> str:
        return str(self.read())

    __repr__ = __str__

    def _repr_mimebundle_(self, **_more: Any) -> dict[str, Any]:
        reading = self.read()
        still = {"text/plain": str(reading), "text/html": self._html(reading)}
        if self._closed.is_set() or not _has_page():
            return still
        if self._widget is None:
            self._widget = self._start(still["text/html"])
        return {**self._widget._repr_mimebundle_(), **still}

    def _take(self) -> Reading:
        with self._lock:
            reading = self._reader.read()
            busy = activity(reading)
            if busy is not None:
                self._past.append(busy)
            return reading

    def _html(self, reading: Reading) -> str:
        with self._lock:
            past = list(self._past)
        return html(reading, past, round(KEPT * self._every / 60))

    def _start(self, value: str) -> Any:
        from ipywidgets import HTML

        # From 0 on pages tell how many show it.
        widget = HTML(value=value, _view_count=0)
        widget.observe(self._viewed, "_view_count")
        self._shown.set()
        threading.Thread(target=self._follow, name="lesesal-gpu", daemon=True).start()
        return widget

    def _viewed(self, change: Any) -> None:
        if change["new"]:
            self._shown.set()
        elif not self._closed.is_set():
            self._shown.clear()

    def _follow(self) -> None:
        while not self._closed.wait(self._every):
            self._shown.wait()
            try:
                drawn = self._html(self._take())
                with self._drawing:
                    if self._closed.is_set():
                        return
                    self._widget.value = drawn
            except Exception:
                # The kernel ends, and its channels are closed already.
                return


def gpu() -> Gauge:
    """What one's own GPU does: use, memory, power, energy, processes; and CPU and memory.

    In a notebook it follows what happens. ``gpu().read()`` gives values, ``print(gpu())`` text.
    """
    return Gauge()


def activity(reading: Reading) -> float | None:
    """How busy it is, 0 to 1: the GPU's use where it is known, else the CPU's, if that is."""
    used = [gpu.utilisation for gpu in reading.gpus if gpu.utilisation is not None]
    if used:
        return sum(used) / len(used)
    return _share(reading.cores, reading.host.cores)


def html(reading: Reading, past: list[float], minutes: int) -> str:
    """A reading as it is shown.

    Args:
        past: `activity` of the readings so far, the newest last.
        minutes: how long `KEPT` readings take.
    """
    chosen = language.latest()
    parts = []
    for gpu in reading.gpus:
        rows = gpu_rows(gpu)
        parts.append(drawing.heading(rows[0][1]))
        shares = {
            _("Use", chosen): (gpu.utilisation, False),
            _("GPU memory", chosen): (_share(gpu.memory_used, gpu.memory_total), True),
            _("Power", chosen): (_share(gpu.watts, gpu.watts_most), False),
        }
        parts += [drawing.row(name, value, *shares.get(name, ())) for name, value in rows[1:]]
    if not reading.gpus:
        parts.append(drawing.sentence(without_gpu(reading)))
    host = reading.host
    heights = [
        _share(reading.cores, host.cores) or 0.0,
        _share(host.memory_used, host.memory_limit) or 0.0,
    ]
    parts += [
        drawing.row(*row, share, warns)
        for row, share, warns in zip(host_rows(reading), heights, (False, True), strict=True)
    ]
    known = any(gpu.utilisation is not None for gpu in reading.gpus)
    label = (
        _("Use of the GPU in the last {count} minutes", chosen, count=minutes)
        if known
        else _("Use of the CPU in the last {count} minutes", chosen, count=minutes)
    )
    parts += [drawing.sparkline(past, KEPT, label), drawing.caption(label)]
    return drawing.panel("".join(parts), _("GPU, CPU and memory", chosen))


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _has_page() -> bool:
    """Whether somebody may look: a kernel, and not one of a batch job."""
    if "LESESAL_BATCH_TASK" in os.environ or "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return hasattr(shell, "kernel")

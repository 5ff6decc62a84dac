"""What a session uses of its GPUs, its processors and its memory, at a moment."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .. import language
from ..language import gettext as _
from .energy import Ledger, session_ledger
from .host import Host, Meter
from .nvml import Cards, Gpu, SilentError

# Seconds between two looks at the counter of CPU time, at least: it counts in steps of 10 ms.
APART = 0.1
GIB = float(1 << 30)


@dataclass(frozen=True)
class Reading:
    """A moment.

    Attributes:
        at: seconds since 1970.
        host: CPU and memory, against what may be used.
        cores: that were busy since the last reading; None at the first.
        gpus: one's own; empty without one.
        silent: there is a GPU, but its driver does not answer.
    """

    at: float
    host: Host
    cores: float | None = None
    gpus: tuple[Gpu, ...] = ()
    silent: bool = False

    def __str__(self) -> str:
        """A table in words."""
        rows = [row for gpu in self.gpus for row in gpu_rows(gpu)]
        if not self.gpus:
            rows.append((_("GPU", language.latest()), without_gpu(self)))
        rows += host_rows(self)
        width = max(len(name) for name, _value in rows)
        return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


class Reader:
    """Takes readings of this session, in it.

    Args:
        environment: the session's; this process's by default.
        library: pynvml.
        ledger: where the energy is accounted for; the session's by default.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        library: Any = None,
        ledger: Ledger | None = None,
    ) -> None:
        env = os.environ if environment is None else environment
        self._meter = Meter(env)
        self._cards = Cards(env, library)
        self._ledger = session_ledger() if ledger is None else ledger
        self._last: tuple[float, float] | None = None
        self._cores: float | None = None

    def read(self) -> Reading:
        """As of now. Takes some milliseconds; may be called from any thread, one at a time."""
        host, tick = self._meter.read(), time.monotonic()
        if self._last is None:
            self._last = tick, host.cpu_seconds
        elif tick - self._last[0] >= APART:
            # What an ended process used is gone where processes are counted.
            busy = max(0.0, host.cpu_seconds - self._last[1]) / (tick - self._last[0])
            self._cores, self._last = min(busy, host.cores), (tick, host.cpu_seconds)
        now = time.time()
        try:
            gpus = tuple(
                replace(gpu, energy=self._ledger.take(gpu.uuid, gpu.millijoules, gpu.watts, now))
                for gpu in self._cards.read()
            )
        except SilentError:
            return Reading(now, host, self._cores, silent=True)
        return Reading(now, host, self._cores, gpus)


def gpu_rows(gpu: Gpu) -> list[tuple[str, str]]:
    """What is known of a GPU, as names and values; a row for each that is."""
    chosen = language.latest()
    rows = [(_("GPU", chosen), gpu.name)]
    if gpu.utilisation is not None:
        rows.append((_("Use", chosen), f"{gpu.utilisation:.0%}".replace("%", " %")))
    if gpu.memory_used is not None and gpu.memory_total is not None:
        rows.append((_("GPU memory", chosen), of_gib(gpu.memory_used, gpu.memory_total)))
    if gpu.watts is not None:
        value = (
            _("{watts} W", chosen, watts=f"{gpu.watts:.0f}")
            if gpu.watts_most is None
            else _(
                "{watts} of {most} W",
                chosen,
                watts=f"{gpu.watts:.0f}",
                most=f"{gpu.watts_most:.0f}",
            )
        )
        rows.append((_("Power", chosen), value))
    if gpu.energy is not None:
        rows.append((_("Energy", chosen), energy(gpu)))
    if gpu.processes:
        rows.append((_("Processes", chosen), processes(gpu)))
    return rows


def host_rows(reading: Reading) -> list[tuple[str, str]]:
    """CPU and memory, as names and values."""
    chosen, host = language.latest(), reading.host
    used = "–" if reading.cores is None else f"{reading.cores:.1f}"
    return [
        (
            _("CPU", chosen),
            _("{used} of {count} cores", chosen, used=used, count=f"{host.cores:g}"),
        ),
        (_("Memory", chosen), of_gib(host.memory_used, host.memory_limit)),
    ]


def without_gpu(reading: Reading) -> str:
    """Why no GPU is shown, and what to do."""
    if reading.silent:
        return _(
            "The GPU of this session does not answer. Start a new session; "
            "if it stays so, tell those who run this site.",
            language.latest(),
        )
    return _(
        "This session has no GPU. To get one, start a session with an offer that has one.",
        language.latest(),
    )


def of_gib(used: float, limit: float) -> str:
    """ "1.2 of 8 GiB"."""
    most = f"{limit / GIB:.1f}".removesuffix(".0")
    return _("{used} of {most} GiB", language.latest(), used=f"{used / GIB:.1f}", most=most)


def energy(gpu: Gpu) -> str:
    """What a GPU used, since when, and how that is known; empty when it is not."""
    if gpu.energy is None:
        return ""
    since = time.strftime("%H:%M", time.localtime(gpu.energy.since))
    amount = watt_hours(gpu.energy.watt_hours)
    if gpu.energy.counted:
        return _("{amount} Wh since {time}", language.latest(), amount=amount, time=since)
    return _(
        "about {amount} Wh since {time}, from its power",
        language.latest(),
        amount=amount,
        time=since,
    )


def watt_hours(amount: float) -> str:
    """A number with as many digits as say something."""
    return f"{amount:.2f}" if amount < 10 else f"{amount:.0f}"


def processes(gpu: Gpu) -> str:
    """One's own on it: "python 1234 (1.5 GiB), ..."."""
    return ", ".join(
        f"{each.name} {each.pid}"
        + ("" if each.memory is None else f" ({each.memory / GIB:.1f} GiB)")
        for each in gpu.processes
    )

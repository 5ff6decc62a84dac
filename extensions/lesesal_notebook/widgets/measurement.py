"""What a piece of work took, in numbers and in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .. import language
from ..language import gettext as _
from ..machine.readings import GIB, watt_hours
from . import drawing


@dataclass(frozen=True)
class Measurement:
    """What a piece of work took. What is not known is None.

    Attributes:
        name: what it is called; empty without a name.
        seconds: by the clock.
        cpu_seconds: of the processors, with those processes that it started.
        host_peak_bytes: the most memory that the kernel and what it started had at a time.
        host_before_bytes: what they had before.
        gpu_peak_bytes: the most that was taken of the GPUs' memory, by one's own processes where
            the driver tells, else by everybody.
        torch_peak_bytes: the most that PyTorch had for its tensors, of all GPUs.
        watt_hours: energy of the GPUs.
        energy_counted: by the GPUs themselves; else it is reckoned from the power that was seen.
        error: the name of the error that ended it; empty without one.
    """

    name: str
    seconds: float
    cpu_seconds: float
    host_peak_bytes: int | None = None
    host_before_bytes: int | None = None
    gpu_peak_bytes: int | None = None
    torch_peak_bytes: int | None = None
    watt_hours: float | None = None
    energy_counted: bool | None = None
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """By name, for a table of several."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str]]:
        """Names and values, of what is known."""
        chosen = language.latest()
        rows = [
            (_("Time", chosen), duration(self.seconds)),
            (_("CPU time", chosen), duration(self.cpu_seconds)),
        ]
        if self.host_peak_bytes is not None:
            more = max(0, self.host_peak_bytes - (self.host_before_bytes or 0))
            text = _(
                "{peak}, {more} more than before",
                chosen,
                peak=size(self.host_peak_bytes),
                more=size(more),
            )
            rows.append((_("Memory at most", chosen), text))
        if self.gpu_peak_bytes is not None:
            rows.append((_("GPU memory at most", chosen), size(self.gpu_peak_bytes)))
        if self.torch_peak_bytes is not None:
            rows.append((_("of it PyTorch's tensors", chosen), size(self.torch_peak_bytes)))
        if self.watt_hours is not None:
            amount = (
                watt_hours(self.watt_hours)
                if self.watt_hours >= 0.1
                else (f"{self.watt_hours:.2g}")
            )
            text = (
                _("{amount} Wh", chosen, amount=amount)
                if self.energy_counted
                else _("about {amount} Wh, from its power", chosen, amount=amount)
            )
            rows.append((_("Energy of the GPU", chosen), text))
        if self.error:
            rows.append((_("Ended by", chosen), self.error))
        return rows

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _value in rows)
        lines = [f"{name:{width}}  {value}" for name, value in rows]
        return "\n".join([self.name, *lines] if self.name else lines)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        inside = [drawing.heading(self.name)] if self.name else []
        inside += [drawing.row(name, value) for name, value in self.rows()]
        return drawing.panel("".join(inside), _("What this cell took", language.latest()))


def duration(seconds: float) -> str:
    """ "1.2 ms", "3.45 s", "12 min 3 s", "2 h 5 min"."""
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(count: int) -> str:
    """ "12 MiB", "1.2 GiB"."""
    return f"{count / GIB:.2f} GiB" if count >= GIB else f"{count / (1 << 20):.0f} MiB"

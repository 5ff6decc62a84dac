"""``%%measure`` in IPython.

The cell runs as it would without its first line: that is taken away, and what is measured is from
the cell's start to its end, as IPython tells of them. So ``await``, the last value, ``;``, line
numbers and errors are as ever.
"""

from __future__ import annotations

import keyword
import re
import threading
from typing import Any

MAGIC = re.compile(r"\s*%%measure(?:[ \t]+(\S+))?[ \t]*(?:\n|$)")
VARIABLE = "measured"


class MeasureMagic:
    """Follows the cells of one shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        # By thread, for each cell that runs in another: what measures it. Subshells have their own.
        self._running = threading.local()

    def load(self) -> None:
        """Be there for the cells to come."""
        shell = self._shell
        if "measure" in shell.magics_manager.magics["cell"]:
            return
        shell.input_transformers_cleanup.append(self.unwrapped)
        shell.events.register("pre_run_cell", self.begin)
        shell.events.register("post_run_cell", self.end)
        shell.register_magic_function(self.measure, "cell", "measure")

    def measure(self, line: str, cell: str) -> None:
        """Measure a cell: ``%%measure`` or ``%%measure NAME`` in its first line.

        Below the cell stands what it took: time, CPU time, memory and GPU memory at most, and the
        GPU's energy in watt-hours. The same is in the variable ``measured``, and in NAME.
        """
        # A whole cell was unwrapped, and never comes here; what another magic runs does.
        from IPython.core.error import UsageError

        raise UsageError(
            "%%measure stands in the first line of a cell, alone or with the name of a variable: "
            "%%measure first"
        )

    def unwrapped(self, lines: list[str]) -> list[str]:
        """A cell's lines without ``%%measure``; numbers stay unless another magic follows."""
        if self._stack() or not lines or asked(lines[0]) is None:
            return lines
        rest = lines[1:]
        return rest if rest and rest[0].startswith("%%") else ["\n", *rest]

    def begin(self, info: Any) -> None:
        """IPython's event: a cell is about to run."""
        stack = self._stack()
        name = asked(info.raw_cell)
        if name is None or stack:
            stack.append(None)
            return
        from .measure import Measuring

        measuring = Measuring(name)
        stack.append(measuring)
        measuring.start()

    def end(self, result: Any) -> None:
        """IPython's event: a cell has run, somehow."""
        stack = self._stack()
        measuring = stack.pop() if stack else None
        if measuring is None:
            return
        error = None if result is None else result.error_before_exec or result.error_in_exec
        measurement = measuring.stop(type(error).__name__ if error is not None else "")
        self._shell.user_ns[VARIABLE] = measurement
        if measurement.name:
            self._shell.user_ns[measurement.name] = measurement
        from IPython.display import display

        display(measurement)

    def _stack(self) -> list[Any]:
        if not hasattr(self._running, "stack"):
            self._running.stack = []
        found: list[Any] = self._running.stack
        return found


def asked(cell: str) -> str | None:
    """The variable's name for a cell that is to be measured, empty without one; else None."""
    found = MAGIC.match(cell)
    if not found:
        return None
    name = found[1] or ""
    fits = name.isidentifier() and not keyword.iskeyword(name)
    return name if not name or fits else None


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext lesesal_notebook``."""
    MeasureMagic(shell).load()

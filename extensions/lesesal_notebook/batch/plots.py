"""What the tasks of a sweep recorded, as a figure."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from ..language import gettext as _
from ..language import latest
from .errors import BatchError
from .files import Plan

MOST_LINES = 8
# What is averaged over: runs that differ in nothing else.
SEEDS = ("seed", "random_state", "repeat")
Rows = Sequence[Mapping[str, Any]]


class Plot(Figure):
    """A figure that a notebook shows once, whatever its backend."""

    def _repr_png_(self) -> bytes:
        out = io.BytesIO()
        self.savefig(out, format="png", dpi=100, facecolor="white")
        return out.getvalue()


def plot(rows: Rows, plan: Plan, x: str | None = None, y: str | None = None) -> Plot:
    """See `Run.plot`."""
    language = latest()
    x, y = _names(rows, plan, x, y)
    others = [name for name in plan.grid if name != x and name not in SEEDS]
    lines: dict[str, dict[Any, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if x in row and _is_number(row.get(y)):
            label = ", ".join(f"{name} = {row.get(name)}" for name in others)
            place = row[x] if _is_number(row[x]) else str(row[x])
            lines[label][place].append(float(row[y]))
    if not lines:
        raise BatchError(_("No task has recorded a number called {name} yet.", language, name=y))
    figure = Plot(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    places = {place for line in lines.values() for place in line}
    if not all(_is_number(place) for place in places):
        lines = {key: {str(at): v for at, v in line.items()} for key, line in lines.items()}
    elif min(places) > 0 and max(places) / min(places) >= 50:
        axes.set_xscale("log")
    for label, line in list(lines.items())[:MOST_LINES]:
        _draw(axes, label, line)
    axes.set_xlabel(x)
    several = max(len(values) for line in lines.values() for values in line.values())
    axes.set_ylabel(
        _("{name} (mean and range of {count})", language, name=y, count=several)
        if several > 1
        else y
    )
    if others:
        axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _draw(axes: Any, label: str, line: Mapping[Any, list[float]]) -> None:
    places = sorted(line)
    means = [math.fsum(line[place]) / len(line[place]) for place in places]
    [drawn] = axes.plot(places, means, marker="o", label=label)
    if any(len(values) > 1 for values in line.values()):
        low, high = ([end(line[place]) for place in places] for end in (min, max))
        axes.fill_between(places, low, high, alpha=0.2, color=drawn.get_color(), linewidth=0)
        axes.vlines(places, low, high, color=drawn.get_color(), linewidth=1)


def _names(rows: Rows, plan: Plan, x: str | None, y: str | None) -> tuple[str, str]:
    """What is plotted over what. Raises `BatchError`."""
    language = latest()
    swept = [name for name in plan.grid if name not in SEEDS] or list(plan.grid) or ["task"]
    given = {*plan.parameters, *plan.grid, "task", "state", "checkpoint"}
    recorded = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in given and any(_is_number(row.get(name)) for row in rows)
    ]
    known = dict.fromkeys(name for row in rows for name in row)
    for name in (x, y):
        if name is not None and name not in known:
            raise BatchError(
                _("There is no {name} in the results. There are: {known}.", language).format(
                    name=name, known=", ".join(known)
                )
            )
    if y is None and not recorded:
        raise BatchError(
            _(
                "No task has recorded a number yet. Notebooks do with batch.record(loss=…).",
                language,
            )
        )
    return x or swept[0], y or recorded[0]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

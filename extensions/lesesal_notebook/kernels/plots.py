"""What matplotlib does once only, done in the fork server for all its kernels.

The first figure of a process imports what draws and writes it, builds the grammar of formulas and
looks the fonts up, the same in each kernel. And each mark on each axis is made by deep copies of
others: a tenth of all the work of a small figure.
"""

# matplotlib tells the types of what is public.
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import contextlib
import functools
import io
import types
from collections.abc import Callable
from typing import Any

import matplotlib.font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.mathtext import MathTextParser

SIZES = (10, 12)
"""Of labels and titles, in points, as matplotlib comes."""


def copy_little(take: Callable[..., None]) -> Callable[..., None]:
    """Of `MarkerStyle._set_marker`: a style made of another shares its paths, which nobody changes.

    One that somebody has turned or scaled is copied in full, as its transform can change.
    """

    @functools.wraps(take)
    def taken(self: Any, marker: Any) -> None:
        if type(marker) is not MarkerStyle or marker._user_transform is not None:
            take(self, marker)
            return
        own = types.MethodType(marker._marker_function.__func__, self)
        self.__dict__ = {**marker.__dict__, "_marker_function": own}

    return taken


def prepare() -> None:
    """Draw a figure as a notebook shows it, and let go of it; no setting is changed.

    It is none of pyplot's, so that no figure is open afterwards, and no backend chosen.
    """
    if not hasattr(MarkerStyle._set_marker, "__wrapped__"):
        MarkerStyle._set_marker = copy_little(MarkerStyle._set_marker)
    with contextlib.suppress(Exception):  # another version of it, which draws when it is asked to
        _draw()
    # A font keeps its file open, and a kernel closes all that it inherits.
    matplotlib.font_manager._get_font.cache_clear()
    MathTextParser._parse_cached.cache_clear()  # its results have fonts


def _draw() -> None:
    figure = Figure()
    left, right = FigureCanvasAgg(figure).figure.subplots(1, 2)
    left.semilogy([1e-3, 1.0, 1e3], "o-", label="$x_1^2$")
    left.scatter([0.0, 1.0], [1.0, 2.0], s=9)
    left.axhline(1.0)
    left.legend()
    right.contourf([[0.0, 1.0], [1.0, 2.0]])
    right.contour([[0.0, 1.0], [1.0, 2.0]])
    for place, size in enumerate(SIZES):
        for weight in ("normal", "bold"):
            right.text(0.1, place, "once", fontsize=size, fontweight=weight)
    figure.canvas.print_figure(io.BytesIO(), format="png", bbox_inches="tight")

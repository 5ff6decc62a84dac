"""What all plots share: the pages' colours, text that stays text, a dark side, and words."""

from __future__ import annotations

import html
import io
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Light and dark, as the classroom's pages have them (courses/classroom/static/lesesal.css).
INK, SOFT, LINE = "#22262a", "#64675f", "#e2ddd1"
GREEN, LATE, BLUE = "#1f6b52", "#a35a12", "#3d7fb8"
DARK: Mapping[str, str] = {
    INK: "#e7e3d9",
    SOFT: "#a09f94",
    LINE: "#343936",
    GREEN: "#7fc8a9",
    LATE: "#efbd84",
    BLUE: "#7db4e6",
}
_SETTINGS: Any = {
    # Text stays text: searchable, read aloud, in the reader's font.
    "svg.fonttype": "none",
    "svg.hashsalt": "lesesal",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    # What people have called something is no formula.
    "text.parse_math": False,
    "axes.facecolor": "none",
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'
# matplotlib's settings are the process's, not the thread's.
_one_at_a_time = threading.Lock()


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """A figure of this size, in inches, to be drawn and turned into `svg` in the block."""
    with _one_at_a_time, mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        yield figure


def svg(figure: Figure, title: str, dark: Mapping[str, str] = DARK) -> str:
    """The figure as SVG, fit to stand alone and in a page: it scales, has a dark side and a title.

    Args:
        title: what it shows, for who cannot see it.
        dark: what stands for which colour where the reader's browser is dark.
    """
    out = io.StringIO()
    # Without who made it, when and by which address: it names nothing outside.
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(out, format="svg", metadata=nothing)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    # The colours that matplotlib writes hold everywhere; a browser that is dark replaces them.
    night = "".join(
        f'[style*="{kind}: {light}"]{{{kind}:{other} !important}}'
        for light, other in dark.items()
        for kind in ("fill", "stroke")
    )
    style = (
        f"<style>:root{{color-scheme:light dark}}svg text{{font-family:{_FONT} !important}}"
        f"@media (prefers-color-scheme: dark){{{night}}}</style>"
    )
    opening, _, rest = text.partition(">")
    opening = re.sub(r' (?:width|height)="[^"]*pt"', "", opening)
    return f'{opening} role="img"><title>{html.escape(title)}</title>{style}{rest}'

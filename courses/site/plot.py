"""The plot of a rehearsal: an SVG that is light or dark as its reader's browser is."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from courses.rehearsal import Attempt, Rehearsal, Step

# Light and dark, as the classroom's pages have them (courses/classroom/static/lesesal.css).
INK, SOFT, LINE = "#22262a", "#64675f", "#e2ddd1"
BAD = "#b3261e"
COLOURS = {
    Step.LOGIN: "#c3b18a",
    Step.START: "#1f6b52",
    Step.CELL: "#3d7fb8",
    Step.SUBMIT: "#8a5a9e",
    Step.STOP: "#8c8f86",
}
DARK = {
    INK: "#e7e3d9",
    SOFT: "#a09f94",
    LINE: "#343936",
    BAD: "#f2897f",
    COLOURS[Step.LOGIN]: "#8f8261",
    COLOURS[Step.START]: "#7fc8a9",
    COLOURS[Step.CELL]: "#7db4e6",
    COLOURS[Step.SUBMIT]: "#c39ad6",
    COLOURS[Step.STOP]: "#75786f",
}
_WORDS = {
    Step.LOGIN: "logged in",
    Step.START: "in the notebook",
    Step.CELL: "ran a cell",
    Step.SUBMIT: "handed in",
    Step.STOP: "left",
}
_SETTINGS: Any = {
    # Text stays text: searchable, read aloud, in the reader's font.
    "svg.fonttype": "none",
    "svg.hashsalt": "lesesal",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.facecolor": "none",
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'


def svg(rehearsal: Rehearsal) -> str:
    """Above, the share of students that had got so far; below, each student's own way."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(9, 7.2), layout="constrained")
        FigureCanvasSVG(figure)
        shares, ways = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2.4))
        figure.patch.set_alpha(0)
        _shares(shares, rehearsal)
        _ways(ways, rehearsal.attempts)
        out = io.StringIO()
        # Without who made it, when and by which address: it names nothing outside.
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(out, format="svg", metadata=nothing)
    return _readable(out.getvalue(), rehearsal)


def _shares(axes: Axes, rehearsal: Rehearsal) -> None:
    students = rehearsal.plan.students
    for step in rehearsal.plan.steps:
        ends = sorted(
            done.at + done.seconds for each in rehearsal.attempts if (done := each.done(step))
        )
        if not ends:
            continue
        share = [100 * count / students for count in range(len(ends) + 1)]
        width = 2.6 if step is Step.START else 1.4
        axes.step(
            [ends[0], *ends], share, where="post", color=COLOURS[step], lw=width, label=_WORDS[step]
        )
    failed = sorted(
        each.at + each.seconds
        for attempt in rehearsal.attempts
        for each in attempt.outcomes
        if each.cause
    )
    if failed:
        axes.plot(failed, [0] * len(failed), "x", color=BAD, ms=7, mew=2, label="failed", zorder=5)
    axes.set_ylim(-4, 106)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} %"))
    axes.set_title("Students that had got so far", loc="left", fontsize=11, color=INK)
    axes.grid(axis="y", color=LINE, lw=0.8)
    axes.tick_params(length=0)
    figure = axes.figure
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=6, frameon=False, fontsize=9.5)


def _ways(axes: Axes, attempts: Sequence[Attempt]) -> None:
    for row, attempt in enumerate(attempts, 1):
        for each in attempt.outcomes:
            colour = COLOURS[each.step] if each.ok else BAD
            axes.barh(row, each.seconds, left=each.at, height=0.84, color=colour, lw=0)
    rows = max(1, len(attempts))
    axes.set_ylim(rows + 0.6, 0.4)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.tick_params(length=0)
    axes.set_title("Each student's way; red is what failed", loc="left", fontsize=11, color=INK)
    axes.set_ylabel("student")
    axes.set_xlabel("seconds since the first came")


def _readable(text: str, rehearsal: Rehearsal) -> str:
    """Fit to stand alone and in a page: it scales, is dark where its reader is, and has words."""
    text = text[text.index("<svg") :]
    # The colours that matplotlib writes hold everywhere; a browser that is dark replaces them.
    dark = "".join(
        f'[style*="{kind}: {light}"]{{{kind}:{night} !important}}'
        for light, night in DARK.items()
        for kind in ("fill", "stroke")
    )
    style = (
        f"<style>:root{{color-scheme:light dark}}svg text{{font-family:{_FONT} !important}}"
        f"@media (prefers-color-scheme: dark){{{dark}}}</style>"
    )
    words = (
        f"<title>Rehearsal of {rehearsal.plan.course} with {rehearsal.plan.students} students: "
        "how many were how far, and when</title>"
    )
    opening, _, rest = text.partition(">")
    opening = re.sub(r' (?:width|height)="[^"]*pt"', "", opening)
    return f'{opening} role="img">{words}{style}{rest}'

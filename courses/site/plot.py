"""The plot of a rehearsal: an SVG that is light or dark as its reader's browser is."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from courses import plots
from courses.plots import INK, LINE
from courses.rehearsal import Attempt, Rehearsal, Step

BAD = "#b3261e"
COLOURS = {
    Step.LOGIN: "#c3b18a",
    Step.START: "#1f6b52",
    Step.CELL: "#3d7fb8",
    Step.SUBMIT: "#8a5a9e",
    Step.STOP: "#8c8f86",
}
DARK = {
    **plots.DARK,
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


def svg(rehearsal: Rehearsal) -> str:
    """Above, the share of students that had got so far; below, each student's own way."""
    title = (
        f"Rehearsal of {rehearsal.plan.course} with {rehearsal.plan.students} students: "
        "how many were how far, and when"
    )
    with plots.drawing(9, 7.2) as figure:
        shares, ways = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2.4))
        _shares(shares, rehearsal)
        _ways(ways, rehearsal.attempts)
        return plots.svg(figure, title, DARK)


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

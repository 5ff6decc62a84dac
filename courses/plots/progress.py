"""How far a course's students are with an assignment: when, with how many points, on what.

Each returns the SVG, in the current language, and raises `ValueError` where there is nothing to
draw. They take half a second at worst, and one is drawn at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from courses import words
from courses.language import gettext as _
from courses.overview import in_tenths
from courses.plots.base import GREEN, INK, LATE, LINE, SOFT, drawing, svg
from courses.submissions import TaskPoints

_WIDTH = 9.0
_HEIGHT = 3.4
_ROW = 0.32  # inches for one task
_LONGEST_NAME = 34
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
# Between the ticks of time; what is longer than a year has a tick every 91 days.
_STEPS = (
    *(_HOUR / 4, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(_DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY, 91 * _DAY),
)
_MOST_TICKS = 7


def hand_ins(times: Sequence[datetime], students: int, due: datetime | None, zone: str) -> str:
    """How many had handed in, and when; the deadline is a line.

    Args:
        times: when each of those who handed in did so first.
        students: how many take the course.
        zone: the IANA zone of the times below the plot.
    """
    if not times:
        raise ValueError("nobody has handed in")
    ordered = sorted(times)
    # A deadline far from the hand-ins would leave them a corner of the plot.
    shown = due if due and ordered[0] - 21 * _DAY <= due <= ordered[-1] + 21 * _DAY else None
    first, last = min(ordered[0], shown or ordered[0]), max(ordered[-1], shown or ordered[-1])
    margin = max((last - first) * 0.04, timedelta(minutes=30))
    title = _("How many had handed in, and when")
    with drawing(_WIDTH, _HEIGHT) as figure:
        axes = figure.subplots()
        points = [first - margin, *ordered, last + margin]
        counts = [0, *range(1, len(ordered) + 1), len(ordered)]
        axes.step([each.timestamp() for each in points], counts, where="post", color=GREEN, lw=2.2)
        if shown:
            axes.axvline(shown.timestamp(), color=LATE, lw=1.4, ls=(0, (5, 3)))
            axes.annotate(
                _("deadline"),
                (shown.timestamp(), 1),
                xycoords=("data", "axes fraction"),
                xytext=(-5, -9),
                textcoords="offset points",
                ha="right",
                color=LATE,
            )
        axes.set_xlim((first - margin).timestamp(), (last + margin).timestamp())
        # Above all students there is room for the word at the line.
        axes.set_ylim(0, max(students, len(ordered)) * 1.16)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        ticks = _ticks(first - margin, last + margin, zone)
        axes.set_xticks([each.timestamp() for each, _ in ticks], [said for _, said in ticks])
        axes.set_ylabel(_("students"))
        _plain(axes, title)
        return svg(figure, title)


def scores(points: Sequence[float], max_score: float) -> str:
    """How many got how many points: a bar for each tenth of what could be had."""
    if not points or max_score <= 0:
        raise ValueError("nothing is graded")
    title = _("How many got how many points")
    with drawing(_WIDTH, _HEIGHT) as figure:
        axes = figure.subplots()
        width = max_score / 10
        counts = in_tenths(points, max_score)
        starts = [width * place for place in range(len(counts))]
        axes.bar(starts, counts, width=width * 0.92, align="edge", color=GREEN)
        axes.set_xlim(0, width * len(counts))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        edges = [width * place for place in range(0, len(counts) + 1, 2)]
        axes.set_xticks(edges, [words.number(each) for each in edges])
        axes.set_xlabel(_("points, of {most}", most=words.number(max_score)))
        axes.set_ylabel(_("students"))
        _plain(axes, title)
        return svg(figure, title)


def tasks(means: Sequence[TaskPoints]) -> str:
    """How many points each task cost, on average: what was got, and beside it what was lost."""
    if not means:
        raise ValueError("nobody has sent the points of each task")
    title = _("Points lost on each task, on average")
    with drawing(_WIDTH, 1.1 + _ROW * len(means)) as figure:
        axes = figure.subplots()
        rows = range(len(means))
        got = [each.score for each in means]
        lost = [max(0.0, each.max_score - each.score) for each in means]
        axes.barh(rows, got, height=0.7, color=LINE)
        axes.barh(rows, lost, left=got, height=0.7, color=LATE)
        most = max(each.max_score for each in means) or 1
        for row, each in enumerate(means):
            axes.annotate(
                f"\N{MINUS SIGN}{words.number(lost[row])}" if lost[row] > 0.005 else "0",
                (max(each.max_score, each.score), row),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                color=INK if lost[row] > 0.005 else SOFT,
            )
        axes.set_xlim(0, most * 1.12)
        axes.set_ylim(len(means) - 0.4, -0.6)
        axes.set_yticks(list(rows), [_short(each.name) for each in means])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.number(value)))
        axes.set_xlabel(_("points"))
        _plain(axes, title, grid="x")
        return svg(figure, title)


def _ticks(first: datetime, last: datetime, zone: str) -> list[tuple[datetime, str]]:
    """Round times of the wall clock between the two, and what stands below them."""
    step = next((each for each in _STEPS if (last - first) / each <= _MOST_TICKS), _STEPS[-1])
    # Counted on the wall clock, so that a change to summer time moves no midnight.
    wall, end = (_wall(each, zone) for each in (first, last))
    found = []
    at = datetime.combine(wall, time())
    while at <= end:
        if at >= wall:
            moment = at.replace(tzinfo=ZoneInfo(zone))
            said = f"{at:%H:%M}" if at.time() > time() else words.day(moment, zone)
            found.append((moment, said))
        at += step
    return found


def _wall(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _plain(axes: Axes, title: str, grid: str = "y") -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.grid(axis="x" if grid == "x" else "y", color=LINE, lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"

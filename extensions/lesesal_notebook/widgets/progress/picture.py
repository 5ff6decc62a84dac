"""The picture of a long loop: HTML with small SVG panels, one for each scale.

While the loop runs the panels are part of the page and have its colours. What stays in the notebook
are images, in colours that can be seen on light and dark: Jupyter takes SVG out of notebooks that
it does not trust, such as one that a batch job executed, but leaves images.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ... import language
from ...language import gettext as _
from .curves import Row, extremes
from .seen import Loop, Seen, State, count, ending, figure, headline

PANELS = 8
WIDTH, HEIGHT = 312, 120
LEFT, RIGHT, TOP, BOTTOM = 54, 8, 8, 18
# From one value to another so far apart, the smaller ones would be a flat line.
DECADES = 1000.0
# Each can be seen on white and on JupyterLab's darkest; told apart by their dashes too.
COLOURS = ("#2f7fd6", "#d9730d", "#2a9d5c", "#a864d0")
DASHES = ("", "6 3", "2 3", "8 3 2 3")
WRONG = "#e0403a"


@dataclass(frozen=True)
class Ink:
    """What is drawn with, as CSS.

    Attributes:
        text: of letters.
        rule: of lines behind the curves.
    """

    text: str
    rule: str


PAGE = Ink("var(--jp-ui-font-color2, #7a7a7a)", "var(--jp-border-color2, #bbb)")
IMAGE = Ink("#7f7f7f", "#9a9a9a")


def picture(seen: Seen, said: str | None = None) -> str:
    """The HTML of a loop; static when it has ended."""
    said = said or language.latest()
    running = seen.state is State.RUNNING
    parts = []
    for index, loop in enumerate(seen.loops):
        if index and not running and not loop.rows:
            continue
        parts.append(_head(loop, seen, said, index == 0))
        if running:
            parts.append(_bar(loop, said))
        parts.append(_panels(loop, PAGE if running else IMAGE, said))
    label = escape(_("Progress", said))
    return (
        f'<div class="lesesal-Progress" data-lesesal-progress="{escape(seen.id)}" '
        f'data-state="{seen.state}" data-updated="{seen.updated:.1f}" role="group" '
        f'aria-label="{label}" style="max-width: 760px">{"".join(parts)}</div>'
    )


def panels_of(rows: Sequence[Row]) -> list[list[str]]:
    """Which values are drawn together: those whose names end alike and whose ranges meet."""
    names = list(dict.fromkeys(name for _step, values in rows for name in values))
    groups: list[list[str]] = []
    spans: list[tuple[float, float] | None] = []
    for name in names:
        found = extremes(rows, name)
        span = (found.lowest[1], found.highest[1]) if found.lowest and found.highest else None
        for group, other in zip(groups, spans, strict=True):
            if _word(group[0]) == _word(name) and len(group) < len(COLOURS) and _alike(span, other):
                group.append(name)
                break
        else:
            groups.append([name])
            spans.append(span)
    return groups


def _word(name: str) -> str:
    return name.replace("/", "_").replace(" ", "_").rpartition("_")[2].lower()


def _alike(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    """Whether both can be read on one axis: neither would be a flat line on the other's."""
    if one is None or other is None:
        return True
    low, high = min(one[0], other[0]), max(one[1], other[1])
    meet = one[0] <= other[1] and other[0] <= one[1]
    return meet or 5 * max(one[1] - one[0], other[1] - other[0]) > high - low


def _head(loop: Loop, seen: Seen, said: str, outer: bool) -> str:
    over = seen.state is not State.RUNNING
    told = ending(seen, said) if over and outer else "" if over else headline(loop, said)
    name = f"<b>{escape(loop.name)}</b>" if loop.name else ""
    colour = ""
    if outer and seen.state in {State.FAILED, State.GONE}:
        colour = f"; color: var(--jp-error-color1, {WRONG})"
    joined = " · ".join(part for part in (name, escape(told)) if part)
    style = f"margin: 4px 0; font-variant-numeric: tabular-nums{colour}"
    return f'<div style="{style}">{joined}</div>' if joined else ""


def _bar(loop: Loop, said: str) -> str:
    if not loop.total:
        return ""
    share = min(1.0, loop.done / loop.total)
    label = escape(loop.name or _("Progress", said))
    return (
        f'<div role="progressbar" aria-label="{label}" aria-valuemin="0" '
        f'aria-valuemax="{loop.total}" aria-valuenow="{loop.done}" style="height: 6px; '
        'background: var(--jp-layout-color3, #ccc); border-radius: 3px; overflow: hidden">'
        f'<div style="height: 100%; width: {100 * share:.1f}%; '
        'background: var(--jp-brand-color1, #2f7fd6)"></div></div>'
    )


def _panels(loop: Loop, ink: Ink, said: str) -> str:
    groups = panels_of(loop.rows)
    figures = "".join(_panel(loop.rows, names, ink, said) for names in groups[:PANELS])
    rest = [name for names in groups[PANELS:] for name in names]
    more = ""
    if rest:
        text = _("Not drawn: {names}.", said, names=", ".join(rest))
        more = f'<div style="margin: 4px 0">{escape(text)}</div>'
    if not figures:
        return ""
    return f'<div style="display: flex; flex-wrap: wrap; gap: 4px 16px">{figures}</div>{more}'


def _panel(rows: Sequence[Row], names: Sequence[str], ink: Ink, said: str) -> str:
    told = [_told(rows, name, said) for name in names]
    drawing = _drawing(rows, names, ink)
    label = escape("; ".join(told))
    if ink is IMAGE:
        data = base64.b64encode(drawing.encode()).decode()
        drawing = f'<img alt="{label}" width="{WIDTH}" src="data:image/svg+xml;base64,{data}">'
    else:
        drawing = drawing.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    keys = "".join(
        f"<div>{_key(index) if len(names) > 1 else ''}{escape(text)}</div>"
        for index, text in enumerate(told)
    )
    return (
        f'<div style="flex: 0 1 {WIDTH}px; min-width: 220px; font-size: 90%">{keys}{drawing}</div>'
    )


def _key(index: int) -> str:
    return f'<b style="color: {COLOURS[index]}">{"━╍┅┉"[index]}</b> '


def _told(rows: Sequence[Row], name: str, said: str) -> str:
    """ "loss 0.31, lowest 0.29 at step 800", or since when it is no number."""
    latest = next(values[name] for _step, values in reversed(rows) if name in values)
    found = extremes(rows, name)
    parts = [f"{name} {figure(latest)}"]
    if found.odd:
        what = figure(found.odd[1])
        parts.append(_("{what} first at step {step}", said, what=what, step=count(found.odd[0])))
    elif found.lowest and found.highest and found.lowest[1] < found.highest[1]:
        (low_at, low), (high_at, high) = found.lowest, found.highest
        parts.append(
            _("lowest {value} at step {step}", said, value=figure(low), step=count(low_at))
        )
        parts.append(
            _("highest {value} at step {step}", said, value=figure(high), step=count(high_at))
        )
    return ", ".join(parts)


def _drawing(rows: Sequence[Row], names: Sequence[str], ink: Ink) -> str:
    points = {
        name: [(step, values[name]) for step, values in rows if name in values] for name in names
    }
    finite = [y for each in points.values() for _x, y in each if math.isfinite(y)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    logarithmic = low > 0 and high / low >= DECADES
    first = min(each[0][0] for each in points.values())
    last = max(each[-1][0] for each in points.values())

    def across(step: int) -> float:
        share = (step - first) / (last - first) if last > first else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def up(value: float) -> float:
        if logarithmic:
            share = math.log(value / low) / math.log(high / low)
        else:
            # Halves: the difference of two finite numbers need not be one.
            share = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    middle = math.sqrt(low) * math.sqrt(high) if logarithmic else low / 2 + high / 2
    ticks = [low, middle, high] if high > low else [low] if finite else []
    grid = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(tick):.1f}" y2="{up(tick):.1f}" '
        f'style="stroke: {ink.rule}" stroke-width="0.5"/>'
        f'<text x="{LEFT - 5}" y="{up(tick) + 3.5:.1f}" text-anchor="end">{figure(tick, 3)}</text>'
        for tick in ticks
    )
    ends = f'<text x="{LEFT}" y="{HEIGHT - 4}">{count(first)}</text>' + (
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{count(last)}</text>'
        if last > first
        else ""
    )
    curves = "".join(
        _curve([(across(x), up(y) if math.isfinite(y) else None) for x, y in each], index)
        for index, each in enumerate(points.values())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="100%" font-family="sans-serif" font-size="10" style="max-width: {WIDTH}px">'
        f'<g style="fill: {ink.text}">{grid}{ends}</g>{curves}</svg>'
    )


def _curve(points: Sequence[tuple[float, float | None]], index: int) -> str:
    """Lines between numbers that follow each other, and marks below what is no number."""
    pieces: list[list[tuple[float, float]]] = [[]]
    marks = []
    for x, y in points:
        if y is None:
            pieces.append([])
            marks.append(x)
        else:
            pieces[-1].append((x, y))
    drawn = []
    for piece in filter(None, pieces):
        # A line to itself, with round ends, is a point.
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (piece if len(piece) > 1 else piece * 2))
        dash = f' stroke-dasharray="{DASHES[index]}"' if DASHES[index] else ""
        drawn.append(
            f'<polyline points="{path}" fill="none" stroke="{COLOURS[index]}" '
            f'stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"{dash}/>'
        )
    bottom = HEIGHT - BOTTOM
    for x in (marks[0], marks[-1]) if marks else ():
        drawn.append(
            f'<path d="M{x:.1f} {bottom - 7} l4 7 h-8 z" fill="{WRONG}"><title>NaN</title></path>'
        )
    return "".join(drawn)

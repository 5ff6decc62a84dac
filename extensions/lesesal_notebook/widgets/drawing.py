"""Bars and lines as HTML and SVG, in the colours of JupyterLab's theme."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

TEXT = "var(--jp-ui-font-color1, currentColor)"
QUIET = "var(--jp-ui-font-color2, currentColor)"
LINE = "var(--jp-brand-color1, #1976d2)"
FULL = "var(--jp-warn-color0, #e65100)"
TRACK = "var(--jp-layout-color3, #bdbdbd)"
# From here on a bar warns: what comes next may not fit.
NEARLY = 0.9
# Points of a line, whatever it is drawn from.
POINTS = 150
_WIDTH, _HEIGHT = 300, 32


def panel(inside: str, label: str) -> str:
    """What stands together, named for who does not see it. ``inside`` is HTML."""
    return (
        f'<div role="group" aria-label="{escape(label)}" style="max-width: 36em; color: {TEXT}; '
        "font-family: var(--jp-ui-font-family, sans-serif); line-height: 1.5; "
        f'font-size: var(--jp-ui-font-size1, 13px)">{inside}</div>'
    )


def heading(text: str) -> str:
    """A line above rows."""
    return f'<div style="font-weight: 600; margin-top: 4px">{escape(text)}</div>'


def sentence(text: str) -> str:
    """What a person should read."""
    return f'<div style="margin: 2px 0">{escape(text)}</div>'


def caption(text: str) -> str:
    """What something is."""
    return f'<div style="color: {QUIET}">{escape(text)}</div>'


def row(name: str, value: str, share: float | None = None, warns: bool = False) -> str:
    """A name and a value, with a bar between them where there is a share, 0 to 1."""
    return (
        '<div style="display: flex; flex-wrap: wrap; align-items: center; column-gap: 12px">'
        f'<span style="flex: 0 0 11em; color: {QUIET}">{escape(name)}</span>'
        f"{'' if share is None else bar(name, share, warns)}"
        '<span style="flex: 1 1 9em; font-variant-numeric: tabular-nums; '
        f'overflow-wrap: anywhere">{escape(value)}</span></div>'
    )


def bar(name: str, share: float, warns: bool) -> str:
    """A share as a bar."""
    percent = round(max(0.0, min(1.0, share)) * 100)
    colour = FULL if warns and share >= NEARLY else LINE
    return (
        f'<span role="meter" aria-label="{escape(name)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}" style="flex: 0 1 12em; min-width: 5em; height: 8px; '
        f'border-radius: 4px; background: {TRACK}; overflow: hidden">'
        f'<span style="display: block; height: 100%; width: {percent}%; background: {colour}">'
        "</span></span>"
    )


def sparkline(shares: Sequence[float], most: int, label: str) -> str:
    """The last shares, 0 to 1, as a line; the newest at the right end.

    Args:
        most: how many there will be when the line is full.
    """
    step = max(1, -(-most // POINTS))
    # From the newest on, so that points stay where they are while the line moves.
    kept = [max(shares[max(0, end - step) : end]) for end in range(len(shares), 0, -step)]
    places = [
        f"{_WIDTH - index * step * _WIDTH / max(1, most - 1):.0f},"
        f"{(_HEIGHT - 2) * (1 - max(0.0, min(1.0, share))) + 1:.0f}"
        for index, share in enumerate(kept)
    ]
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'preserveAspectRatio="none" style="display: block; width: 100%; max-width: 25em; '
        f'height: {_HEIGHT}px; margin: 2px 0; border-bottom: 1px solid {TRACK}">'
        f'<polyline points="{" ".join(places)}" fill="none" stroke="{LINE}" stroke-width="1.5" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )

"""A long loop as it is at a moment, and what is said of it in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ... import language
from ...language import gettext as _
from .curves import Row


class State(StrEnum):
    """How far a loop is."""

    RUNNING = "running"
    DONE = "done"
    # Left before its end: by `break`, or because who owns the loop ended it.
    LEFT = "left"
    FAILED = "failed"
    # Its process is no more and did not say why.
    GONE = "gone"


@dataclass(frozen=True)
class Loop:
    """One loop of those that are nested in each other.

    Attributes:
        name: as its person calls it; may be empty.
        done: steps that are done.
        total: steps in all; None when nobody knows.
        seconds: since it began.
        rate: steps per second lately; None before there is one.
        left: seconds that are left at this rate; None when unknown.
        values: the latest of each that was reported.
        rows: what was reported, thinned. Of an inner loop, of all its turns, its steps counted on.
    """

    name: str
    done: int
    total: int | None
    seconds: float
    rate: float | None = None
    left: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Seen:
    """A loop and those within it.

    Attributes:
        id: the name of its folder.
        loops: the outer one first.
        state: of the outer one.
        error: what ended it, as the error's name; empty when none did.
        started: in seconds since 1970.
        updated: the same.
    """

    id: str
    loops: tuple[Loop, ...]
    state: State
    started: float
    updated: float
    error: str = ""


def headline(loop: Loop, said: str) -> str:
    """How far it is: "step 120 of 1 000 (12 %) · 35 steps/s · 0:03 so far · about 0:25 left"."""
    parts = [_step(loop, said)]
    if loop.rate:
        parts.append(_rate(loop.rate, said))
    parts.append(_("{time} so far", said, time=duration(loop.seconds)))
    if loop.left is not None:
        parts.append(_("about {time} left", said, time=duration(loop.left)))
    return " · ".join(parts)


def ending(seen: Seen, said: str) -> str:
    """How it ended; empty while it runs."""
    outer = seen.loops[0]
    step, total = count(outer.done), count(outer.total or 0)
    match seen.state:
        case State.DONE:
            return _(
                "Done: {count} steps in {time}.", said, count=step, time=duration(outer.seconds)
            )
        case State.LEFT if outer.total:
            return _("Stopped at step {step} of {total}.", said, step=step, total=total)
        case State.LEFT:
            return _("Stopped at step {step}.", said, step=step)
        case State.FAILED if seen.error == "KeyboardInterrupt":
            return _("Interrupted at step {step}.", said, step=step)
        case State.FAILED:
            return _(
                "Stopped with an error at step {step}: {error}.",
                said,
                step=step,
                error=seen.error,
            )
        case State.GONE:
            return _(
                "Stopped at step {step}: its kernel ended, last seen {when}.",
                said,
                step=step,
                when=moment(seen.updated),
            )
        case _:
            return ""


def line(seen: Seen, said: str | None = None) -> str:
    """All of it in one line of text."""
    said = said or language.latest()
    parts: list[str] = []
    for loop in seen.loops:
        over = seen.state is not State.RUNNING
        told = ending(seen, said).rstrip(".") if over and not parts else headline(loop, said)
        values = ", ".join(f"{name} {figure(value)}" for name, value in loop.values.items())
        if over and parts:  # of an inner loop only what it reported is of interest afterwards
            told = values
        elif values:
            told = f"{told} · {values}"
        if told:
            parts.append(f"{loop.name}: {told}" if loop.name else told)
    return " | ".join(parts)


def duration(seconds: float) -> str:
    """As a clock: "0:05", "1:02:03"."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def moment(when: float) -> str:
    """A time on this machine's clock, with the day."""
    return datetime.fromtimestamp(when).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def count(steps: int) -> str:
    """A whole number with thin spaces, which no line is broken at."""
    return f"{steps:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def figure(value: float, figures: int = 4) -> str:
    """A value with so many figures, or what it is instead of a number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.{figures}g}"


def _step(loop: Loop, said: str) -> str:
    if loop.total:
        # Rounded down: nothing is called complete before it is.
        percent = min(100, 100 * loop.done // loop.total)
        return _(
            "step {step} of {total} ({percent} %)",
            said,
            step=count(loop.done),
            total=count(loop.total),
            percent=percent,
        )
    return _("step {step}", said, step=count(loop.done))


def _rate(rate: float, said: str) -> str:
    if rate >= 1:
        return _("{count} steps/s", said, count=figure(float(f"{rate:.3g}")))
    return _("{time} s per step", said, time=figure(float(f"{1 / rate:.3g}")))

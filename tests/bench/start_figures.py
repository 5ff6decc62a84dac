"""From the figures of both sides to what `start.json` says and the table shows. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final

from rich.table import Table

Figures = Mapping[str, Any]
TARGETS: Final = (
    ("CPU seconds, job start to first answer", "cpu_ratio", 0.13),
    ("click to ready, one session", "click_ratio", 0.22),
    ("the same, seconds", "click_s", 1.5),
    ("median ready, 20 at once", "median20_ratio", 0.2),
    ("ready of 40 at once", "ready40", 40),
    ("ready of 100 at once", "ready100", 100),
    ("started again, of 40 at once", "restarted40", 0),
    ("started again, of 100 at once", "restarted100", 0),
    ("memory of an idle session", "memory_ratio", 0.5),
    ("system calls that touch files", "files_ratio", 0.3),
)
"""What, its key, and the most it may be; of `ready…` the least."""
RATIOS: Final = {
    "cpu_ratio": ("single", "cpu_s"),
    "click_ratio": ("single", "click_s"),
    "median20_ratio": ("many", "20", "median_s"),
    "memory_ratio": ("single", "memory_mb"),
    "files_ratio": ("files", "calls"),
}
ADDRESS: Final = re.compile(r"https?://\S+")
CALL: Final = re.compile(r"^\d+ +(\w+)\(")
OWN: Final = {
    "ready40": ("many", "40", "ready"),
    "ready100": ("many", "100", "ready"),
    "failed40": ("many", "40", "failed"),
    "failed100": ("many", "100", "failed"),
    "restarted40": ("many", "40", "restarted"),
    "restarted100": ("many", "100", "restarted"),
    "click_s": ("single", "click_s"),
    "cpu_s": ("single", "cpu_s"),
    "memory_mb": ("single", "memory_mb"),
    "files": ("files", "calls"),
}


def summarise(ours: Figures, stock: Figures) -> dict[str, float | None]:
    """The flat keys: ratios ours/stock, and our own figures. None where one was not measured."""
    flat: dict[str, float | None] = {}
    for key, path in RATIOS.items():
        mine, other = _at(ours, path), _at(stock, path)
        flat[key] = round(mine / other, 3) if mine is not None and other else None
    return flat | {key: _at(ours, path) for key, path in OWN.items()}


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure over the rounds that have it."""
    names = dict.fromkeys(name for one in rounds for name in one)
    return {name: round(median(one[name] for one in rounds if name in one), 3) for name in names}


def count_calls(trace: str) -> dict[str, Any]:
    """Calls in strace's log, in all and by name; one that was interrupted counts once."""
    names = (CALL.match(line) for line in trace.splitlines())
    counts = Counter(name[1] for name in names if name)
    return {"calls": counts.total(), "by_call": dict(counts.most_common())}


def causes(sentences: Iterable[str]) -> dict[str, int]:
    """Why sessions failed, and how many; what differs in names and addresses only is one."""
    found = Counter(ADDRESS.sub("…", sentence) for sentence in sentences if sentence)
    return dict(found.most_common())


def met(key: str, value: float) -> bool:
    """Whether a target is reached."""
    target = next(target for _, found, target in TARGETS if found == key)
    return value >= target if key.startswith("ready") else value <= target


def table(ours: Figures, stock: Figures) -> Table:
    """The targets and what came out."""
    flat = summarise(ours, stock)
    shown = Table("what", "ours", "stock", "came out", "target", "")
    for what, key, target in TARGETS:
        path = RATIOS.get(key) or OWN[key]
        value = flat[key]
        least = key.startswith("ready")
        shown.add_row(
            what,
            _text(_at(ours, path)),
            _text(_at(stock, path)),
            _text(value),
            f"{'≥' if least else '≤'} {target}",
            "" if value is None else "met" if met(key, value) else "NOT MET",
        )
    return shown


def details(ours: Figures, stock: Figures) -> Table:
    """Everything else that both sides have, so that nobody can say that work was only moved."""
    shown = Table("figure", "ours", "stock")
    mine, other = dict(_leaves(ours)), dict(_leaves(stock))
    for name in dict.fromkeys([*mine, *other]):
        shown.add_row(name, _text(mine.get(name)), _text(other.get(name)))
    return shown


def _leaves(figures: Figures, before: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in figures.items():
        if name == "why_not":
            continue
        if isinstance(value, Mapping):
            found += _leaves(value, f"{before}{name} ")
        elif isinstance(value, int | float):
            found.append((f"{before}{name}", value))
    return found


def _at(figures: Figures, path: Sequence[str]) -> float | None:
    value: Any = figures
    for name in path:
        if name not in value:
            return None
        value = value[name]
    found: float | None = value
    return found


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"

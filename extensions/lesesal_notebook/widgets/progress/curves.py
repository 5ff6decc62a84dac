"""Values over the steps of a long loop, thinned: memory does not grow with the steps.

Reports are kept in buckets of equally many. A bucket keeps its first report, and for each value the
reports in which it was lowest, highest and for the first time no number (NaN, infinite). When there
are too many buckets, each two neighbours become one: the ends and the extremes stay exact.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BUCKETS = 128
# Of one loop; more would be drawn too small to be read, and each costs time at each report.
NAMES = 32

Row = tuple[int, dict[str, float]]
"""A step, and what was reported at it."""
_Bucket = dict[str, Row]


@dataclass(frozen=True)
class Extremes:
    """Of one value over all steps.

    Attributes:
        lowest: step and value; None when it never was a finite number.
        highest: the same.
        odd: the step at which it was no finite number for the first time, and what it was.
    """

    lowest: tuple[int, float] | None = None
    highest: tuple[int, float] | None = None
    odd: tuple[int, float] | None = None


@dataclass
class Curves:
    """The reports of one loop.

    Attributes:
        latest: the newest of each value.
    """

    latest: dict[str, float] = field(default_factory=dict)
    _buckets: list[_Bucket] = field(default_factory=list)
    _per_bucket: int = 1
    _count: int = 0
    _last: Row | None = None

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Take a report. Values beyond the first `NAMES` names are left out."""
        known = self.latest
        if len(known) + len(values) > NAMES:
            room = NAMES - len(known)
            new = [name for name in values if name not in known][:room]
            values = {name: values[name] for name in values if name in known or name in new}
        known.update(values)
        if self._last is not None and self._last[0] == step:
            self._last[1].update(values)
            for name, value in values.items():
                _note(self._buckets[-1], name, value, self._last)
            return
        row = (step, dict(values))
        if self._count % self._per_bucket == 0:
            if len(self._buckets) == 2 * BUCKETS:
                self._halve()
            self._buckets.append({"": row})
        self._count += 1
        self._last = row
        bucket = self._buckets[-1]
        for name, value in values.items():
            _note(bucket, name, value, row)

    def rows(self) -> list[Row]:
        """What is kept, by step."""
        found = {id(row): row for bucket in self._buckets for row in bucket.values()}
        if self._last is not None:
            found[id(self._last)] = self._last
        return sorted(found.values(), key=lambda row: row[0])

    def _halve(self) -> None:
        pairs = zip(self._buckets[::2], self._buckets[1::2], strict=True)
        self._buckets = [_merged(*pair) for pair in pairs]
        self._per_bucket *= 2


def extremes(rows: Sequence[Row], name: str) -> Extremes:
    """Of one value over rows in the order of their steps."""
    points = [(step, values[name]) for step, values in rows if name in values]
    finite = [point for point in points if math.isfinite(point[1])]
    return Extremes(
        min(finite, key=lambda point: point[1], default=None),
        max(finite, key=lambda point: point[1], default=None),
        next((point for point in points if not math.isfinite(point[1])), None),
    )


def _note(bucket: _Bucket, name: str, value: float, row: Row) -> None:
    if not math.isfinite(value):
        bucket.setdefault(f"?{name}", row)
        return
    low, high = bucket.get(f"<{name}"), bucket.get(f">{name}")
    if low is None or value < low[1][name]:
        bucket[f"<{name}"] = row
    if high is None or value > high[1][name]:
        bucket[f">{name}"] = row


def _merged(one: _Bucket, other: _Bucket) -> _Bucket:
    for key, row in other.items():
        if key:
            _note(one, key[1:], row[1][key[1:]], row)
    return one


def number(value: Any) -> Any:
    """A reported value as it is kept until it is drawn: a float, or what becomes one by `floats`.

    A tensor on a GPU stays one: to read it is to wait for all that the GPU has to do before.
    Raises TypeError when it is no number.
    """
    if type(value) is float:
        return value
    if hasattr(value, "detach") and hasattr(value, "device"):
        if value.numel() != 1:
            raise TypeError(f"a tensor of {value.numel()} numbers")
        # A copy, for a loop may count on in the same tensor; without what is needed for gradients.
        held = value.detach()
        return float(held) if held.device.type == "cpu" else held.reshape(()).clone()
    if isinstance(value, str | bytes):
        raise TypeError(f"the text {value!r}")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"of type {type(value).__name__}") from error


def floats(rows: Sequence[tuple[int, dict[str, Any]]]) -> list[Row]:
    """Reports with all tensors read, those of a device and type at once."""
    waiting: dict[tuple[Any, Any], list[tuple[dict[str, Any], str]]] = {}
    for _step, values in rows:
        for name, value in values.items():
            if hasattr(value, "detach"):
                waiting.setdefault((value.device, value.dtype), []).append((values, name))
    for places in waiting.values():
        # Whose tensors these are has been imported.
        stacked = sys.modules["torch"].stack([values[name] for values, name in places]).tolist()
        for (values, name), value in zip(places, stacked, strict=True):
            values[name] = value
    return [(step, {name: float(value) for name, value in values.items()}) for step, values in rows]

"""A notebook as a batch job: papermill on the cluster (docs/batch.md).

What a running notebook uses (`record`, `checkpoint`, `ending`) needs only the standard library; the
rest is imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import BatchError
from .inside import checkpoint, ending, record

_HOMES = {
    "Run": "run",
    "get": "run",
    "offers": "run",
    "parameters": "tagged",
    "runs": "run",
    "submit": "run",
}
__all__ = [
    "BatchError",
    "Run",
    "checkpoint",
    "ending",
    "get",
    "offers",
    "parameters",
    "record",
    "runs",
    "submit",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]

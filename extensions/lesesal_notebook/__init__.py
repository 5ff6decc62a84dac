"""What runs where the session runs (node side).

What a notebook asks for by name is imported when it is asked for: a session's start and a grading
kernel need none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "batch": "batch",
    "dataset": "datasets:dataset",
    "desk": "widgets.desk.desk:desk",
    "gpu": "widgets.gauge:gpu",
    "load_ipython_extension": "widgets.magics:load_ipython_extension",
    "progress": "widgets.progress.progress:progress",
}
__all__ = ["batch", "dataset", "desk", "gpu", "progress"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    found = import_module(f".{module}", __name__)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]

"""Imports without what they bring for nothing.

What nbgrader and Jupyter import brings others with it that neither a session nor grading uses.
While it is imported, stand-ins take the place of such modules. They are gone again afterwards:
whoever imports the real modules later gets them.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

StandIns = Mapping[str, Mapping[str, Any]]
"""By module, the names that are imported of it."""

STAND_IN = "A stand-in; see lesesal_nbgrader.stand_ins."


class NeverRaisedError(Exception):
    """Stands for errors of libraries that are not used, in ``except`` clauses."""


def when_called(module: str, name: str) -> Callable[..., Any]:
    """A function of a module that is imported when the function is called."""

    def function(*args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*args, **kwargs)

    return function


def when_used(module: str) -> Mapping[str, Any]:
    """The names of a whole module that is imported when one of them is used."""

    def __getattr__(name: str) -> Any:  # noqa: N807 - a module's own (PEP 562)
        if getattr(sys.modules.get(module), "__doc__", None) == STAND_IN:
            del sys.modules[module]
        return getattr(importlib.import_module(module), name)

    return {"__getattr__": __getattr__}


@contextlib.contextmanager
def placed(stand_ins: StandIns) -> Iterator[None]:
    """Modules that are imported inside find these; one that is there already stays."""
    found = {}
    for name, names in stand_ins.items():
        if name not in sys.modules:
            found[name] = sys.modules[name] = ModuleType(name, STAND_IN)
            vars(found[name]).update(names, __path__=[])
    try:
        yield
    finally:
        for name, module in found.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]

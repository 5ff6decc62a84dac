"""What importing nbgrader need not bring.

nbgrader's package imports its pages in Jupyter, and with its libraries come a grammar that
jsonschema compiles for a format that no notebook has, Markdown, and an HTTP client: more than half
of a grading's start. While it is imported, stand-ins take the place of such modules. They are gone
again afterwards: whoever imports the real modules later gets them.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any


class _NeverRaisedError(Exception):
    """Stands for errors in ``except`` clauses of what is not called here."""


def _called(module: str, name: str) -> Callable[..., Any]:
    """A function of a module that is imported when the function is called."""

    def function(*args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*args, **kwargs)

    return function


def _names(module: str, *names: str) -> dict[str, Any]:
    return {name: _called(module, name) for name in names}


# By module: the names that nbgrader 0.9, nbconvert 7 and jsonschema 4 import of it.
STAND_INS: Mapping[str, Mapping[str, Any]] = {
    # Formats of strings in JSON schemas.
    "rfc3987_syntax": _names("rfc3987_syntax", "is_valid_syntax"),
    "rfc3986_validator": _names("rfc3986_validator", "validate_rfc3986"),
    "isoduration": {
        **_names("isoduration", "parse_duration"),
        "DurationParsingException": _NeverRaisedError,
    },
    # nbgrader's pages.
    **{
        f"nbgrader.server_extensions.{name}": {"load_jupyter_server_extension": None}
        for name in ("assignment_list", "course_list", "formgrader", "validate_assignment")
    },
    # Asks a hub who takes a course; unpacks archives of whole classes; makes pages of notebooks.
    "requests": _names("requests", "request"),
    "setuptools": {},
    "setuptools.archive_util": _names(
        "setuptools.archive_util", "unpack_archive", "unpack_tarfile", "unpack_zipfile"
    ),
    "bs4": _names("bs4", "BeautifulSoup"),
    "nbconvert.filters.markdown_mistune": _names(
        "nbconvert.filters.markdown_mistune",
        *("IPythonRenderer", "MarkdownWithMath", "markdown2html_mistune"),
    ),
}


@contextlib.contextmanager
def spared() -> Iterator[None]:
    """Modules that are imported inside find stand-ins where `STAND_INS` has them.

    A module that is there already stays. Garbage is not looked for among what is imported.
    """
    gc.disable()
    placed = {}
    for name, names in STAND_INS.items():
        if name not in sys.modules:
            placed[name] = sys.modules[name] = ModuleType(name)
            vars(placed[name]).update(names, __path__=[])
    try:
        yield
    finally:
        for name, module in placed.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
        gc.freeze()
        gc.enable()

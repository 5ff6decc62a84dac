"""What importing nbgrader need not bring.

nbgrader's package imports its pages in Jupyter, and with its libraries come a grammar that
jsonschema compiles for a format that no notebook has, Markdown, and an HTTP client: more than half
of a grading's start. While it is imported, stand-ins take the place of such modules
(`lesesal_nbgrader.stand_ins`).
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Any

from lesesal_nbgrader.stand_ins import NeverRaisedError, StandIns, placed, when_called


def _names(module: str, *names: str) -> dict[str, Any]:
    return {name: when_called(module, name) for name in names}


# By module: the names that nbgrader 0.9, nbconvert 7 and jsonschema 4 import of it.
STAND_INS: StandIns = {
    # Formats of strings in JSON schemas.
    "rfc3987_syntax": _names("rfc3987_syntax", "is_valid_syntax"),
    "rfc3986_validator": _names("rfc3986_validator", "validate_rfc3986"),
    "isoduration": {
        **_names("isoduration", "parse_duration"),
        "DurationParsingException": NeverRaisedError,
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

    Garbage is not looked for among what is imported.
    """
    gc.disable()
    try:
        with placed(STAND_INS):
            yield
    finally:
        gc.freeze()
        gc.enable()

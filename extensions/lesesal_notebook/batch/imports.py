"""What notebooks need, imported without a grammar that nothing here uses.

jsonschema compiles it for a format of strings (rfc3987_syntax), which takes most of a second: half
of what a job takes besides its notebook (docs/performance.md has the same of sessions).
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from lesesal_nbgrader.stand_ins import placed, when_called


def spared() -> AbstractContextManager[None]:
    """Import nbformat and papermill in it."""
    return placed(
        {"rfc3987_syntax": {"is_valid_syntax": when_called("rfc3987_syntax", "is_valid_syntax")}}
    )

"""The exchange API: docs/exchange-api.md, row by row."""

from __future__ import annotations

from courses.classroom.api import (
    announcements,
    courses,
    deadlines,
    feedback,
    grades,
    grading,
    handins,
    health,
    openapi,
    record,
    releases,
)
from courses.classroom.handlers import Handler, NoSuchApi

PARTS = (
    openapi,
    health,
    courses,
    releases,
    handins,
    feedback,
    deadlines,
    record,
    grades,
    grading,
    announcements,
)


def routes() -> dict[str, type[Handler]]:
    """The API's addresses, below the service's prefix."""
    found = {f"api/{path}": handler for part in PARTS for path, handler in part.routes().items()}
    return {**found, "api(?:/.*)?": NoSuchApi}

"""The pages, a file for each kind."""

from __future__ import annotations

from courses.classroom.handlers import Handler
from courses.classroom.pages import (
    announcements,
    belongings,
    complaints,
    course,
    deadlines,
    feedback,
    formgrader,
    grading,
    home,
    languages,
    people,
    receipts,
    record,
    sessions,
    source,
    staff,
    staff_files,
)
from courses.classroom.pages.base import Callback, NoSuchPage

__all__ = ["NoSuchPage", "routes"]

PARTS = (
    *(
        source,
        home,
        course,
        sessions,
        receipts,
        feedback,
        record,
        deadlines,
        people,
        languages,
        announcements,
        complaints,
        formgrader,
        belongings,
    ),
    *(staff, staff_files, grading),
)


def routes() -> dict[str, type[Handler]]:
    """The pages' addresses, below the service's prefix."""
    found = {path: handler for part in PARTS for path, handler in part.routes().items()}
    return {"oauth_callback": Callback, **found}

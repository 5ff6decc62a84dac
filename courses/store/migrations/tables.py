"""All tables: importing this declares every one of them."""

from courses.store import (
    announcements,
    audit,
    checks,
    complaints,
    courses,
    deadlines,
    grading,
    groups,
    joining,
    people,
    releases,
    submissions,
)
from courses.store.base import Base

__all__ = [
    "announcements",
    "audit",
    "checks",
    "complaints",
    "courses",
    "deadlines",
    "grading",
    "groups",
    "joining",
    "metadata",
    "people",
    "releases",
    "submissions",
]

metadata = Base.metadata

"""All tables: importing this declares every one of them."""

from courses.store import (
    announcements,
    audit,
    complaints,
    courses,
    deadlines,
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
    "complaints",
    "courses",
    "deadlines",
    "groups",
    "joining",
    "metadata",
    "people",
    "releases",
    "submissions",
]

metadata = Base.metadata

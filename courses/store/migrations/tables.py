"""All tables: importing this declares every one of them."""

from courses.store import audit, courses, people, releases, submissions
from courses.store.base import Base

__all__ = ["audit", "courses", "metadata", "people", "releases", "submissions"]

metadata = Base.metadata

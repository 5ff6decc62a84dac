"""A course's folder: ``course.toml`` and nbgrader's ``source/``, read and checked."""

from courses.catalogue.folder import load

__all__ = ["load"]

"""The instructor's own git: which version a course's folder is at, and newer ones."""

from courses.git.run import pull, revision

__all__ = ["pull", "revision"]

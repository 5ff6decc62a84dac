"""What can go wrong with a course, as sentences for the person who reads them.

::

    CourseError
    ├── Malformed          a name or an archive that nobody can accept
    │   ├── BadName
    │   └── BadArchive
    ├── NotAllowed         not this person's to do
    ├── NotFound           no such course, assignment or submission; or not released
    ├── DeadlinePassed     the assignment refuses late work
    ├── TooLarge           more than the limit
    ├── NoSpace            the disk is full; nothing was stored
    ├── Unavailable        something that is needed does not answer just now
    │   └── Busy           the database is locked for too long; nothing was stored
    ├── CatalogueError     course.toml or source/ has problems, all of them listed
    ├── GenerateError      nbgrader could not make the student version
    ├── BuildFailed        an environment could not be built, or is not what was built
    └── SetupError         this machine is not ready to serve: a port, a folder, a file

The classroom maps them to HTTP statuses (`courses.classroom.statuses`); the command line prints
them and exits with 1.
"""

from __future__ import annotations

from collections.abc import Sequence


class CourseError(Exception):
    """The root: ``str()`` of any of them is a sentence that says what to do."""


class Malformed(CourseError):
    """A request that could never be right."""


class BadName(Malformed):
    """A name outside the rules of `courses.names`."""


class BadArchive(Malformed):
    """An archive outside the rules of `courses.archives`."""


class NotAllowed(CourseError):
    """The person may not do this."""


class NotFound(CourseError):
    """What was asked for does not exist, or is not released."""


class DeadlinePassed(CourseError):
    """The deadline has passed and the assignment refuses late work."""


class TooLarge(CourseError):
    """An archive, or what comes out of it, is larger than the limit."""


class NoSpace(CourseError):
    """The disk is full."""

    def __init__(self) -> None:
        super().__init__(
            "The classroom's disk is full, so nothing was stored. "
            "Keep your work, and tell the people who run this service."
        )


class Unavailable(CourseError):
    """Something that is needed does not answer just now."""


class Busy(Unavailable):
    """The database did not become free in time."""

    def __init__(self) -> None:
        super().__init__(
            "The classroom is busy and nothing was stored. Wait a moment and try again."
        )


class CatalogueError(CourseError):
    """A course's files have problems; ``problems`` has one sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class GenerateError(CourseError):
    """nbgrader could not make the student version of an assignment."""


class BuildFailed(CourseError):
    """An environment could not be built, or is not what was built."""


class SetupError(CourseError):
    """This machine is not ready to serve the classroom."""

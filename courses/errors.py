"""What can go wrong with a course, as sentences for the person who reads them.

::

    CourseError
    ├── Malformed          a name or an archive that nobody can accept
    │   ├── BadName
    │   ├── BadArchive
    │   └── BadReceipt
    ├── NotAllowed         not this person's to do
    ├── NotFound           no such course, assignment or submission; or not released
    ├── DeadlinePassed     the assignment refuses late work
    ├── FeedbackIsOut      what is graded cannot be chosen any more
    ├── Refused            it would leave the course, or a join code, in a state that may not be
    ├── Outdated           what was looked at has changed since
    ├── TooLarge           more than the limit
    ├── Lost               what was stored is not on the disk any more
    ├── NoSpace            the disk is full; nothing was stored
    ├── Unavailable        something that is needed does not answer just now
    │   └── Busy           the database is locked for too long; nothing was stored
    ├── CatalogueError     course.toml or source/ has problems, all of them listed
    ├── GenerateError      nbgrader could not make the student version
    ├── GradeError         an assignment cannot be graded at all
    │   └── WorkersError   there is nobody who can execute it
    ├── BuildFailed        an environment could not be built, or is not what was built
    ├── BackupDamaged      a backup is not what was written
    └── SetupError         this machine is not ready to serve: a port, a folder, a file

The classroom maps them to HTTP statuses (`courses.classroom.statuses`); the command line prints
them and exits with 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from courses.language import gettext as _


class CourseError(Exception):
    """The root: ``str()`` of any of them is a sentence that says what to do."""


class Malformed(CourseError):
    """A request that could never be right."""


class BadName(Malformed):
    """A name outside the rules of `courses.names`."""


class BadArchive(Malformed):
    """An archive outside the rules of `courses.archives`."""


class BadReceipt(Malformed):
    """What should be a receipt, or a key to check one with, is none (`courses.receipts`)."""


class NotAllowed(CourseError):
    """The person may not do this."""


class NotFound(CourseError):
    """What was asked for does not exist, or is not released."""


class DeadlinePassed(CourseError):
    """The deadline has passed and the assignment refuses late work."""


class FeedbackIsOut(CourseError):
    """Feedback on the work is released, and the version that is graded is settled with it."""


class Refused(CourseError):
    """A rule about the whole forbids it: the last instructor goes, a join code is full or over."""


class Outdated(CourseError):
    """What the person looked at before deciding has changed since."""


class TooLarge(CourseError):
    """An archive, or what comes out of it, is larger than the limit."""


class Lost(CourseError):
    """What was stored is not on the disk any more, or is not what it was."""


class NoSpace(CourseError):
    """The disk is full."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "The classroom's disk is full, so nothing was stored. "
                "Keep your work, and tell the people who run this service."
            )
        )


class Unavailable(CourseError):
    """Something that is needed does not answer just now."""


class Busy(Unavailable):
    """The database did not become free in time."""

    def __init__(self) -> None:
        super().__init__(
            _("The classroom is busy and nothing was stored. Wait a moment and try again.")
        )


class CatalogueError(CourseError):
    """A course's files have problems; ``problems`` has one sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class GenerateError(CourseError):
    """nbgrader could not make the student version of an assignment."""


class GradeError(CourseError):
    """An assignment cannot be graded: no such assignment, not generated, another run is on."""


class WorkersError(GradeError):
    """Nobody can execute submissions here: no sandbox, no cluster, no interpreter."""


class BuildFailed(CourseError):
    """An environment could not be built, or is not what was built."""


class BackupDamaged(CourseError):
    """A backup is not what was written; nothing was restored from it."""


class SetupError(CourseError):
    """This machine is not ready to serve the classroom."""

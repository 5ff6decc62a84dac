"""What can go wrong between a session and the classroom; each message is for the person.

ClassroomError
├── NotInASessionError    the environment names no classroom, or the token's file is gone
├── UnreachableError      no answer from the classroom itself; a request may be repeated
├── RefusedError          the classroom said no; the message is its own, `status` its HTTP status
├── GarbledError          an answer that is not what docs/exchange-api.md promises
└── ArchiveError          a folder that can't be packed, or an archive that can't be trusted
"""


class ClassroomError(Exception):
    """The base; `str()` of it is one or more whole sentences."""


class NotInASessionError(ClassroomError):
    """There is no classroom to talk to from here."""


class UnreachableError(ClassroomError):
    """The classroom did not answer."""


class RefusedError(ClassroomError):
    """The classroom's own refusal."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class GarbledError(ClassroomError):
    """An answer that can't be understood."""


class ArchiveError(ClassroomError):
    """A folder or archive that can't be sent or unpacked."""

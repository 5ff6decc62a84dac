"""What was handed in, and what proves it: values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class PackedFile:
    """One file of an archive: its path in it, its size when unpacked, the digest of its content."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class TaskPoints:
    """The points of one task: a graded cell, by nbgrader's name of it."""

    name: str
    score: float
    max_score: float


@dataclass(frozen=True)
class Feedback:
    """What came back: when it was released, its archive's digest, and the score if there is one.

    ``tasks`` is empty where nobody has sent the points of each.
    """

    released: datetime
    sha256: str
    score: float | None
    max_score: float | None
    tasks: tuple[TaskPoints, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """What proves a submission.

    Attributes:
        id: the submission's.
        timestamp: when the whole archive had arrived, by the classroom's clock.
        due: the deadline that held at that moment.
        on_time: whether ``timestamp`` was not after ``due``.
        files: what was handed in, by path.
        content: what `content_of` says of the files.
        sha256: of the archive as it came, for what was handed in before files were kept one by one.
    """

    id: str
    course: str
    assignment: str
    user: str
    timestamp: datetime
    due: datetime | None
    on_time: bool
    files: tuple[PackedFile, ...]
    content: str
    sha256: str | None = None


@dataclass(frozen=True)
class Submission:
    """A submission as it is kept.

    Attributes:
        bytes: of all its files together.
        signed: the receipt as it was signed and given out (`courses.receipts`).
        to_grade: whether it is the person's version to grade: the one that the person has named,
            else the last.
        chosen: whether the person has named it.
    """

    receipt: Receipt
    bytes: int
    feedback: Feedback | None = None
    signed: str = ""
    to_grade: bool = False
    chosen: bool = False


def content_of(files: Iterable[PackedFile]) -> str:
    """The digest of what ``sha256sum`` prints for the files, in the order of their paths' bytes."""
    lines = sorted(files, key=lambda file: file.path.encode())
    text = "".join(f"{file.sha256}  {file.path}\n" for file in lines)
    return hashlib.sha256(text.encode()).hexdigest()


def iso(moment: datetime) -> str:
    """A moment as the API writes it: ISO 8601, UTC, always with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def receipt_json(receipt: Receipt) -> dict[str, object]:
    """What a receipt says, before it is signed."""
    values: dict[str, object] = {
        "id": receipt.id,
        "course": receipt.course,
        "assignment": receipt.assignment,
        "user": receipt.user,
        "timestamp": iso(receipt.timestamp),
        "due": iso(receipt.due) if receipt.due else None,
        "on_time": receipt.on_time,
        "files": [
            {"path": file.path, "bytes": file.bytes, "sha256": file.sha256}
            for file in receipt.files
        ],
        "content": receipt.content,
    }
    return values if receipt.sha256 is None else {**values, "sha256": receipt.sha256}

"""What was handed in, and what proves it: values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class PackedFile:
    """One file of an archive: its path in it, its size when unpacked, the digest of its content."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Feedback:
    """What came back: when it was released, its archive's digest, and the score if there is one."""

    released: datetime
    sha256: str
    score: float | None
    max_score: float | None


@dataclass(frozen=True)
class Receipt:
    """What proves a submission.

    Attributes:
        id: the submission's.
        timestamp: when the whole archive had arrived, by the classroom's clock.
        due: the deadline that held at that moment.
        on_time: whether ``timestamp`` was not after ``due``.
        files: what the archive holds, in its order.
        sha256: the digest of the archive, byte for byte as it came.
    """

    id: str
    course: str
    assignment: str
    user: str
    timestamp: datetime
    due: datetime | None
    on_time: bool
    files: tuple[PackedFile, ...]
    sha256: str


@dataclass(frozen=True)
class Submission:
    """A submission as it is kept: its receipt, its size and its feedback when there is some."""

    receipt: Receipt
    bytes: int
    feedback: Feedback | None = None


def iso(moment: datetime) -> str:
    """A moment as the API writes it: ISO 8601, UTC, always with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def receipt_json(receipt: Receipt) -> dict[str, object]:
    """A receipt as the API and the download show it."""
    return {
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
        "sha256": receipt.sha256,
    }

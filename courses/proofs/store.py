"""Every receipt against the bytes; and the bytes that belong to nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from courses import receipts
from courses.errors import BadReceipt
from courses.store import Store
from courses.store.audit import AuditRow
from courses.store.blobs import forgotten
from courses.store.courses import CourseRow
from courses.store.releases import ReleaseRow
from courses.store.submissions import FeedbackRow, SubmissionRow, receipt_of

_BATCH = 100


@dataclass(frozen=True)
class Litter:
    """A blob that no row names. ``old`` is whether it is so for a day: it is not on its way in."""

    sha256: str
    bytes: int
    old: bool


def problems(store: Store, tell: Callable[[int, int], None]) -> Iterator[str]:
    """Check all; what is wrong, a sentence each.

    ``tell`` is called with how many things are checked, and how many there are.
    """
    keys = store.keys.published()
    with store.reading() as session:
        submissions = list(session.scalars(select(SubmissionRow.id).order_by(SubmissionRow.id)))
        archives = list(_archives(session))
    total = len(submissions) + len(archives)
    # Equal files are one blob: each is read once.
    seen: dict[str, str] = {}
    for begin in range(0, len(submissions), _BATCH):
        with store.reading() as session:
            for submission_id in submissions[begin : begin + _BATCH]:
                row = session.get(SubmissionRow, submission_id)
                if row is not None:  # deleted since
                    yield from _submission(store, row, keys, seen)
        tell(min(begin + _BATCH, len(submissions)), total)
    for number, (what, sha256) in enumerate(archives, start=len(submissions) + 1):
        if problem := _blob(store, sha256, seen):
            yield f"{what} {problem}"
        tell(number, total)


def litter(store: Store) -> list[Litter]:
    """The blobs that no row names."""
    # In this order: what comes in meanwhile is not seen, or is named by then, or is not old.
    blobs = dict(store.blobs.all())
    with store.reading() as session:
        named = _named(session)
    return [
        Litter(sha256, state.st_size, forgotten(state))
        for sha256, state in sorted(blobs.items())
        if sha256 not in named
    ]


def _submission(
    store: Store, row: SubmissionRow, keys: dict[str, bytes], seen: dict[str, str]
) -> Iterator[str]:
    who = f"Submission {row.id} of {row.user} in {row.assignment.course.slug}"
    try:
        signed = receipts.read(row.receipt)
    except BadReceipt:
        yield f"{who} has no signed receipt."
        return
    if not signed.genuine(keys):
        yield f"{who} has a receipt that the classroom's keys have not signed."
    said, kept = signed.receipt, receipt_of(row)
    # An assignment may have been renamed since.
    for name in ("id", "course", "user", "timestamp", "due", "on_time", "files", "content"):
        if getattr(said, name) != getattr(kept, name):
            yield f"{who} is not what its receipt says: {name} differs."
    for file in said.files:
        if problem := _blob(store, file.sha256, seen):
            yield f"{who} has lost {file.path!r}: it {problem}"
        elif store.blobs.path(file.sha256).stat().st_size != file.bytes:
            yield f"{who} has a receipt with a wrong size of {file.path!r}."


def _archives(session: Session) -> Iterator[tuple[str, str]]:
    for course in session.scalars(select(CourseRow)):
        if course.directory:
            yield f"The directory of {course.slug}", course.directory
    for assignment_id, sha256 in session.execute(
        select(ReleaseRow.assignment_id, ReleaseRow.sha256)
    ):
        yield f"The release of assignment number {assignment_id}", sha256
    for submission_id, sha256 in session.execute(
        select(FeedbackRow.submission_id, FeedbackRow.sha256)
    ):
        yield f"The feedback on submission {submission_id}", sha256


def _blob(store: Store, sha256: str, seen: dict[str, str]) -> str:
    """What is wrong with a blob, as the rest of a sentence; empty when nothing is."""
    if sha256 not in seen:
        seen[sha256] = _read(store.blobs.path(sha256), sha256)
    return seen[sha256]


def _read(path: Path, sha256: str) -> str:
    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == sha256:
                return ""
    except FileNotFoundError:
        return f"is not on the disk ({path})."
    except OSError as error:
        return f"cannot be read ({path}: {error.strerror})."
    return f"was changed or damaged on the disk ({path})."


def _named(session: Session) -> set[str]:
    """The blobs that rows name.

    Earlier feedback and releases are named by the audit: they count while what they are about does.
    """
    named = {sha256 for _, sha256 in _archives(session)}
    ids = set()
    for row in session.execute(select(SubmissionRow.id, SubmissionRow.files)):
        ids.add(row.id)
        named.update(file["sha256"] for file in row.files)
    noted = select(AuditRow.action, AuditRow.detail).where(
        AuditRow.action.in_(["feedback", "release"])
    )
    for action, detail in session.execute(noted):
        if action == "release" or detail.get("id") in ids:
            named.add(str(detail.get("sha256", "")))
    return named

"""What was handed in as an archive, before files were kept one by one, is carried over.

Its receipt says what it said, the archive's digest too, and is signed. The archive itself then
belongs to nothing (``lesesal store verify --collect``).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import select

from courses.archives import Limits
from courses.errors import BadArchive, TooLarge
from courses.store.audit import note, now
from courses.store.submissions import SubmissionRow, receipt_of
from courses.submissions import PackedFile, receipt_json

if TYPE_CHECKING:
    from courses.store.database import Store

ACTOR = "lesesal"
_log = logging.getLogger(__name__)


def carry_over(store: Store) -> None:
    """Unpack and sign what is not yet; several processes may do so at once, and be killed at it."""
    with store.reading() as session:
        waiting = list(session.scalars(select(SubmissionRow.id).filter_by(receipt="")))
    for submission_id in waiting:
        _unpack(store, submission_id)
        with store.writing() as session:
            row = session.get_one(SubmissionRow, submission_id)
            if row.receipt:
                continue
            slug = row.assignment.course.slug
            row.receipt = store.keys.signer.sign(receipt_json(receipt_of(row)))
            note(session, ACTOR, "sign", slug, now(), subject=row.user, id=row.id)


def _unpack(store: Store, submission_id: str) -> None:
    with store.reading() as session:
        row = session.get_one(SubmissionRow, submission_id)
        files, sha256 = [PackedFile(**file) for file in row.files], row.sha256
    limits = Limits(sum(file.bytes for file in files), len(files))
    try:
        store.contents.keep(store.blobs.path(sha256 or ""), files, limits)
    except (BadArchive, TooLarge, FileNotFoundError):
        # It was lost before, and `lesesal store verify` tells of it.
        _log.exception("The archive of submission %s cannot be unpacked", submission_id)

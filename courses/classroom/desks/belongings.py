"""All that is held on a person, for that person to take away."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from sqlalchemy.orm import Session

from courses.classroom.desks.base import Desk
from courses.complaints import Complaint
from courses.course import Caller
from courses.errors import Lost
from courses.language import gettext as _
from courses.store import audit, complaints, persons, submissions
from courses.store.audit import Change
from courses.store.blobs import no_space
from courses.submissions import iso


class Belongings(Desk):
    """What people get that is theirs."""

    def archive(self, who: Caller) -> IO[bytes]:
        """A zip with all that is held on the caller: an open file that is gone when it is closed.

        ``about.json`` has enrolments, fetches, extensions, groups, complaints and the record;
        ``COURSE/ASSIGNMENT/ID/`` a hand-in with its files, its receipt and its feedback.
        Raises `Lost` and `NoSpace`.
        """
        with self.store.reading() as session:
            about = _about(session, who.name)
            members = list(self._work(session, who.name))
        with no_space():
            out = TemporaryFile(dir=self.store.blobs.incoming_folder)  # noqa: SIM115  the caller closes it
            try:
                with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
                    packed.writestr("about.json", about)
                    for name, content in members:
                        if isinstance(content, Path):
                            packed.write(content, name)
                        else:
                            packed.writestr(name, content)
                out.seek(0)
            except FileNotFoundError as error:
                out.close()
                raise Lost(
                    _(
                        "A file of yours is not on the classroom's disk any more. "
                        "Tell the people who run this service."
                    )
                ) from error
            except BaseException:
                out.close()
                raise
            return out

    def _work(self, session: Session, user: str) -> Iterator[tuple[str, Path | str]]:
        found_in = persons.courses_with_work(session, user)
        for found in (
            each for slug in found_in for each in submissions.of_course(session, slug, user=user)
        ):
            receipt = found.receipt
            folder = f"{receipt.course}/{receipt.assignment}/{receipt.id}"
            yield f"{folder}/receipt.json", found.signed
            for file in receipt.files:
                yield f"{folder}/files/{file.path}", self.store.blobs.path(file.sha256)
            if found.feedback is not None:
                yield f"{folder}/feedback.zip", self.store.blobs.path(found.feedback.sha256)


def _about(session: Session, user: str) -> str:
    return json.dumps(
        {
            "user": user,
            **persons.held(session, user),
            "complaints": [_complaint(each) for each in complaints.of_person(session, user)],
            "record": [_change(each, user) for each in audit.naming(session, user)],
        },
        default=_text,
        ensure_ascii=False,
        indent=2,
    )


def _complaint(complaint: Complaint) -> Mapping[str, Any]:
    return asdict(complaint)


def _change(change: Change, user: str) -> Mapping[str, Any]:
    """What the record tells of the person; of what the person did about others, only that."""
    if change.subject in (None, user):
        return asdict(change)
    return {
        "at": change.at,
        "actor": change.actor,
        "action": change.action,
        "course": change.course,
    }


def _text(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)

"""What a person made, as one archive to take home."""

from __future__ import annotations

import zipfile
from tempfile import TemporaryFile
from typing import IO

from courses import archives
from courses.archives import Limits
from courses.errors import Lost
from courses.language import gettext as _
from courses.store import people, submissions
from courses.store.blobs import no_space
from courses.store.database import Store
from courses.submissions import Submission


def take_home(store: Store, user: str, limits: Limits) -> IO[bytes]:
    """All that a person handed in, in all courses, with its receipts and feedback.

    An archive at its begin: an open file that has no name and is gone when it is closed. In it:
    ``COURSE/ASSIGNMENT/TIME/`` with ``submitted/``, ``receipt.json`` and ``feedback/``.

    Args:
        limits: of one feedback.

    Raises `Lost` and `NoSpace`.
    """
    with store.reading() as session:
        found = [
            submission
            for slug in people.slugs(session)
            for submission in submissions.of_course(session, slug, user=user)
        ]
    with no_space():
        out = TemporaryFile(dir=store.blobs.incoming_folder)  # noqa: SIM115  the caller closes it
        try:
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("README.txt", _about(user, len(found)))
                for submission in found:
                    _add(archive, store, submission, limits)
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


def _add(archive: zipfile.ZipFile, store: Store, submission: Submission, limits: Limits) -> None:
    receipt = submission.receipt
    # A time and an id: two versions may be of one second.
    when = f"{receipt.timestamp:%Y-%m-%d_%H-%M-%S}_{receipt.id}"
    place = f"{receipt.course}/{receipt.assignment}/{when}"
    archive.writestr(f"{place}/receipt.json", submission.signed)
    for file in receipt.files:
        archive.write(store.blobs.path(file.sha256), f"{place}/submitted/{file.path}")
    if submission.feedback:
        feedback = store.blobs.path(submission.feedback.sha256)
        with archives.reading(feedback, limits) as members:
            for name, content in members:
                with archive.open(f"{place}/feedback/{name}", "w") as inside:
                    for chunk in content:
                        inside.write(chunk)


def _about(user: str, count: int) -> str:
    return _(
        "This is what {user} handed in: {count} versions, each in a folder COURSE/ASSIGNMENT/TIME "
        "(times in UTC), as submitted/, with its receipt.json and, where there is some, its "
        "feedback/.\n\n"
        "Files of your sessions that you did not hand in are not in here. In JupyterLab, choose "
        "them in the file browser and then Download.\n",
        user=user,
        count=count,
    )

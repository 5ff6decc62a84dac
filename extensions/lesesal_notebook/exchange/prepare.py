"""The instructor's course directory, fetched once into the home directory.

The session's entry point calls `prepare_course_directory()` in the background at each start.
Importing this costs nothing: what it needs is imported when it is needed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def course_directory(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where an instructor's session has source/, release/ and gradebook.db: `~/courses/<slug>`.

    None in a student's session and outside of sessions.
    """
    course = environ.get("LESESAL_COURSE")
    if not course or environ.get("LESESAL_ROLE") != "instructor":
        return None
    return Path(environ.get("HOME") or Path.home()) / "courses" / course


def prepare_course_directory(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Fetch the course directory if this session should have one and has none.

    It appears complete or not at all, and one that is there is never touched. Gives its path if
    it was fetched now, else None. Raises ClassroomError, OSError.
    """
    folder = course_directory(environ)
    if folder is None or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        return None

    from .archives import extract, staged
    from .client import Classroom

    classroom = Classroom.of_session(environ)
    with tempfile.TemporaryDirectory() as temporary:
        archive = Path(temporary) / "course.zip"
        classroom.fetch_directory(environ["LESESAL_COURSE"], archive)
        with staged(folder) as new:
            extract(archive, new)
    return folder

"""What the eight exchange classes have in common."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from textwrap import dedent
from typing import Any, NoReturn

from nbgrader.exchange.abc import Exchange as ABCExchange
from nbgrader.exchange.abc import ExchangeError
from nbgrader.utils import get_username, ignore_patterns
from traitlets import Bool

from .archives import Ignore, Packed, pack
from .client import Classroom
from .errors import ClassroomError
from .notes import NOTES, release_note
from .values import TIMESTAMP, Submission


class Exchange(ABCExchange):
    """nbgrader's exchange, spoken over HTTP to the classroom that this session belongs to."""

    path_includes_course = Bool(
        False,
        help=dedent(
            """
            Whether a student's assignments lie in a folder of the course's name: with True,
            `nbgrader fetch_assignment ps1` writes `./course101/ps1`, else `./ps1`. As in
            nbgrader's own exchange. Example: `c.Exchange.path_includes_course = True`
            """
        ),
    ).tag(config=True)

    @cached_property
    def classroom(self) -> Classroom:
        """The client; made when first asked for, so that making an exchange can't fail."""
        return Classroom.of_session()

    def start(self) -> Any:
        """Run, and let what goes wrong end as nbgrader's ExchangeError with a sentence."""
        try:
            return super().start()
        except ClassroomError as err:
            sentence = str(err)
        except OSError as err:
            what = f" ({err.filename})" if err.filename else ""
            sentence = f"A file could not be read or written: {err.strerror or err}{what}."
        return self.fail(sentence)

    def fail(self, msg: str) -> NoReturn:
        """As nbgrader's: log, and raise."""
        self.log.critical(msg)
        raise ExchangeError(msg)

    def init_src(self) -> None:
        """Everything needs a course."""
        if not self.coursedir.course_id:
            self.fail("No course id specified. Re-run with --course flag.")

    def init_dest(self) -> None:
        """Nothing to compute, for most."""

    @property
    def course(self) -> str:
        return str(self.coursedir.course_id)

    @property
    def assignment(self) -> str:
        return str(self.coursedir.assignment_id)

    @property
    def user(self) -> str:
        """Who works here, as the hub knows them."""
        return os.environ.get("JUPYTERHUB_USER") or str(get_username())

    def check_own(self) -> None:
        """Stop if `--student` names somebody else: the hub's token says who one is."""
        wanted = str(self.coursedir.student_id or "*")
        if not fnmatch.fnmatchcase(self.user, wanted):
            self.fail(f"This session is {self.user}'s, and can't act for {wanted}.")

    def wants_student(self, student: str) -> bool:
        """Whether `--student` and `--student-id-exclude` leave this one in."""
        excluded = str(self.coursedir.student_id_exclude or "").split(",")
        pattern = str(self.coursedir.student_id or "*")
        return fnmatch.fnmatchcase(student, pattern) and student not in excluded

    def assignment_folder(self, course: str, assignment: str) -> Path:
        """Where this user has, or would have, an assignment."""
        within = Path(course, assignment) if self.path_includes_course else Path(assignment)
        return (Path(self.assignment_dir) / within).absolute()

    def other_course(self, folder: Path, course: str) -> str | None:
        """The course that an assignment folder was fetched from, if it is not this one.

        One home serves all courses of a person, and two may have a `ps1`.
        """
        noted = str(release_note(folder).get("course", course))
        return None if noted == course else noted

    def feedback_folder(self, course: str, assignment: str, submission: Submission) -> Path:
        """Where this user has, or would have, the feedback for a submission."""
        folder = self.assignment_folder(course, assignment)
        return folder / "feedback" / submission.received.strftime(TIMESTAMP)

    @property
    def max_bytes(self) -> int:
        """nbgrader's `CourseDirectory.max_dir_size`, in bytes."""
        return 1000 * int(self.coursedir.max_dir_size)

    def ignore(self) -> Ignore:
        """nbgrader's patterns of what is not copied, and our own notes."""
        patterns: Ignore = ignore_patterns(
            exclude=[*self.coursedir.ignore, NOTES],
            include=self.coursedir.include,
            max_file_size=self.coursedir.max_file_size,
            log=self.log,
        )
        return patterns

    @contextlib.contextmanager
    def packed(self, folder: Path, limit: int | None = None) -> Iterator[tuple[Path, Packed]]:
        """A folder as a temporary zip; `limit` is the classroom's, in bytes before packing."""
        allowed = self.max_bytes if limit is None else min(limit, self.max_bytes)
        with temporary_archive() as archive:
            yield (
                archive,
                pack(
                    folder,
                    archive,
                    ignore=self.ignore(),
                    warn=self.log.warning,
                    max_bytes=allowed,
                ),
            )


@contextlib.contextmanager
def temporary_archive() -> Iterator[Path]:
    """A place for a zip that is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="lesesal-") as folder:
        yield Path(folder) / "archive.zip"

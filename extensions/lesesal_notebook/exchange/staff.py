"""Release, collect, release the feedback."""

from __future__ import annotations

import fnmatch
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.exchange.abc import ExchangeCollect as ABCExchangeCollect
from nbgrader.exchange.abc import ExchangeReleaseAssignment as ABCExchangeReleaseAssignment
from nbgrader.exchange.abc import ExchangeReleaseFeedback as ABCExchangeReleaseFeedback
from nbgrader.utils import parse_utc

from . import late, tasks
from .archives import digests, extract, pack, staged
from .base import Exchange, temporary_archive
from .errors import ClassroomError
from .values import Submission, is_plain_name


class ExchangeReleaseAssignment(Exchange, ABCExchangeReleaseAssignment):
    """`nbgrader release_assignment`: upload `release/<assignment>`."""

    def init_src(self) -> None:
        super().init_src()
        steps = (self.coursedir.release_directory, self.coursedir.source_directory)
        self.src_path, source = (
            Path(self.coursedir.format_path(step, ".", self.assignment)) for step in steps
        )
        if self.src_path.is_dir():
            return
        if source.is_dir():
            self.fail(
                f"Assignment found in '{source}' but not '{self.src_path}', run"
                " `nbgrader generate_assignment` first."
            )
        self.fail(f"Assignment not found at: {self.src_path}")

    def copy_files(self) -> None:
        released = {x.name for x in self.classroom.assignments(self.course) if x.released}
        if self.assignment in released and not self.force:
            self.fail(
                f"{self.assignment} is released already, add --force to replace it:"
                f" {self.course} {self.assignment}"
            )
        with self.packed(self.src_path) as (archive, packed):
            if not packed.notebooks:
                self.log.warning("No notebooks found in %s", self.src_path)
            self.classroom.put_release(self.course, self.assignment, archive)
        self.log.info("Released as: %s %s", self.course, self.assignment)


class EachStudent(Exchange):
    """Work through many students: one that fails is reported, and doesn't stop the others."""

    def each(self, submissions: dict[str, Submission]) -> None:
        """`one()` for each; at the end, fail with a sentence that names those that failed."""
        failed = []
        for student, submission in submissions.items():
            try:
                self.one(student, submission)
            except ClassroomError as err:
                self.log.error("%s: %s", student, err)  # noqa: TRY400 - a sentence, no traceback
                failed.append(student)
        if failed:
            self.fail(
                f"{len(failed)} of {len(submissions)} could not be done, the others were:"
                f" {', '.join(failed)}. The log says why."
            )

    def one(self, student: str, submission: Submission) -> None:
        """Do one. ClassroomError: this one failed."""
        raise NotImplementedError


class ExchangeCollect(EachStudent, ABCExchangeCollect):
    """`nbgrader collect`: one submission per student to `submitted/<student>/<assignment>/`."""

    def init_src(self) -> None:
        super().init_src()
        everybody: dict[str, list[Submission]] = {}
        for one in self.classroom.submissions(self.course, self.assignment):
            if self.wants_student(one.user):
                everybody.setdefault(one.user, []).append(one)
        self.lateness = self.classroom.lateness(self.course, self.assignment)
        self.in_time = {one.id for one in self.lateness if not one.days}
        self.chosen = {student: self.choose(theirs) for student, theirs in everybody.items()}

    def choose(self, submissions: list[Submission]) -> Submission:
        """The one to grade; with `before_duedate`, the latest in time if that one is late."""
        to_grade = next(one for one in submissions if one.to_grade)
        # The receipt keeps what it said, and an extension may have come after it.
        in_time = [one for one in submissions if one.on_time or one.id in self.in_time]
        if self.before_duedate and in_time and to_grade not in in_time:
            return max(in_time, key=lambda one: one.received)
        return to_grade

    def copy_files(self) -> None:
        if self.chosen:
            what, how_many = "Processing %s submissions of '%s' for course '%s'", len(self.chosen)
            self.log.info(what, how_many, self.assignment, self.course)
        else:
            what = "No submissions of '%s' for course '%s' to collect"
            self.log.warning(what, self.assignment, self.course)
        self.note_lateness()
        self.each(self.chosen)

    def note_lateness(self) -> None:
        """Leave for autograding what late work costs, by the deadlines as they are now."""
        late.note(self.coursedir, self.assignment, self.lateness)
        own = [x.due for x in self.classroom.assignments(self.course) if x.name == self.assignment]
        # The caller's own may be an extension; the assignment's is the earliest of all.
        dues = [due for due in (*own, *(one.due for one in self.lateness)) if due]
        if late.set_due(self.coursedir, self.assignment, min(dues, default=None)):
            self.log.info("The gradebook's deadline of %s is the course's now", self.assignment)

    def one(self, student: str, submission: Submission) -> None:
        if not is_plain_name(student):
            raise ClassroomError(f"{student!a} can't be the name of a folder.")
        step = self.coursedir.submitted_directory
        dest = Path(self.coursedir.format_path(step, student, self.assignment))
        if dest.is_dir() and not self.replaces(dest, submission):
            hint = (
                "No newer submission to collect"
                if self.update
                else ("Submission already exists, use --update to update")
            )
            self.log.info("%s: %s %s", hint, student, self.assignment)
            return
        verb = "Updating" if dest.is_dir() else "Collecting"
        self.log.info("%s submission: %s %s", verb, student, self.assignment)
        with temporary_archive() as archive:
            self.classroom.fetch_submission(self.course, submission.id, archive)
            with staged(dest, replace=True) as folder:
                extract(archive, folder, max_bytes=self.max_bytes)
                _put_timestamp(folder, submission)

    def replaces(self, dest: Path, submission: Submission) -> bool:
        """Whether a submission goes in the place of what was collected before."""
        existing = collected(dest)
        # Older than what is there, too: the student may name the version to grade.
        return bool(self.update or self.before_duedate) and submission.received != existing


class ExchangeReleaseFeedback(EachStudent, ABCExchangeReleaseFeedback):
    """`nbgrader release_feedback`: upload the HTML of `feedback/<student>/<assignment>/`.

    It goes to the submission that was graded, which timestamp.txt names, with the score that
    nbgrader's own export would give: late penalties taken off; and with the points of each task.
    """

    def init_src(self) -> None:
        super().init_src()
        self.received = {
            (one.user, one.received): one
            for one in self.classroom.submissions(self.course, self.assignment)
        }

    def feedback_folders(self) -> dict[str, Path]:
        """Each student's folder that holds feedback."""
        step, name = self.coursedir.feedback_directory, self.assignment
        pattern = self.coursedir.format_path(step, "(?P<student>[^/]+)", name, escape=True)
        root = Path(self.coursedir.root)
        everything = self.coursedir.format_path(step, "*", name)
        found = {}
        for path in sorted(root.glob(str(Path(everything).relative_to(root)))):
            match = re.fullmatch(pattern, str(path))
            if match and self.wants_student(match["student"]) and any(path.glob("*.html")):
                found[match["student"]] = path
        return found

    def copy_files(self) -> None:
        chosen = {}
        self.folders = self.feedback_folders()
        for student, folder in self.folders.items():
            graded = collected(folder)
            submission = self.received.get((student, graded)) if graded else None
            if submission:
                chosen[student] = submission
            else:
                self.log.warning(
                    "%s has no submission of %s in the classroom; its feedback stays here: %s",
                    student,
                    graded or "an unknown time",
                    folder,
                )
        if not chosen:
            self.log.warning("No feedback of '%s' to release; generate it first", self.assignment)
        with Gradebook(self.coursedir.db_url, self.course) as self.gradebook:
            self.each(chosen)

    def one(self, student: str, submission: Submission) -> None:
        try:
            graded = self.gradebook.find_submission(self.assignment, student)
        except MissingEntry:
            raise ClassroomError("The gradebook has no score for this submission.") from None
        if _aware(graded.timestamp) != submission.received:
            raise ClassroomError(
                "The gradebook has the score of another submission than this feedback is about."
                " Autograde and generate the feedback again."
            )
        score = max(0.0, graded.score - graded.late_submission_penalty)

        def all_but_html(_: str, names: list[str]) -> list[str]:
            return [name for name in names if not fnmatch.fnmatch(name, "*.html")]

        with temporary_archive() as archive:
            pack(self.folders[student], archive, ignore=all_but_html, warn=self.log.warning)
            tasks.add(archive, tasks.points(graded))
            if self.is_out(submission, archive, (score, graded.max_score)):
                self.log.info("Feedback for student '%s' is released already", student)
                return
            self.classroom.put_feedback(
                self.course, submission.id, archive, score=score, max_score=graded.max_score
            )
        self.log.info(
            "Released feedback for student '%s' on assignment '%s/%s' (%s): %g of %g points",
            student,
            self.course,
            self.assignment,
            submission.timestamp,
            score,
            graded.max_score,
        )

    def is_out(self, submission: Submission, new: Path, points: tuple[float, float]) -> bool:
        """Whether the classroom has just this already; sent again, it would be news to a student.

        Formgrader's button releases everybody's, whoever's was regraded.
        """
        if submission.feedback is None or points != (submission.score, submission.max_score):
            return False
        with temporary_archive() as released:
            self.classroom.fetch_feedback(self.course, submission.id, released)
            return digests(released) == digests(new)


def collected(folder: Path) -> datetime | None:
    """When the submission in a folder was received, by its timestamp.txt; None if unknown."""
    try:
        text = (folder / "timestamp.txt").read_text(encoding="utf-8").strip()
        return _aware(parse_utc(text)) if text else None
    except (OSError, ValueError):
        return None


def _aware(when: datetime | None) -> datetime | None:
    # nbgrader keeps times in UTC without saying so.
    return when.replace(tzinfo=UTC) if when else None


def _put_timestamp(folder: Path, submission: Submission) -> None:
    path = folder / "timestamp.txt"
    if path.is_dir():
        shutil.rmtree(path)
    path.write_text(submission.timestamp, encoding="ascii")

"""What is graded becomes feedback that students see: pages, scores, and the points of each task."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from courses import archives
from courses.coursedir.feedback import generate_feedback
from courses.coursedir.folder import folder_of
from courses.coursedir.scores import Scored, scores
from courses.store import Store, submissions
from courses.store import courses as course_rows
from courses.store.audit import now
from courses.store.blobs import no_space
from courses.submissions import Feedback, Submission

# Where the points of each task are in an archive of feedback: docs/exchange-api.md.
TASKS = ".tasks.json"
# Imports are slow, and what is done is to be told of.
_AT_ONCE = 20


@dataclass(frozen=True)
class Planned:
    """What one person would get.

    Attributes:
        submission: the version that is graded.
        latest: whether that is the version to grade now.
        scored: what the gradebook has.
    """

    user: str
    submission: Submission
    latest: bool
    scored: Scored

    @property
    def waits(self) -> bool:
        """Whether some of it still waits to be graded by hand."""
        return self.scored.manual > 0

    @property
    def changes(self) -> bool:
        """Whether the score is another than the one that is out, or the first."""
        out = self.submission.feedback
        return out is None or (out.score, out.max_score) != (
            self.scored.score,
            self.scored.max_score,
        )

    @property
    def change(self) -> float | None:
        """By how much the points are others than those that are out; None where none are."""
        out = self.submission.feedback
        return None if out is None or out.score is None else self.scored.score - out.score


def plan(store: Store, slug: str, name: str) -> list[Planned]:
    """What publishing would give to whom, by name; whoever is graded is in it."""
    graded = scores(folder_of(store, slug), name)
    with store.reading() as session:
        course_rows.find_assignment(session, slug, name)
        everything = submissions.of_course(session, slug, assignment=name)
    versions = {(each.receipt.user, each.receipt.timestamp): each for each in everything}
    return [
        Planned(user, submission, submission.to_grade, scored)
        for user, scored in sorted(graded.items())
        if scored.submitted and (submission := versions.get((user, scored.submitted)))
    ]


def publish(
    store: Store,
    slug: str,
    name: str,
    *,
    everybody: bool,
    actor: str,
    tell: Callable[[int, int], object],
) -> list[str]:
    """Release feedback on all that is graded; return whose pages could not be made.

    What is out already just as it is now is not released again, so it is no news to a student.

    Args:
        everybody: also those of whom some waits to be graded by hand.
        tell: is told how many are done, of how many.

    Raises `GradeError`, `NotFound` and `NoSpace`.
    """
    planned = [each for each in plan(store, slug, name) if everybody or not each.waits]
    with store.reading() as session:
        value = course_rows.find_assignment(session, slug, name).value()
    missing, done = [], 0
    tell(0, len(planned))
    for some in _groups(planned):
        pages = generate_feedback(
            folder_of(store, slug),
            name,
            [each.user for each in some],
            hidden_tests=value.grading.hidden_tests_in_feedback,
        )
        for each in some:
            if each.user in pages:
                _release(store, slug, each, pages[each.user], actor)
            else:
                missing.append(each.user)
        done += len(some)
        tell(done, len(planned))
    return missing


def _groups(planned: Sequence[Planned]) -> Iterable[Sequence[Planned]]:
    for start in range(0, len(planned), _AT_ONCE):
        yield planned[start : start + _AT_ONCE]


def _release(store: Store, slug: str, planned: Planned, pages: Path, actor: str) -> None:
    scored = planned.scored
    with no_space(), tempfile.TemporaryDirectory(prefix="lesesal-") as scratch:
        packed = Path(scratch) / "feedback"
        packed.mkdir()
        for page in pages.glob("*.html"):
            shutil.copyfile(page, packed / page.name)
        (packed / TASKS).write_text(json.dumps([asdict(each) for each in scored.tasks]))
        archive = packed.with_suffix(".zip")
        archives.pack(packed, archive)
        blob = store.blobs.keep_file(archive)
    new = Feedback(now(), blob.sha256, scored.score, scored.max_score, scored.tasks)
    out = planned.submission.feedback
    if out and (out.sha256, out.score, out.max_score) == (blob.sha256, new.score, new.max_score):
        return
    with store.writing() as session:
        submissions.put_feedback(session, slug, planned.submission.receipt.id, new, actor=actor)

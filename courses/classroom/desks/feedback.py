"""Feedback: given by staff, read by whom it is for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter

from courses import archives
from courses.archives import Limits
from courses.classroom.desks.base import Upload
from courses.classroom.desks.handins import HandIns
from courses.course import Caller
from courses.errors import BadArchive, NotFound
from courses.language import gettext as _
from courses.store import Incoming, access, submissions
from courses.store.audit import now
from courses.submissions import Feedback, PackedFile, TaskPoints

# Where staff's side puts the points of each task: docs/exchange-api.md.
_TASKS = ".tasks.json"
_MAX_TASKS_BYTES = 1_000_000


class _Task(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=300)]
    score: FiniteFloat
    max_score: Annotated[FiniteFloat, Field(ge=0)]


_Tasks = TypeAdapter(Annotated[list[_Task], Field(max_length=2000)])


class FeedbackDesk(HandIns):
    """What comes back on submissions."""

    def give(
        self,
        who: Caller,
        slug: str,
        submission_id: str,
        score: float | None,
        max_score: float | None,
    ) -> Upload:
        """Staff releases feedback on a submission; the answer is the time."""
        with self.store.reading() as session:
            access.staff(session, slug, who)
            submissions.find(session, slug, submission_id)

        def finish(incoming: Incoming) -> datetime:
            files = archives.inspect(incoming.path, Limits(self.staff_max_bytes))
            tasks = _tasks_of(incoming.path, files)
            feedback = Feedback(now(), incoming.keep().sha256, score, max_score, tasks)
            with self.store.writing() as session:
                access.staff(session, slug, who)
                submissions.put_feedback(session, slug, submission_id, feedback, actor=who.name)
            return feedback.released

        return Upload(self.staff_max_bytes, finish)

    def read(self, who: Caller, slug: str, submission_id: str) -> Path:
        """The feedback's archive, for the submission's owner and for staff."""
        found = self.one(who, slug, submission_id).feedback
        if found is None:
            raise NotFound(_("Feedback on this submission is not released yet. Come back later."))
        return self.store.blobs.path(found.sha256)


def _tasks_of(archive: Path, files: tuple[PackedFile, ...]) -> tuple[TaskPoints, ...]:
    """The points of each task, where the archive tells of them. Raises `BadArchive`."""
    if all(each.path != _TASKS for each in files):
        return ()
    try:
        # What is larger is cut, and so no JSON any more.
        found = _Tasks.validate_json(archives.read(archive, _TASKS, _MAX_TASKS_BYTES))
    except ValueError:
        raise BadArchive(
            _(
                "The archive's {file} is not a list of tasks with name, score and max_score. "
                "Generate the feedback again, and release that.",
                file=_TASKS,
            )
        ) from None
    return tuple(TaskPoints(**each.model_dump()) for each in found)

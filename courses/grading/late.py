"""What late work costs in the classroom, through nbgrader's own hook.

The classroom reckons with each person's deadline and notes its answer in
``.lesesal/late/ASSIGNMENT.json`` of the course directory, as `nbgrader collect` does in a session:
``{student: {time of the hand-in: {"penalty": share of the points, …}}}``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import LateSubmissionPlugin
from traitlets.config import Config

NOTES = ".lesesal"


class NotedPenalties(LateSubmissionPlugin):
    """nbgrader's `AssignLatePenalties.plugin_class` where the classroom has noted penalties.

    A hand-in that it noted nothing of is left to nbgrader's own `penalty_method`.
    """

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """The points that a notebook loses; None for none."""
        asking = self.parent
        submitted = asking.gradebook.find_submission(asking.assignment_id, student_id).timestamp
        root = Path(CourseDirectory(parent=self).root)
        share = noted(root, asking.assignment_id, student_id, submitted)
        if share is None:
            return super().late_submission_penalty(student_id, score, total_seconds_late)
        notebook = asking.gradebook.find_submission_notebook(
            asking.notebook_id, asking.assignment_id, student_id
        )
        return min(score, share * notebook.max_score) or None


def plug_in(config: Config, root: Path, assignment: str) -> None:
    """Use the noted penalties where there are any and the course says nothing else."""
    if _path(root, assignment).is_file() and "plugin_class" not in config.AssignLatePenalties:
        config.AssignLatePenalties.plugin_class = NotedPenalties


def noted(root: Path, assignment: str, student: str, submitted: datetime | None) -> float | None:
    """The share of the points that was noted for a hand-in; None if nothing was.

    Args:
        submitted: as nbgrader keeps it, in UTC without saying so.
    """
    if submitted is None:
        return None
    try:
        found = json.loads(_path(root, assignment).read_text(encoding="utf-8"))
        return float(found[student][submitted.replace(tzinfo=UTC).isoformat()]["penalty"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _path(root: Path, assignment: str) -> Path:
    return root / NOTES / "late" / f"{assignment}.json"

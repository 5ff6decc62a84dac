"""What late work costs, through nbgrader's own hook."""

from __future__ import annotations

from pathlib import Path

from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import LateSubmissionPlugin

from .late import noted


class NotedPenalties(LateSubmissionPlugin):
    """nbgrader's `AssignLatePenalties.plugin_class` in a course of the classroom.

    A hand-in that nothing was noted of is left to nbgrader's own `penalty_method`.
    """

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """The points that a notebook loses; None for none.

        nbgrader asks only of work that is behind the assignment's own deadline.
        """
        asking = self.parent  # nbgrader's preprocessor: only it knows which notebook it is about
        assignment = asking.assignment_id
        submitted = asking.gradebook.find_submission(assignment, student_id).timestamp
        share = noted(Path(CourseDirectory(parent=self).root), assignment, student_id, submitted)
        if share is None:
            self.log.warning("%s was not collected from the classroom", student_id)
            return super().late_submission_penalty(student_id, score, total_seconds_late)
        notebook = asking.gradebook.find_submission_notebook(
            asking.notebook_id, assignment, student_id
        )
        return min(score, share * notebook.max_score) or None

"""What late work costs, by each person's own deadline, through nbgrader's own hook.

The classroom reckons: it knows the course's rule, the extensions and the grace. `collect` notes its
answer beside the gradebook, out of reach of what students hand in; `autograde` asks the plugin
here, which takes the noted share of a notebook's points off. An extension that is given after that
counts when one collects and autogrades again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import LateSubmissionPlugin as NbgradersPlugin

from .base import NOTES
from .values import Late

_FOLDER = "late"


class LateSubmissionPlugin(NbgradersPlugin):
    """nbgrader's `AssignLatePenalties.plugin_class` in a course of the classroom.

    A hand-in that the classroom knows nothing of is left to nbgrader's own `penalty_method`.
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


def note(coursedir: CourseDirectory, assignment: str, late: Iterable[Late]) -> None:
    """Keep what the classroom says of all hand-ins to an assignment, in place of what was there."""
    found: dict[str, dict[str, Any]] = {}
    for one in late:
        found.setdefault(one.user, {})[one.received.isoformat()] = {
            "due": one.due and one.due.isoformat(),
            "days": one.days,
            "penalty": one.penalty,
        }
    path = _path(Path(coursedir.root), assignment)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


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


def set_due(coursedir: CourseDirectory, assignment: str, due: datetime | None) -> bool:
    """Bring the gradebook's deadline in line with the classroom's; return whether it was not.

    nbgrader asks the plugin only of what is late by the gradebook, and course.toml may have changed
    since the course directory was made.
    """
    wanted = due and due.astimezone(UTC).replace(tzinfo=None)
    url = str(coursedir.db_url)
    file = url.removeprefix("sqlite:///")
    if file != url and not Path(file).exists():
        return False  # autograding will say so
    with Gradebook(url, str(coursedir.course_id)) as gradebook:
        try:
            row = gradebook.find_assignment(assignment)
        except MissingEntry:
            return False
        if row.duedate == wanted:
            return False
        row.duedate = wanted
        gradebook.db.commit()
        return True


def _path(root: Path, assignment: str) -> Path:
    return root / NOTES / _FOLDER / f"{assignment}.json"

"""What late work costs, by each person's own deadline.

The classroom reckons. `collect` notes its answer beside the gradebook; `autograde` asks nbgrader's
hook, which takes the noted share of a notebook's points off (`lesesal_nbgrader.late`). An extension
that is given after that counts when one collects and autogrades again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory

from lesesal_nbgrader.late import notes

from .values import Late


def note(coursedir: CourseDirectory, assignment: str, late: Iterable[Late]) -> None:
    """Keep what the classroom says of all hand-ins to an assignment, in place of what was there."""
    found: dict[str, dict[str, Any]] = {}
    for one in late:
        found.setdefault(one.user, {})[one.received.isoformat()] = {
            "due": one.due and one.due.isoformat(),
            "days": one.days,
            "penalty": one.penalty,
        }
    path = notes(Path(coursedir.root), assignment)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


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

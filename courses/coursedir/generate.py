"""The student versions of a course's assignments, made by nbgrader.

nbgrader changes the working directory and the environment of its process, and imports for seconds:
it runs in a child, ``python -m courses.coursedir.generate FOLDER``, one for all assignments. The
child reads what to do on its standard input and answers on its standard output, both JSON.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from courses.catalogue.folder import IGNORED
from courses.course import Course
from courses.coursedir import child
from courses.errors import GenerateError

GRADEBOOK = "gradebook.db"
_NOTEBOOK = re.compile(r"Converting notebook (.+)")


def generate(course: Course, source: Path, target: Path) -> None:
    """Make a course directory of nbgrader's in ``target``: source/, release/ and gradebook.db.

    Args:
        course: the course, whose assignments are generated.
        source: the folder with nbgrader's ``source/`` in it; it is copied, not changed.
        target: a new folder, made by this.

    Raises `GenerateError`, which names assignment and notebook.
    """
    target.mkdir(parents=True)
    (target / "source").mkdir()
    (target / "release").mkdir()
    for assignment in course.assignments:
        shutil.copytree(
            source / "source" / assignment.name,
            target / "source" / assignment.name,
            ignore=shutil.ignore_patterns(*IGNORED),
        )
    problems = _child(course, target)
    if problems:
        raise GenerateError("\n".join(problems))


def _child(course: Course, target: Path) -> list[str]:
    wanted = {
        "course": course.slug,
        "assignments": [
            {"name": each.name, "due": each.due and each.due.astimezone(UTC).isoformat()}
            for each in course.assignments
        ],
    }
    return list(child.ask("courses.coursedir.generate", target, wanted, GenerateError))


def explain(assignment: str, log: str, error: str) -> str:
    """A sentence from nbgrader's log and traceback of an assignment that failed."""
    notebooks = _NOTEBOOK.findall(log)
    where = f"source/{assignment}"
    if notebooks:
        where += f"/{Path(notebooks[-1].strip()).name}"
    raised = [
        line.strip()
        for line in f"{log}\n{error}".splitlines()
        if re.match(r"\s*([A-Za-z_]+\.)*[A-Za-z_]*(Error|Exception|Invalid\w*): \S", line)
        and "NbGraderException" not in line
    ]
    reason = raised[0].partition(": ")[2] if raised else _last_word(log)
    return f"{where}: nbgrader says: {reason.rstrip('.')}."


def _last_word(log: str) -> str:
    lines = [line for line in log.splitlines() if line.startswith(("[ERROR]", "[WARNING]"))]
    return lines[0].partition("] ")[2] if lines else "it failed without a reason"


def _main(folder: Path, wanted: dict[str, object]) -> list[str]:
    from nbgrader.api import Gradebook
    from nbgrader.apps import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.course_id = wanted["course"]
    database = f"sqlite:///{folder / GRADEBOOK}"
    config.CourseDirectory.db_url = database
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    problems = []
    assignments: Iterable[dict[str, str | None]] = wanted["assignments"]  # type: ignore[assignment]
    with Gradebook(database, str(wanted["course"])) as gradebook:
        for assignment in assignments:
            due = assignment["due"]
            # The gradebook's times are in UTC and have no zone.
            naive = datetime.fromisoformat(due).replace(tzinfo=None) if due else None
            gradebook.update_or_create_assignment(assignment["name"], duedate=naive)
    for assignment in assignments:
        name = str(assignment["name"])
        result = api.generate_assignment(name, force=True, create=True)
        if not result["success"]:
            problems.append(explain(name, result.get("log", ""), result.get("error", "")))
    return problems


if __name__ == "__main__":
    answer = sys.stdout
    sys.stdout = sys.stderr  # whatever a library prints is not the answer
    json.dump(_main(Path(sys.argv[1]), json.load(sys.stdin)), answer)

"""A run of grading for the classroom, in a process of its own.

``python -m courses.coursedir.work KIND COURSE ASSIGNMENT … -- OPTIONS``. It ends with the
process that started it, and tells what it does as `courses.grading.report` has it. To grade, it
collects, and then becomes ``lesesal grade``.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from courses.course import MB, Course
from courses.coursedir import child, visible
from courses.coursedir.collect import Collected, collect
from courses.coursedir.folder import copy_for_trial, prepare
from courses.coursedir.publish import publish
from courses.environments.shelf import Shelf
from courses.errors import CourseError, GradeError
from courses.grades import Grading, Progress, State
from courses.grading.again import CLASS_SAMPLE
from courses.grading.report import progress_json
from courses.language import gettext as _
from courses.store import Store
from courses.store import courses as course_rows
from lesesal_nbgrader.late import NOTES

_PR_SET_PDEATHSIG = 1


def work(store: Store, wanted: argparse.Namespace) -> list[str]:
    """Do it, as far as this process does; return what it becomes then, or nothing."""
    slug, name = wanted.course, wanted.assignment
    if wanted.kind == "publish":
        began = time.monotonic()

        def tell(done: int, total: int) -> None:
            seconds = time.monotonic() - began
            _say(progress_json(Progress(total, 0, {State.GRADED: done}, seconds)))

        missing = publish(
            *(store, slug, name),
            everybody=wanted.everybody,
            actor=wanted.actor,
            tell=tell,
        )
        if missing:
            raise GradeError(
                _(
                    "All others have their feedback; of these the pages could not be made: "
                    "{people}. Grade them again.",
                    people=", ".join(missing),
                )
            )
        return []
    if wanted.kind == "check":
        folder = visible.prepare(store, slug, name, wanted.only.split(","))
        return _engine(store, folder, wanted)
    trial = wanted.kind == "preview"
    folder = prepare(store, slug, copy_for_trial(store, slug) if trial else None)
    found = collect(store, slug, name, folder)
    _say(
        {
            "event": "collected",
            "total": found.total,
            "new": len(found.new),
            "says": _lost(found) if found.lost else "",
        }
    )
    if wanted.kind == "collect" or not found.total:
        return []
    return _engine(store, folder, wanted)


def _engine(store: Store, folder: Path, wanted: argparse.Namespace) -> list[str]:
    with store.reading() as session:
        course = course_rows.get_course(session, wanted.course)
        row = course_rows.find_assignment(session, wanted.course, wanted.assignment)
        options = [*_options(row.value().grading), *_datasets(course), *wanted.engine]
    if course.environment:
        options += ["--python", str(_python(wanted.environments, course.slug))]
    _wait_for_another(folder, wanted.assignment)
    if wanted.kind == "tests":
        options += ["--again", "2", "--sample", str(CLASS_SAMPLE)]
    everybody = wanted.everybody or wanted.kind == "preview"
    return engine(folder, wanted.assignment, everybody=everybody, options=options)


def _wait_for_another(folder: Path, name: str) -> None:
    """The engine of a classroom that was killed takes a moment to end."""
    lock = folder / NOTES / "grading" / name / "lock"  # courses.grading.place
    if lock.exists():
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)


def _python(environments: Path, slug: str) -> Path:
    """Of the environment that the course's sessions get."""
    shelf = Shelf(environments, slug)
    version = shelf.current()
    if not version:
        raise GradeError(
            _(
                "The course names an environment, and there is none in {folder}. Ask the people "
                "who run this service to build it: lesesal env build",
                folder=environments,
            )
        )
    return shelf[version] / "bin" / "python"


def _options(grading: Grading) -> list[str]:
    """What course.toml says, for the engine."""
    limits = grading.limits
    return [
        *(["--preload", ",".join(grading.preload)] if grading.preload else []),
        *(["--gpus", str(grading.gpus)] if grading.gpus else []),
        *("--seconds", str(limits.seconds), "--cell-seconds", str(limits.cell_seconds)),
        *("--memory-mb", str(max(1, limits.memory_bytes // MB))),
    ]


def _datasets(course: Course) -> list[str]:
    found = (f"{course.slug}/{each.name}={each.source}" for each in course.datasets)
    return [part for each in found for part in ("--dataset", each)]


def engine(folder: Path, name: str, *, everybody: bool, options: Sequence[str]) -> list[str]:
    """The command that grades what was collected."""
    force = ["--force"] if everybody else []
    return [
        *(sys.executable, "-m", "courses.cli", "grade", str(folder), name, "--progress-json"),
        *force,
        *options,
    ]


def _lost(found: Collected) -> str:
    return _(
        "What these people handed in is not on the classroom's disk, so it cannot be graded: "
        "{people}. Tell the people who run this service.",
        people=", ".join(found.lost),
    )


def _say(event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m courses.coursedir.work")
    parser.add_argument(
        "kind", choices=("collect", "grade", "publish", "preview", "tests", "check")
    )
    parser.add_argument("course")
    parser.add_argument("assignment")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--actor", default="")
    parser.add_argument("--everybody", action="store_true")
    parser.add_argument("--only", default="", help="what is to be checked, with commas between")
    own, engine_options = argv, []
    if "--" in argv:
        at = argv.index("--")
        own, engine_options = argv[:at], [*argv[at + 1 :]]
    wanted = parser.parse_args(own)
    wanted.engine = engine_options
    # It stays when this becomes another program.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != wanted.parent:
        return 1
    try:
        store = Store.of_home(wanted.home)
        try:
            then = work(store, wanted)
        finally:
            store.close()
    except CourseError as error:
        _say({"event": "error", "says": str(error)})
        return 1
    if then:
        folder = then[4]
        os.execve(then[0], then, child.environment(Path(folder)))  # noqa: S606  as it is meant
    _say({"event": "end", "seconds": 0.0})
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))

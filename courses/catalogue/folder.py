"""A folder of files becomes a `Course`, or a list of all that is wrong with it."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from courses.catalogue import lines, requirements
from courses.catalogue.model import CourseModel, sentence
from courses.course import Course, LateRule
from courses.datasets import Dataset
from courses.errors import CatalogueError

FILE = "course.toml"
# Folders that Jupyter and Python make beside the sources.
IGNORED = frozenset({".ipynb_checkpoints", "__pycache__"})


def load(folder: Path) -> Course:
    """Read and check a course's folder.

    Raises `CatalogueError` with one sentence for each problem, which begins with where it is:
    ``course.toml line 12, assignments[1].due: …`` or ``source/ps1: …``.
    """
    text = _text(folder)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError([_syntax(text, str(error))]) from error
    try:
        course = CourseModel.model_validate(data).value()
    except ValidationError as error:
        found = [(lines.line_of(text, e["loc"]), e["loc"], sentence(e)) for e in error.errors()]
        problems = [_problem(*each) for each in sorted(found, key=lambda each: each[0])]
        raise CatalogueError(problems) from error
    bad: list[str] = []
    if course.environment:
        environment, bad = requirements.read(folder, course.environment)
        course = replace(course, environment=environment)
    bad = [*_duplicates(text, course), *_late(text, course), *_sources(folder, course), *bad]
    bad += _datasets(folder, text, course)
    if bad:
        raise CatalogueError(bad)
    return replace(course, datasets=tuple(_placed(folder, each) for each in course.datasets))


def digest(folder: Path) -> str:
    """A digest of everything that makes the course.

    That is ``course.toml``, its requirements file and the assignments' files in ``source/``. The
    same files give the same digest, wherever they are and whenever they were written.
    """
    total = hashlib.sha256()
    course = load(folder)
    files = [folder / FILE]
    for each in sorted(course.assignments, key=lambda each: each.name):
        files += files_of(folder, each.name)
    if course.environment:
        files.append(folder / course.environment.requirements)
    for path in files:
        name = path.relative_to(folder).as_posix().encode()
        content = hashlib.sha256(path.read_bytes()).digest()
        total.update(len(name).to_bytes(4, "big") + name + content)
    return total.hexdigest()


def files_of(folder: Path, assignment: str) -> list[Path]:
    """The files of an assignment that make the course, sorted; not what editors leave beside."""
    found = (path for path in (folder / "source" / assignment).rglob("*") if path.is_file())
    return sorted(path for path in found if not IGNORED.intersection(path.parts))


def _text(folder: Path) -> str:
    if not folder.is_dir():
        raise CatalogueError([f"{folder} is not a folder. Give the folder that has {FILE} in it."])
    try:
        return (folder / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CatalogueError([f"{folder} has no {FILE}. Write one there."]) from None
    except UnicodeDecodeError as error:
        raise CatalogueError([f"{FILE}: is not UTF-8 text. Save it as UTF-8."]) from error
    except OSError as error:
        raise CatalogueError([f"{FILE}: cannot be read: {error.strerror}."]) from error


def _syntax(text: str, message: str) -> str:
    """tomllib writes ``Invalid value (at line 3, column 5)`` or ``… (at end of document)``."""
    what, _, where = message.rpartition(" (at ")
    where = where.removesuffix(")")
    if where == "end of document":
        where = f"line {len(text.splitlines())}"
    return f"{FILE} {where}: {what}."


def _problem(line: int, location: tuple[int | str, ...], text: str) -> str:
    field = ""
    for part in location:
        field += f"[{part}]" if isinstance(part, int) else f".{part}"
    return f"{FILE} line {line}, {field.removeprefix('.')}: {text}"


def _duplicates(text: str, course: Course) -> list[str]:
    problems, seen = [], set[str]()
    for index, assignment in enumerate(course.assignments):
        if assignment.name in seen:
            where = ("assignments", index, "name")
            what = f"{assignment.name!r} is there already. Give each assignment its own name."
            problems.append(_problem(lines.line_of(text, where), where, what))
        seen.add(assignment.name)
    return problems


def _datasets(folder: Path, text: str, course: Course) -> list[str]:
    """Only what is in the course's folder has to be here; the rest may be on a cluster."""
    problems, seen = [], set[str]()
    for index, each in enumerate(course.datasets):
        if each.name in seen:
            what = f"{each.name!r} is there already. Give each dataset its own name."
            where = ("datasets", index, "name")
            problems.append(_problem(lines.line_of(text, where), where, what))
        seen.add(each.name)
        inside = not Path(each.source).is_absolute()
        if inside and not Path(_placed(folder, each).source).is_relative_to(folder.resolve()):
            what = f"{each.source!r} is outside the course's folder. Give the whole path."
        elif inside and not (folder / each.source).exists():
            what = f"{each.source!r} is not in the course's folder. Put it there."
        else:
            continue
        where = ("datasets", index, "source")
        problems.append(_problem(lines.line_of(text, where), where, what))
    return problems


def _placed(folder: Path, dataset: Dataset) -> Dataset:
    """With its whole path; one that is whole is for the machines that execute, and stays."""
    if Path(dataset.source).is_absolute():
        return dataset
    return replace(dataset, source=str((folder / dataset.source).resolve()))


def _late(text: str, course: Course) -> list[str]:
    problems = []
    for index, each in enumerate(course.assignments):
        if each.late is LateRule.PENALTY and not each.penalty_per_day:
            what = "needs penalty_per_day too, the share of the points that a day costs, like 0.1."
        elif each.penalty_per_day and each.late is not LateRule.PENALTY:
            what = 'has a penalty_per_day, which needs late = "penalty".'
        else:
            continue
        where = ("assignments", index, "late")
        problems.append(_problem(lines.line_of(text, where), where, what))
    return problems


def _sources(folder: Path, course: Course) -> list[str]:
    problems = []
    for assignment in course.assignments:
        place = folder / "source" / assignment.name
        name = f"source/{assignment.name}"
        if not place.is_dir():
            problems.append(f"{name}: is missing. Put the assignment's notebooks in this folder.")
            continue
        if not any(path.is_file() for path in place.glob("*.ipynb")):
            problems.append(f"{name}: has no notebook. Put at least one .ipynb file there.")
        problems += [
            f"{path.relative_to(folder).as_posix()}: is a symbolic link. Put a copy there."
            for path in sorted(place.rglob("*"))
            if path.is_symlink()
        ]
    return problems

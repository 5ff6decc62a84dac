"""A course's course directory on the hub's side: one for all its staff.

``gradebooks/<course>/`` in the classroom's state folder, as nbgrader has it: source/, release/,
submitted/, autograded/, feedback/ and gradebook.db. What is ours beside it is in ``.lesesal/``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from courses import archives
from courses.archives import Limits
from courses.coursedir import renew
from courses.coursedir.generate import GRADEBOOK
from courses.errors import GradeError
from courses.language import gettext as _
from courses.store import Store
from courses.store import courses as course_rows
from courses.store.blobs import no_space, sync_folder
from lesesal_nbgrader.late import NOTES

_NOTE = "course.json"
_BY_STUDENT = ("submitted", "autograded", "feedback")
_BY_ASSIGNMENT = ("source", "release")
# What a course directory holds was packed here, and is not a stranger's.
OURS = Limits(bytes=10**12, files=10**6)


def folder_of(store: Store, slug: str) -> Path:
    """Where a course's is, or will be."""
    return gradebooks(store.blobs.root.parent) / slug


def unpack(store: Store, directory: str, target: Path) -> None:
    """Unpack a course directory as it was stored. Raises `GradeError` unless it is there whole."""
    with contextlib.suppress(FileNotFoundError):
        archives.extract(store.blobs.path(directory), target, OURS)
        if (target / GRADEBOOK).is_file() and (target / "source").is_dir():
            return
    shutil.rmtree(target, ignore_errors=True)
    raise GradeError(_("The course's files are not here any more. Bring in the course again."))


def gradebooks(home: Path) -> Path:
    """The course directories of a state folder."""
    return home / "gradebooks"


def prepare(store: Store, slug: str, folder: Path | None = None) -> Path:
    """Make a course's course directory, or bring it up to date; return it.

    Args:
        folder: another one than the course's own, for a trial.

    Source, release and the gradebook's cells become those of the course as it came in last; what
    is graded stays, also under an assignment's new name. An assignment that was withdrawn stays as
    it is. It can be killed and run again. Raises `NotFound` and `GradeError`.
    """
    with store.reading() as session:
        row = course_rows.find_course(session, slug)
        directory = row.directory
        names = {str(each.id): each.name for each in row.assignments}
    folder = folder or folder_of(store, slug)
    with locked(folder), no_space():
        note = _noted(folder)
        if note == {"directory": directory, "assignments": names}:
            return folder
        scratch = folder.with_name(f".{folder.name.lstrip('.')}.new")
        shutil.rmtree(scratch, ignore_errors=True)
        unpack(store, directory, scratch)
        if not folder.exists():
            _note(scratch, directory, names)
            scratch.rename(folder)
            sync_folder(folder.parent)
            return folder
        known = dict(note.get("assignments", {}))
        for number, old, new in _renames(known, names):
            _rename(folder, old, new)
            known[number] = new
            _note(folder, "", known)
        for each in _BY_ASSIGNMENT:
            for given in sorted((scratch / each).glob("*/")):
                _replace(folder / each / given.name, given)
        renew.change(folder, {"cells": str(scratch / GRADEBOOK)})
        _note(folder, directory, names)
        shutil.rmtree(scratch)
    return folder


def trial_of(store: Store, slug: str) -> Path:
    """Where a course's is tried out, beside its own."""
    return gradebooks(store.blobs.root.parent) / f".{slug}.trial"


def copy_for_trial(store: Store, slug: str) -> Path:
    """A copy of a course's course directory, without what people handed in; return it."""
    folder, trial = prepare_once(store, slug), trial_of(store, slug)
    with locked(trial), no_space():
        shutil.rmtree(trial, ignore_errors=True)
        (trial / NOTES).mkdir(mode=0o700, parents=True)
        copy_gradebook(folder / GRADEBOOK, trial / GRADEBOOK)
        for each in _BY_ASSIGNMENT:
            shutil.copytree(folder / each, trial / each)
        shutil.copyfile(folder / NOTES / _NOTE, trial / NOTES / _NOTE)
    return trial


def copy_gradebook(path: Path, target: Path) -> None:
    """A copy of one moment, whoever writes to the gradebook meanwhile."""
    with (
        closing(sqlite3.connect(path, timeout=60)) as book,
        closing(sqlite3.connect(target)) as copy,
    ):
        book.backup(copy)


def prepare_once(store: Store, slug: str) -> Path:
    """A course's course directory as it is; made where it is not there yet."""
    folder = folder_of(store, slug)
    return folder if (folder / GRADEBOOK).is_file() else prepare(store, slug)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else changes a course directory's files meanwhile; waits for who does."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _noted(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / NOTES / _NOTE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def _note(folder: Path, directory: str, names: dict[str, str]) -> None:
    """What the course directory is made of: the packed one, and its assignments by number."""
    write(folder / NOTES / _NOTE, {"directory": directory, "assignments": names})


def write(path: Path, value: object) -> None:
    """Put JSON in a file, at once."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


def _renames(known: dict[str, str], names: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Number, old and new name, in an order in which no name is taken."""
    known = dict(known)
    while waiting := [each for each in known if names.get(each, known[each]) != known[each]]:
        taken = set(known.values())
        free = [each for each in waiting if names[each] not in taken]
        number = (free or waiting)[0]
        new = names[number] if free else f"{known[number]}.{number}"  # they swap: one steps aside
        yield number, known[number], new
        known[number] = new


def _rename(folder: Path, old: str, new: str) -> None:
    places = [folder / each / old for each in _BY_ASSIGNMENT]
    for step in _BY_STUDENT:
        places += sorted((folder / step).glob(f"*/{old}/"))
    for place in places:
        if place.is_dir():
            place.rename(place.with_name(new))
    for place in sorted((folder / NOTES).glob("*/")):
        for end in ("", ".json"):
            if (note := place / f"{old}{end}").exists():
                note.rename(place / f"{new}{end}")
    renew.change(folder, {"renamed": {old: new}})


def _replace(place: Path, given: Path) -> None:
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.exists():
        place.rename(old)
    given.rename(place)
    shutil.rmtree(old, ignore_errors=True)

"""What is to be graded goes to a course directory: files, times, and what late work costs."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from courses.course import Assignment
from courses.coursedir import renew
from courses.coursedir.folder import folder_of, gradebooks, locked, write
from courses.coursedir.scores import due_of
from courses.deadlines import Lateness, lateness
from courses.store import Store, deadlines, submissions
from courses.store import courses as course_rows
from courses.store.blobs import no_space
from courses.submissions import Submission, iso
from lesesal_nbgrader.late import NOTES, notes

TIMESTAMP = "timestamp.txt"
# What is a person's; the last is what tells that there is something.
_STEPS = ("feedback", "autograded", "submitted")


@dataclass(frozen=True)
class Collected:
    """What collecting did.

    Attributes:
        total: how many people have handed in.
        new: whose work is there for the first time, or in another version.
        gone: whose is not in the classroom any more.
        lost: whose files are not on the classroom's disk, or whose name can be no folder's.
    """

    total: int
    new: tuple[str, ...]
    gone: tuple[str, ...]
    lost: tuple[str, ...]


def collect(store: Store, slug: str, name: str, folder: Path | None = None) -> Collected:
    """Bring ``submitted/`` of an assignment, and what late work costs, in line with the store.

    Each person's version to grade, where it is not there already. The course directory must be
    there (`courses.coursedir.folder.prepare`). Raises `NotFound` and `NoSpace`.

    Args:
        folder: another course directory than the course's own, for a trial.
    """
    with store.reading() as session:
        row = course_rows.find_assignment(session, slug, name)
        everything = submissions.of_course(session, slug, assignment=name)
        own = deadlines.assignment_for_each(
            session, row, {each.receipt.user for each in everything}
        )
        value, zone = row.value(), row.course.timezone
    late = {
        each.receipt.id: lateness(own[each.receipt.user], each.receipt.timestamp, zone)
        for each in everything
    }
    folder = folder or folder_of(store, slug)
    with locked(folder), no_space():
        _note_lateness(folder, value, everything, own, late)
        wanted = {each.receipt.user: each for each in everything if each.to_grade}
        new, lost = [], []
        for user, submission in sorted(wanted.items()):
            try:
                if take(store, folder / "submitted" / user / name, submission):
                    new.append(user)
                    # nbgrader grades what is newer; the version to grade may be an older one.
                    shutil.rmtree(folder / "autograded" / user / name, ignore_errors=True)
            except (FileNotFoundError, ValueError):
                lost.append(user)
        gone = _forget(folder, name, set(wanted))
    return Collected(len(wanted), tuple(new), tuple(gone), tuple(lost))


def collected(folder: Path, student: str, name: str) -> datetime | None:
    """When the version that was collected had been handed in; None without one."""
    try:
        text = (folder / "submitted" / student / name / TIMESTAMP).read_text(encoding="ascii")
        return datetime.fromisoformat(text.strip())
    except (OSError, ValueError):
        return None


def forget(store: Store, user: str, kept: Collection[tuple[str, str]]) -> None:
    """Remove what all course directories have of a person, but for some courses' assignments.

    Raises `GradeError`.
    """
    root = gradebooks(store.blobs.root.parent)
    for folder in sorted(root.glob("*/")):
        if folder.name.endswith((".visible", ".trial")):
            with locked(folder):
                shutil.rmtree(folder)  # it is made again
        elif not user.startswith("."):
            _forget_in(folder, user, [name for slug, name in kept if slug == folder.name])


def _forget_in(folder: Path, user: str, kept: Collection[str]) -> None:
    with locked(folder):
        found = [folder / step / user for step in _STEPS if (folder / step / user).is_dir()]
        for place in found:
            for each in place.iterdir():
                if each.name not in kept:
                    shutil.rmtree(each, ignore_errors=True)
            if not any(place.iterdir()):
                place.rmdir()
        if found:
            # What the engine and the late penalties have noted by name; it is made again.
            for note in ("grading", "tests", "late"):
                shutil.rmtree(folder / NOTES / note, ignore_errors=True)
        if found and not any(place.exists() for place in found):
            renew.change(folder, {"forgotten": [user]})


def _note_lateness(
    folder: Path,
    value: Assignment,
    everything: Sequence[Submission],
    own: Mapping[str, Assignment],
    late: Mapping[str, Lateness],
) -> None:
    """For nbgrader's hook, which asks only of what is late by the gradebook's own deadline."""
    found: dict[str, dict[str, object]] = {}
    for each in everything:
        receipt, due = each.receipt, own[each.receipt.user].due
        found.setdefault(receipt.user, {})[receipt.timestamp.astimezone(UTC).isoformat()] = {
            "due": due and iso(due),
            "days": late[receipt.id].days,
            "penalty": late[receipt.id].penalty,
        }
    write(notes(folder, value.name), found)
    dues = [due for due in (value.due, *(each.due for each in own.values())) if due]
    earliest = min(dues).astimezone(UTC) if dues else None
    if due_of(folder, value.name) != earliest:
        naive = earliest.replace(tzinfo=None).isoformat() if earliest else None
        renew.change(folder, {"due": {value.name: naive}})


def take(store: Store, place: Path, submission: Submission) -> bool:
    """Copy a hand-in to its place, whole or not at all; False when it is there already.

    Raises `FileNotFoundError` for a file that is lost, `ValueError` for a name no folder can have.
    """
    receipt = submission.receipt
    if receipt.user.startswith(".") or "\\" in receipt.user:
        raise ValueError(receipt.user)
    stamp = iso(receipt.timestamp)
    timestamp = place / TIMESTAMP
    if timestamp.is_file() and timestamp.read_text(errors="replace").strip() == stamp:
        return False
    new = place.with_name(f".{place.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700, parents=True)
    for file in receipt.files:
        if file.path.split("/")[0] == TIMESTAMP:
            continue  # that name is nbgrader's
        target = new / file.path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(store.blobs.path(file.sha256), target)
    # Last: what has none is copied again.
    (new / TIMESTAMP).write_text(stamp, encoding="ascii")
    shutil.rmtree(place, ignore_errors=True)
    new.rename(place)
    return True


def _forget(folder: Path, name: str, known: Collection[str]) -> list[str]:
    """Whose work the classroom does not have any more: it goes here too."""
    gone = [
        place.parent.name
        for place in sorted((folder / "submitted").glob(f"*/{name}/"))
        if place.parent.name not in known
    ]
    for user in gone:
        for step in _STEPS:
            shutil.rmtree(folder / step / user / name, ignore_errors=True)
    if gone:
        for note in ("grading", "tests"):
            shutil.rmtree(folder / NOTES / note / name, ignore_errors=True)
    left = [user for user in gone if not any((folder / "submitted" / user).iterdir())]
    if left:
        renew.change(folder, {"forgotten": left})
        for user in left:
            for step in _STEPS:
                shutil.rmtree(folder / step / user, ignore_errors=True)
    return gone

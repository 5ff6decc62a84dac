"""Fetch, submit, read the feedback."""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import Any

from nbgrader.exchange.abc import ExchangeFetchAssignment as ABCExchangeFetchAssignment
from nbgrader.exchange.abc import ExchangeFetchFeedback as ABCExchangeFetchFeedback
from nbgrader.exchange.abc import ExchangeSubmit as ABCExchangeSubmit

from .archives import Packed, extract, names_in, scratch, staged
from .base import Exchange, temporary_archive
from .notes import FEEDBACK_NOTE, NOTES, RELEASE_NOTE, feedback_note, release_note
from .values import Assignment, Receipt, for_people


class StudentExchange(Exchange):
    """What the student's three have in common: one released assignment, and its folder."""

    target: Assignment

    def init_src(self) -> None:
        super().init_src()
        self.check_own()
        self.target = self.find(self.assignment)

    def find(self, name: str) -> Assignment:
        """The assignment as the classroom lists it; it must be released or have been."""
        known = {
            one.name: one
            for one in self.classroom.assignments(self.course)
            if one.released or one.submissions
        }
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            self.fail(f"{self.course} has no released assignment named {name!r}.{hint}")
        return known[name]

    def note_release(self, folder: Path, notebooks: list[str]) -> None:
        """Remember what was released, so that submitting need not download it again."""
        if self.target.released:
            note = {
                "course": self.course,
                "released": self.target.released.isoformat(),
                "notebooks": notebooks,
            }
            _write(folder / NOTES / RELEASE_NOTE, note)


class ExchangeFetchAssignment(StudentExchange, ABCExchangeFetchAssignment):
    """`nbgrader fetch_assignment`: the released version becomes a folder, whole or not at all."""

    def init_dest(self) -> None:
        self.dest_path = self.assignment_folder(self.course, self.assignment)
        if other := self.other_course(self.dest_path, self.course):
            self.fail(
                f"The folder {self.dest_path} holds an assignment of the course {other}. Rename it,"
                " then fetch again."
            )
        if self.dest_path.exists() and not self.replace_missing_files:
            self.fail(
                f"You already have a copy of the assignment: {self.dest_path}. With --replace,"
                " files that are missing from it are fetched again."
            )

    def copy_files(self) -> None:
        with temporary_archive() as archive:
            self.classroom.fetch_release(self.course, self.assignment, archive)
            if self.dest_path.exists():
                self.fetch_missing(archive)
            else:
                with staged(self.dest_path) as folder:
                    self.note_release(folder, _notebooks(extract(archive, folder)))
        due = f", due {for_people(self.target.due)}" if self.target.due else ""
        self.log.info("Fetched as: %s %s%s", self.course, self.assignment, due)

    def fetch_missing(self, archive: Path) -> None:
        """Put back the files that are gone; those that are there stay as they are."""
        with scratch(self.dest_path) as folder:
            names = extract(archive, folder)
            for name in names:
                path = self.dest_path / name
                if not os.path.lexists(path):
                    self.log.warning("Replacing missing file '%s'", path)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).rename(path)
        self.note_release(self.dest_path, _notebooks(names))


class ExchangeSubmit(StudentExchange, ABCExchangeSubmit):
    """`nbgrader submit`: one upload, answered with a receipt."""

    receipt: Receipt

    def init_src(self) -> None:
        # Like nbgrader's own, this takes the path of a folder as well as its name.
        self.src_path = self.assignment_folder(self.course, self.assignment)
        self.coursedir.assignment_id = self.src_path.name
        if not self.src_path.is_dir():
            self.fail(f"There is no folder {self.src_path} to submit.")
        if other := self.other_course(self.src_path, self.course):
            self.fail(
                f"The folder {self.src_path} holds an assignment of the course {other}, and this"
                f" session is for {self.course}. Nothing was submitted."
            )
        super().init_src()

    def copy_files(self) -> None:
        with self.packed(self.src_path, self.target.max_bytes) as (archive, packed):
            self.check_notebooks(packed)
            receipt = self.classroom.submit(self.course, self.assignment, archive)
        if receipt.content != packed.content:
            self.fail(
                f"The classroom received something else than was sent (receipt {receipt.id})."
                " Submit again."
            )
        self.receipt = receipt
        self.timestamp = receipt.received.strftime(self.timestamp_format)
        if any(one.id == receipt.id for one in self.target.submissions):
            self.log.info("These files were handed in before; nothing changed since.")
        self.log.info("Submitted as: %s %s %s", self.course, self.assignment, self.timestamp)
        self.log.info("Receipt: %s", receipt.in_words())
        self.keep(receipt)

    def keep(self, receipt: Receipt) -> None:
        """Put the receipt with the work. Failing at it must not look like a failed submission."""
        name = receipt.received.strftime("%Y%m%dT%H%M%S.%fZ.json")
        path = self.src_path / NOTES / "receipts" / name
        try:
            _write(path, dict(receipt.text))
        except OSError as err:
            self.log.warning(
                "It was submitted, but the receipt could not be written to %s (%s).",
                path,
                err.strerror,
            )
        else:
            self.log.info("The receipt is in %s", path)

    def check_notebooks(self, packed: Packed) -> None:
        """Compare with what was released; missing notebooks end it if `strict`, as in nbgrader."""
        released, submitted = self.released_notebooks(), packed.notebooks
        expected = [f"{x}: {'FOUND' if x in submitted else 'MISSING'}" for x in released]
        found = [f"{x}: {'OK' if x in released else 'EXTRA'}" for x in submitted]
        if released == submitted:
            return
        lists = "Expected:\n\t{}\nSubmitted:\n\t{}".format(
            "\n\t".join(expected), "\n\t".join(found)
        )
        if self.strict and not set(released) <= set(submitted):
            self.fail(
                f"Assignment {self.assignment} not submitted. There are missing notebooks for the"
                f" submission:\n{lists}"
            )
        self.log.warning(
            "Possible missing notebooks and/or extra notebooks submitted for assignment %s:\n%s",
            self.assignment,
            lists,
        )

    def released_notebooks(self) -> list[str]:
        """The notebooks of the released version: noted when it was fetched, or fetched now."""
        if not self.target.released:
            return []
        note = release_note(self.src_path)
        if note.get("released") == self.target.released.isoformat():
            return [str(name) for name in note.get("notebooks", [])]
        with temporary_archive() as archive:
            self.classroom.fetch_release(self.course, self.assignment, archive)
            notebooks = _notebooks(names_in(archive))
        self.note_release(self.src_path, notebooks)
        return notebooks


class ExchangeFetchFeedback(StudentExchange, ABCExchangeFetchFeedback):
    """`nbgrader fetch_feedback`: to `<assignment>/feedback/<timestamp>/`, for each submission."""

    def copy_files(self) -> None:
        if not any(one.feedback for one in self.target.submissions):
            self.log.warning("There is no feedback for %s %s yet", self.course, self.assignment)
        for one in self.target.submissions:
            if one.feedback is None:
                self.log.debug("No feedback for the submission of %s", one.timestamp)
                continue
            folder = self.feedback_folder(self.course, self.assignment, one)
            if feedback_note(folder) == one.feedback.isoformat() and any(folder.glob("*.html")):
                self.log.info("Feedback already fetched: %s", folder)
                continue
            with temporary_archive() as archive:
                self.classroom.fetch_feedback(self.course, one.id, archive)
                with staged(folder, replace=True) as new:
                    extract(archive, new)
                    (new / FEEDBACK_NOTE).write_text(one.feedback.isoformat(), encoding="ascii")
            score = "" if one.score is None else f" ({one.score:g} of {one.max_score:g} points)"
            self.log.info("Fetched feedback: %s%s", folder, score)


def _notebooks(names: list[str]) -> list[str]:
    return sorted(name for name in names if name.endswith(".ipynb"))


def _write(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)

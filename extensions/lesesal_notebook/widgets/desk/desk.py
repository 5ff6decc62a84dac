"""`desk()`: the course at a glance, in a notebook and in plain Python.

    from lesesal_notebook import desk

    desk()                      # a widget; without a frontend, a table
    desk().assignments          # as values
    desk().submit("ps1")        # a receipt

What it does is done by nbgrader's own classes (`work`), so that all their checks hold.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ...exchange import values
from . import ask
from .errand import Errands, Step
from .values import DeskError, Entry, Problem, Receipt, Session, Validation
from .words import _, as_text

# Seconds. For this long, what is known serves everybody who asks in Python.
FRESH = 5.0
# And this long the first look may take before the widget is shown without it.
GLANCE = 1.5


@dataclasses.dataclass(frozen=True)
class Known:
    """What was found when somebody last looked.

    Attributes:
        title: of the course.
        entries: the assignments.
        problem: a sentence, when they can't be told; `entries` are then those of before.
        session: this one.
        at: when that was, on the monotonic clock.
    """

    title: str
    entries: tuple[Entry, ...]
    problem: str
    session: Session
    at: float


class Desk:
    """One session's course: what is due, and what one can do about it."""

    def __init__(self) -> None:
        self.known: Known | None = None
        self._errands = Errands()
        self._looking = threading.Lock()
        self._view: Any = None

    @property
    def assignments(self) -> list[Entry]:
        """The assignments that are released, or were and have been handed in; by deadline."""
        known = self._recent()
        if known.problem:
            raise DeskError(known.problem)
        return list(known.entries)

    @property
    def session(self) -> Session:
        """What the session was given, and until when."""
        return self._recent().session

    def refresh(self) -> Known:
        """Ask the classroom and the hub anew."""
        ask.check_place()
        with self._looking, ThreadPoolExecutor(2) as pool:
            before = self.known
            session = pool.submit(ask.session)
            title = before.title if before else pool.submit(ask.title).result()
            entries, problem = before.entries if before else (), ""
            try:
                entries = tuple(ask.entries())
            except DeskError as error:
                problem = str(error)
            found = _keeping_the_end(session.result(), before)
            self.known = Known(title, entries, problem, found, time.monotonic())
            return self.known

    def fetch(self, name: str, step: Step | None = None) -> Path:
        """Fetch an assignment; what is there already stays as it is. Gives its folder."""
        self._run("fetch", name, step)
        return self._entry(name).folder

    def validate(self, name: str, step: Step | None = None) -> list[Validation]:
        """Run the tests that one can see, in each notebook of an assignment."""
        entry = self._entry(name)
        if not entry.notebooks:
            raise DeskError(_("There is no notebook in {folder}.", folder=entry.folder))
        done = self._run("validate", str(entry.folder), step)
        return [_validation(one) for one in done.answer]

    def submit(self, name: str, step: Step | None = None) -> Receipt:
        """Hand in what is on the disk; unsaved changes are not."""
        done = self._run("submit", name, step)
        given = values.Receipt.from_json(done.answer["receipt"])
        return Receipt(
            id=given.id,
            received=given.received,
            due=given.due,
            on_time=given.on_time,
            content=given.content,
            again=done.answer["again"],
            notes=done.notes,
        )

    def feedback(self, name: str, step: Step | None = None) -> list[Path]:
        """Fetch the feedback; gives the pages of the newest."""
        self._run("feedback", name, step)
        found = self._entry(name).feedback
        if found is None:
            raise DeskError(_("There is no feedback on {name} yet.", name=name))
        return list(found.pages)

    def extend(self) -> Session:
        """Ask for more time."""
        ask.check_place()
        session = ask.extend()
        if self.known:
            self.known = dataclasses.replace(self.known, session=session)
        return session

    def stop(self) -> None:
        """End a validation that takes too long."""
        self._errands.stop()

    def _run(self, action: str, subject: str, step: Step | None) -> Any:
        ask.check_place()
        try:
            return self._errands.run(action, subject, step)
        finally:
            # It has changed something, whatever came of it.
            if self.known:
                self.known = dataclasses.replace(self.known, at=-math.inf)

    def _entry(self, name: str) -> Entry:
        found = [entry for entry in self.assignments if entry.name == name]
        if not found:
            raise DeskError(_("There is no released assignment named {name}.", name=repr(name)))
        return found[0]

    def _recent(self) -> Known:
        known = self.known
        return known if known and time.monotonic() - known.at < FRESH else self.refresh()

    def __str__(self) -> str:
        try:
            known = self._recent()
        except DeskError as error:
            return str(error)
        return _text(known)

    __repr__ = __str__

    def _repr_mimebundle_(self, **_options: object) -> dict[str, Any]:
        try:
            ask.check_place()
        except DeskError as error:
            return {"text/plain": str(error)}
        if not _has_frontend():
            return {"text/plain": str(self)}
        if self._view is None or self._view.box.comm is None:
            from .view import DeskView

            self._view = DeskView(self)
        self._view.open(GLANCE)
        text = _text(self.known) if self.known else "…"
        return {**self._view.box._repr_mimebundle_(), "text/plain": text}


def _text(known: Known) -> str:
    return as_text(known.problem or known.entries, known.session, known.title)


def _keeping_the_end(session: Session, before: Known | None) -> Session:
    if session.ends is None and before:
        return dataclasses.replace(session, ends=before.session.ends)
    return session


def _validation(found: dict[str, Any]) -> Validation:
    return Validation(
        notebook=found["notebook"],
        failed=tuple(Problem(**one) for one in found.get("failed", [])),
        changed=tuple(found.get("changed", [])),
        problem=found.get("problem", ""),
    )


def _has_frontend() -> bool:
    from IPython import get_ipython

    get: Callable[[], Any] = get_ipython
    return getattr(get(), "kernel", None) is not None


_desk = Desk()


def desk() -> Desk:
    """The desk of this session; there is one."""
    return _desk

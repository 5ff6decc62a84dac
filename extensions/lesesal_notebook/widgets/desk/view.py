"""The desk as a widget. What takes time happens in threads, and cells run meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Box, VBox

from . import html, words
from .button import button
from .row import Row
from .style import STYLE
from .values import DeskError, Entry, Session
from .words import _

if TYPE_CHECKING:
    from .desk import Desk

# Seconds from one look at the classroom and the hub to the next, while the desk is shown: two
# hundred people may have one open.
LOOK = 120.0
# From one look at the clock to the next.
TICK, LAST_TICK = 5.0, 1.0


class DeskView:
    """The widget of one desk.

    Attributes:
        box: what is displayed.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._lock = threading.RLock()
        self._busy = False
        self._rows: dict[str, Row] = {}
        self._session: Session | None = None
        self._watching = False
        self._looked = 0.0
        self._head = HTML(html.head("…"))
        self._again = button(_("Refresh"), self._refresh, _("Ask the classroom and the hub anew"))
        self._given, self._left = HTML(), HTML()
        self._more = button("", self._extend, _("Ask for more time for this session"))
        self._more.layout.display = "none"
        self._note = HTML()
        self._list = VBox()
        head = Box([self._head, self._again])
        head.add_class("lesesal-desk-head")
        session = Box([self._given, self._left, self._more])
        session.add_class("lesesal-desk-session")
        self.box = VBox([HTML(STYLE), head, session, self._note, self._list])
        self.box.add_class("lesesal-desk")
        # From here on it is counted in how many places it is shown.
        self.box._view_count = 0

    def open(self, seconds: float) -> None:
        """It is about to be shown: look, and wait so long for what is found."""
        looking = _in_background(self._look)
        looking.join(seconds)
        if not self._watching:
            self._watching = True
            _in_background(self._watch)

    def act(self, row: Row, action: Callable[[], str], doing: str) -> None:
        """A button of an assignment: do it in the background, show what came of it."""
        with self._lock:
            if self._busy:
                return
            self._enable(False)
        row.result.value = html.said(escape(doing))

        def do() -> None:
            try:
                row.result.value = _outcome(action)
                self._look()
            finally:
                self._enable(True)

        _in_background(do)

    def _refresh(self) -> None:
        self._again.disabled = True

        def do() -> None:
            self._look()
            self._again.disabled = False

        _in_background(do)

    def _extend(self) -> None:
        self._more.disabled = True

        def do() -> None:
            def extend() -> str:
                session = self.desk.extend()
                self._show_session(session)
                return html.said(escape(session.news or _("The session has more time now.")))

            self._note.value = _outcome(extend)
            self._more.disabled = False

        _in_background(do)

    def _enable(self, enabled: bool) -> None:
        with self._lock:
            self._busy = not enabled
            for row in self._rows.values():
                row.enable(enabled)

    def _look(self) -> None:
        """Ask anew, and show it."""
        # Also when nobody answers: not asked again at once.
        self._looked = time.monotonic()
        self._note.value = _outcome(self._found)

    def _found(self) -> str:
        """Show what there is now; gives what else there is to say."""
        known = self.desk.refresh()
        with self._lock:
            self._head.value = html.head(known.title)
            self._show_session(known.session)
            self._show_entries(known.entries)
        if known.problem:
            return html.said(escape(known.problem), problem=True)
        if known.entries:
            return ""
        return html.said(escape(_("No assignment is released yet.")))

    def _show_session(self, session: Session) -> None:
        self._session = session
        self._given.value = html.session(session)
        self._left.value = html.left(session.left)
        if session.more:
            self._more.description = words.more_label(session.more.hours, session.more.follows)
        self._more.layout.display = None if session.more else "none"

    def _show_entries(self, entries: tuple[Entry, ...]) -> None:
        for entry in entries:
            if entry.name not in self._rows:
                self._rows[entry.name] = Row(self.desk, self, entry.name)
                self._rows[entry.name].enable(not self._busy)
            self._rows[entry.name].show(entry)
        shown = tuple(self._rows[entry.name].box for entry in entries)
        if self._list.children != shown:
            self._list.children = shown

    def _watch(self) -> None:
        """The clock, and a look now and then; only while somebody could see it."""
        while self.box.comm is not None:
            left = self._session.left if self._session else None
            soon = left is not None and left.total_seconds() < 90
            time.sleep(LAST_TICK if soon else TICK)
            if not self.box._view_count:
                continue
            if self._session:
                self._left.value = html.left(self._session.left)
            if time.monotonic() - self._looked > LOOK and not self._busy:
                self._look()


def _outcome(action: Callable[[], str]) -> str:
    """What an action shows in the end; a thread has nobody who would see what it raises."""
    try:
        return action()
    except DeskError as error:
        return html.said(escape(str(error)).replace("\n", "<br>"), problem=True)
    except Exception:
        logging.getLogger(__name__).exception("The desk failed")
        sentence = _("Something went wrong at the desk. Your files are as they were. Try again.")
        return html.said(escape(sentence), problem=True)


def _in_background(do: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=do, name="desk", daemon=True)
    thread.start()
    return thread

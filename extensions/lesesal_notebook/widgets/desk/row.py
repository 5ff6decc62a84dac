"""One assignment in the desk's widget: what it is, how far one is, and what one can do."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Box, Button

from . import html
from .button import button
from .values import Entry, State
from .words import _

if TYPE_CHECKING:
    from .desk import Desk
    from .view import DeskView


class Row:
    """The widgets of an assignment; they stay the same while what they show changes.

    Attributes:
        box: what is displayed.
        result: what came of the last action.
    """

    def __init__(self, desk: Desk, view: DeskView, name: str) -> None:
        self._desk, self._view, self._name = desk, view, name
        self._about, self._state, self.result = HTML(), HTML(), HTML()
        self.result.add_class("lesesal-desk-result")
        self._fetch = self._button(_("Fetch"), self._do_fetch, _("Fetching …"))
        self._validate = self._button(_("Validate"), self._do_validate, _("Validating …"))
        self._submit = self._button(_("Submit"), self._do_submit, _("Handing in …"))
        # What is on the disk is handed in: JupyterLab's part of Lesesal saves first (desk.js).
        for each in (self._validate, self._submit):
            each.add_class("lesesal-SaveFirst")
        self._feedback = self._button(
            _("Fetch feedback"), self._do_feedback, _("Fetching the feedback …")
        )
        self._stop = button(_("Stop"), desk.stop, _("Stop validating"))
        self._stop.layout.display = "none"
        self._buttons = [self._fetch, self._validate, self._submit, self._feedback]
        buttons = Box([*self._buttons, self._stop])
        buttons.add_class("lesesal-desk-buttons")
        self.box = Box([self._about, self._state, buttons, self.result])
        self.box.add_class("lesesal-desk-row")

    def show(self, entry: Entry) -> None:
        """The assignment as it is now."""
        self._about.value = html.about(entry)
        self._state.value = html.state(entry)
        feedback = entry.feedback is not None and not entry.feedback.fetched
        shown = {
            self._fetch: entry.open and not entry.fetched,
            self._validate: bool(entry.notebooks),
            self._submit: entry.fetched,
            self._feedback: feedback,
        }
        next_one = {State.RELEASED: self._fetch, State.FETCHED: self._submit}.get(entry.state)
        if feedback:
            next_one = self._feedback
        for each, is_shown in shown.items():
            each.layout.display = None if is_shown else "none"
            each.button_style = "primary" if each is next_one else ""
            each.tooltip = f"{each.description}: {entry.title}"

    def enable(self, enabled: bool) -> None:
        """Whether the buttons can be pressed."""
        for each in self._buttons:
            each.disabled = not enabled

    def _button(self, text: str, do: Callable[[], str], doing: str) -> Button:
        return button(text, lambda: self._view.act(self, do, doing))

    def _do_fetch(self) -> str:
        folder = self._desk.fetch(self._name)
        text = escape(_("Fetched. Open a notebook and work; what you save is yours."))
        return html.said(text + html.links(_("Open"), sorted(folder.glob("*.ipynb"))))

    def _do_validate(self) -> str:
        def step(at: dict[str, Any]) -> None:
            doing = _("Validating …")
            text = _("{notebook}: cell {cell} of {cells}", **at)
            self.result.value = html.said(escape(f"{doing} {text}"))

        self._stop.layout.display = None
        try:
            found = self._desk.validate(self._name, step)
        finally:
            self._stop.layout.display = "none"
        return html.said(html.validations(found), problem=not all(one.passed for one in found))

    def _do_submit(self) -> str:
        return html.said(html.receipt(self._desk.submit(self._name)))

    def _do_feedback(self) -> str:
        pages = self._desk.feedback(self._name)
        return html.said(html.links(_("Read"), pages) or escape(_("It has no pages.")))

"""A run as a live widget. It looks in a thread, so that it goes on while a cell runs."""

from __future__ import annotations

import base64
import secrets
import threading
import time
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from IPython.display import display, update_display
from ipywidgets import HTML, Box, Button, Image, VBox

from ..language import gettext as _
from ..language import latest
from . import drawing
from .errors import BatchError
from .look import DONE, View

if TYPE_CHECKING:
    from .run import Run

# Seconds between two looks at the files; the hub is asked less often (hub.Ear).
LOOK = 2.0


class Panel:
    """The widget of one run.

    Attributes:
        box: what is displayed.
        closed: whether it was closed; then the run shows a new one.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._words = latest()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._shown: list[str] = []
        self._rows: list[dict[str, Any]] = []
        self._head, self._body, self._table, self._said = HTML(), HTML(), HTML(), HTML()
        self._plot = Image(format="png")
        self._plot.layout.display = "none"
        self._plot.layout.max_width = "38em"
        say = self._words
        self._cancel = _button(_("Cancel", say), _("End this run; its results stay", say))
        self._resume = _button(_("Resume", say), _("Go on from its checkpoint", say))
        self._cancel.on_click(lambda _b: self._errand(self._run.cancel, ""))
        self._resume.on_click(lambda _b: self._errand(self._go_on, ""))
        buttons = Box([self._cancel, self._resume])
        buttons.add_class("lesesal-batch-buttons")
        parts = [HTML(drawing.STYLE), self._head, self._body, self._table, self._plot]
        self.box = VBox([*parts, self._said, buttons])
        self.box.add_class("lesesal-batch")

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.box.comm is None

    def show(self) -> None:
        """Display it; from here on it is live until the run has ended."""
        if self.draw().state == DONE:
            display(self._still(), raw=True)
            return
        self._shown.append(secrets.token_hex(8))
        live = {**self.box._repr_mimebundle_(), "text/plain": str(self._run)}
        display(live, raw=True, display_id=self._shown[-1])
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, daemon=True)
                self._thread.start()

    def draw(self) -> View:
        """Show how it stands now."""
        view = self._run.look()
        self._head.value = drawing.head(view, time.time(), self._words)
        self._body.value = self._tasks(view, live=True)
        self._cancel.layout.display = "" if view.alive else "none"
        self._resume.layout.display = "" if view.resumable else "none"
        self._collect(view)
        return view

    def _tasks(self, view: View, *, live: bool) -> str:
        if len(view.tasks) == 1:
            return drawing.one(view, self._run.log(count=6), self._words, live=live)
        return drawing.tasks(view, self._words, live=live)

    def _still(self) -> dict[str, str]:
        """A run that is done, as HTML: a notebook that is opened later has no widgets."""
        picture = base64.b64encode(self._plot.value).decode()
        image = f'<img alt="" src="data:image/png;base64,{picture}">' if picture else ""
        parts = [self._head.value, self._tasks(self._run.look(), live=False), self._table.value]
        inside = f"{drawing.STYLE}{''.join(parts)}{image}"
        html = f'<div class="lesesal-batch">{inside}</div>'
        return {"text/html": html, "text/plain": str(self._run)}

    def _collect(self, view: View) -> None:
        """The table and the plot of a sweep, when there is something new in them."""
        rows = self._run.results() if len(view.tasks) > 1 or view.plan.resumes else []
        known = {"task", "state", *(name for task in view.tasks for name in task.parameters or {})}
        recorded = any(set(row) - known for row in rows)
        if not recorded or rows == self._rows:
            return
        self._rows = rows
        self._table.value = drawing.results(rows, self._words)
        try:
            self._plot.value = self._run.plot()._repr_png_()
            self._plot.layout.display = ""
        except BatchError:  # no numbers among them
            self._plot.layout.display = "none"

    def _watch(self) -> None:
        while not self.closed:
            try:
                view = self.draw()
            except BatchError as error:  # its folder was removed
                self._say(str(error))
                return
            if view.state == DONE:
                for each in self._shown:
                    update_display(self._still(), raw=True, display_id=each)
            if not view.alive:
                return
            time.sleep(LOOK)

    def _errand(self, action: Callable[[], object], said: str) -> None:
        """Do what a button says, in a thread: the hub may be slow."""

        def errand() -> None:
            try:
                self._say(str(action() or said))
                self.draw()
            except BatchError as error:
                self._say(str(error))
            finally:
                self._cancel.disabled = self._resume.disabled = False

        self._cancel.disabled = self._resume.disabled = True
        threading.Thread(target=errand, daemon=True).start()

    def _go_on(self) -> str:
        new = self._run.resume()
        return _("It goes on as {run}: batch.get({quoted}) shows it.", self._words).format(
            run=new.id, quoted=f'"{new.id}"'
        )

    def _say(self, sentence: str) -> None:
        self._said.value = f'<div role="status">{escape(sentence)}</div>' if sentence else ""


def _button(label: str, tip: str) -> Any:
    button = Button(description=label, tooltip=tip)
    button.layout.display = "none"
    return button

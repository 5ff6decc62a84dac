"""Where a loop is shown: in the notebook that somebody looks at, or as lines of text."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, Protocol

from .files import TASK
from .picture import picture
from .seen import Seen, State, line

# Seconds from one line of text to the next, at least; and at most, until a tenth of the time that
# the loop has taken is more: a night's training has some fifty lines.
LEAST, MOST = 2.0, 30.0
TENTH = 0.1


class Screen(Protocol):
    """Shows a loop.

    Attributes:
        pace: seconds from one look to the next.
    """

    pace: float

    def show(self, seen: Seen) -> None:
        """How it stands now."""


def screen(id_: str) -> Screen:
    """Where the code that runs now can be seen."""
    kernel = getattr(shell(), "kernel", None)
    if kernel is None:
        return Lines()
    return Page(id_) if _is_looked_at(kernel) else Lines(id_)


class Page:
    """An output of the cell, which changes.

    Not a widget: a page that is opened anew gets no widgets from a kernel that is busy. The page
    asks the session's server for the loop's files instead (static/progress.js).
    """

    pace = 0.4

    def __init__(self, id_: str) -> None:
        self._id = id_
        self._shown = False

    def show(self, seen: Seen) -> None:
        """See `Screen.show`."""
        _publish(seen, self._id, self._shown)
        self._shown = True


class Lines:
    """Lines of text, few of them; in the end a picture, where there is a notebook.

    Args:
        id_: of the picture; empty without a notebook.
    """

    pace = 0.5

    def __init__(self, id_: str = "") -> None:
        self._id = id_
        self._at = 0.0
        self._share = 0.0

    def show(self, seen: Seen) -> None:
        """See `Screen.show`."""
        outer = seen.loops[0]
        over = seen.state is not State.RUNNING
        if not over and not self._is_time(outer.seconds, outer.done, outer.total):
            return
        self._at = outer.seconds
        self._share = outer.done / outer.total if outer.total else 0.0
        print(line(seen), flush=True)  # noqa: T201 - that is what it is for
        if over and self._id and any(loop.rows for loop in seen.loops):
            _publish(seen, self._id, False)

    def _is_time(self, seconds: float, done: int, total: int | None) -> bool:
        since = seconds - self._at
        if since < LEAST:
            return False
        tenth = total is not None and total > 0 and done / total - self._share >= TENTH
        return tenth or since >= max(MOST, TENTH * seconds)


class Nowhere:
    """Not shown."""

    pace = 1.0

    def show(self, seen: Seen) -> None:
        """See `Screen.show`."""


def bundle(seen: Seen) -> dict[str, str]:
    """What a notebook shows of it, by type."""
    return {"text/html": picture(seen), "text/plain": line(seen)}


def _publish(seen: Seen, id_: str, again: bool) -> None:
    from IPython.display import display

    display(bundle(seen), raw=True, display_id=f"lesesal-progress-{id_}", update=again)


def shell() -> Any:
    """IPython's shell that this code runs in; None in a program."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()


def cell() -> int | None:
    """The number of the cell that runs; None where there is none, or in a thread, which may outlast
    its cell.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    return getattr(shell(), "execution_count", None)


def _is_looked_at(kernel: Any) -> bool:
    """Whether the cell was run from a page, which names the cell; papermill and nbclient do not."""
    if os.environ.get(TASK):
        return False
    try:
        return "cellId" in kernel.get_parent().get("metadata", {})
    except Exception:  # a kernel of another kind: lines do everywhere
        return False

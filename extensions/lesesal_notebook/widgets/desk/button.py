"""Buttons that answer while a cell runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipywidgets import Button


def button(text: str, clicked: Callable[[], None], tooltip: str = "") -> Button:
    """A button; what happens on a click must not take long, and may happen in another thread."""
    made = Button(description=text, tooltip=tooltip)
    made.on_click(lambda _button: clicked())
    # JupyterLab sends clicks to a subshell, which answers while a cell runs. ipykernel 7.4 takes
    # them back to where the button was made, which is the shell that is busy (ipykernel.comm).
    comm: Any = made.comm
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = None
    return made

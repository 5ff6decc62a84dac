"""What a notebook's cells show, as nbclient keeps it, from messages that nobody vouches for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

import nbclient.client
from nbclient import NotebookClient
from nbformat import NotebookNode, from_dict

from ..check import MIMETYPE
from .wire import Message

SHOWN = ("stream", "display_data", "execute_result", "error", "update_display_data")
MOST_EFFORT = 100_000_000
"""Bytes sent back to output widgets, and a hundred for each output that an update changes."""


class Outputs(NotebookClient):
    """Keeps outputs, display updates and widgets; `take` is called for each message.

    Args:
        notebook: its cells' outputs are written.
        send: sends a message (as a dictionary) to the kernel's shell channel, for output widgets.
    """

    def __init__(self, notebook: NotebookNode, send: Callable[[Message], None]) -> None:
        super().__init__(notebook, km=_NO_MANAGER, log=_LOG)
        self.reset_execution_trackers()
        self.kc = cast(Any, _Client(send))
        self._effort = 0
        self._hooked = 0

    def begin(self, cell: NotebookNode) -> None:
        """A cell is about to run."""
        cell["metadata"]["execution"] = {}
        cell.outputs = []
        self.clear_before_next_output = False

    def take(self, message: Message, cell: NotebookNode, index: int) -> None:
        """A message from the cell that is running."""
        if not _is_sound(message) or not self._is_worth_it(message):
            return
        try:
            self.process_message(message, cell, index)
        except nbclient.exceptions.CellExecutionComplete:
            pass
        except Exception as error:
            # Widgets' messages have no fixed form.
            _LOG.debug("A message of the kind %s was left out: %r", message["msg_type"], error)

    def _is_worth_it(self, message: Message) -> bool:
        """A widget is sent all its outputs with each new one, and an update looks for all of its
        displays: a bound for who makes thousands of them.
        """
        if message["msg_type"] not in SHOWN:
            return True
        if self.output_hook_stack[str(message["parent_header"].get("msg_id"))]:
            self._hooked += sum(len(str(value)) for value in message["content"].values())
            self._effort += self._hooked
        display = (message["content"].get("transient") or {}).get("display_id")
        places = self._display_id_map.get(display, {}) if display else {}
        self._effort += 100 * sum(len(indices) for indices in places.values())
        return self._effort < MOST_EFFORT

    def seal(self, index: int) -> None:
        """What is shown later can't change this cell's outputs any more."""
        self.clear_display_id_mapping(index)

    def finish(self) -> None:
        """Write down the widgets' states."""
        try:
            self.set_widgets_metadata()
        except Exception as error:
            _LOG.debug("The widgets' states were left out: %r", error)


class _Client:
    """As much of a kernel's client as an output widget uses."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self.send = send

    @property
    def shell_channel(self) -> _Client:
        return self

    @property
    def session(self) -> _Client:
        return self

    def msg(self, kind: str, content: Any = None, **_: Any) -> Message:
        return {"msg_type": kind, "content": content or {}}


class _Manager:
    """nbclient makes itself a manager where it is given none."""

    ipykernel = False


_NO_MANAGER = cast(Any, _Manager())
_LOG = logging.getLogger(__name__)
# nbclient has a line for each message that it does not know, and a notebook can send thousands.
_LOG.setLevel(logging.ERROR)


def _is_sound(message: Message) -> bool:
    """Whether an output is one that a notebook can hold; other messages are."""
    kind, content = message["msg_type"], message["content"]
    # nbclient takes the count of a cell from any message.
    if not _is_count(content.get("execution_count")):
        return False
    if kind not in SHOWN:
        return True
    if kind == "stream":
        return content.get("name") in ("stdout", "stderr") and isinstance(content.get("text"), str)
    if kind == "error":
        return is_error(content)
    data, transient = content.get("data"), content.get("transient")
    return (
        isinstance(data, dict)
        and MIMETYPE not in data
        and all(_is_sound_bundle(name, value) for name, value in data.items())
        and isinstance(content.get("metadata"), dict)
        and (transient is None or isinstance(transient, dict))
        and (not transient or isinstance(transient.get("display_id"), str | None))
        and (kind != "execute_result" or "execution_count" in content)
    )


def _is_sound_bundle(name: str, value: Any) -> bool:
    """JSON goes under names that say so; everything else is text."""
    return isinstance(value, str) or (name.startswith("application/") and name.endswith("json"))


def is_error(content: Message) -> bool:
    """Whether an error's, or a failed reply's, content has all that an output needs."""
    trace = content.get("traceback")
    return (
        isinstance(content.get("ename"), str)
        and isinstance(content.get("evalue"), str)
        and isinstance(trace, list)
        and all(isinstance(line, str) for line in trace)
    )


def _is_count(value: Any) -> bool:
    return value is None or (type(value) is int and 0 <= value < 1 << 31)


def error(ename: str, says: str, traceback: list[str] | None = None) -> NotebookNode:
    """An `error` output, by which nbgrader gives no points."""
    shown = [f"\x1b[0;31m{ename}\x1b[0m: {says}"] if traceback is None else traceback
    return node({"output_type": "error", "ename": ename, "evalue": says, "traceback": shown})


def node(value: Message) -> NotebookNode:
    """As nbformat has notebooks' parts."""
    return from_dict(value)


def _output(message: Message) -> NotebookNode:
    """An output without the validation that costs more than all else here; see `_is_sound`."""
    kind, content = message["header"]["msg_type"], message["content"]
    if kind not in SHOWN[:4]:
        raise ValueError(kind)
    if kind == "stream":
        found = {"name": content["name"], "text": content["text"]}
    elif kind == "error":
        found = {key: content[key] for key in ("ename", "evalue", "traceback")}
    else:
        found = {"data": content["data"], "metadata": content["metadata"]}
        if kind == "execute_result":
            found["execution_count"] = content["execution_count"]
    return node({"output_type": kind, **found})


nbclient.client.output_from_msg = _output  # type: ignore[attr-defined]

"""Outputs of an executed notebook: whether they are such as Jupyter has at all."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbformat.v4.rwbase import rejoin_lines

_STREAMS = ("stdout", "stderr")


def believable(cell: NotebookNode) -> bool:
    """Whether a code cell's outputs are of nbformat's kinds and types."""
    outputs = cell.get("outputs")
    return isinstance(outputs, list) and all(map(_believable, outputs))


def joined(notebook: NotebookNode) -> NotebookNode:
    """A notebook as it is on the disk, its lists of lines joined, where they are such."""
    try:
        return rejoin_lines(notebook)
    except (TypeError, AttributeError, KeyError):
        return notebook  # and what is still a list is not believable


def error(says: str, name: str = "NotBelieved") -> NotebookNode:
    """An ``error`` output, for which nbgrader gives no points."""
    return NotebookNode(output_type="error", ename=name, evalue=says, traceback=[says])


def _believable(output: Any) -> bool:
    if not isinstance(output, dict):
        return False
    kind = output.get("output_type")
    if kind == "stream":
        return output.get("name") in _STREAMS and isinstance(output.get("text"), str)
    if kind == "error":
        lines = output.get("traceback")
        return (
            isinstance(output.get("ename"), str)
            and isinstance(output.get("evalue"), str)
            and isinstance(lines, list)
            and all(isinstance(line, str) for line in lines)
        )
    if kind in ("display_data", "execute_result"):
        return isinstance(output.get("metadata"), dict) and _bundle(output.get("data"))
    return False


def _bundle(data: Any) -> bool:
    """Text kinds are text; what is JSON may be anything."""
    return isinstance(data, dict) and all(
        isinstance(value, str) or kind.endswith("json") for kind, value in data.items()
    )

"""Whether a test's exchange with the kernel is one that its code can have had."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode

from ..check import difference
from . import cells
from .kernel import Exchange
from .outputs import node


def compare(part: cells.Part, exchange: Exchange) -> str:
    """A sentence on how the value that was handed over is not as expected; empty where it is."""
    if part.expectation is None:
        return ""
    problem = "No value arrived."
    for text in exchange.handed[:1]:
        try:
            handed = json.loads(text)
            if handed["nonce"] == part.nonce:
                problem = difference(handed["value"], part.expectation)
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
    return f"{part.call}: {problem}" if problem else ""


def is_forged(exchange: Exchange) -> bool:
    """Whether there was anything but one echo, one reply, and then nothing."""
    return len(exchange.replies) != 1 or exchange.inputs != [exchange.code] or exchange.late > 0


def is_possible(result: Mapping[str, Any], most: float) -> bool:
    """Whether nbgrader can make points of a result: text, or a number up to the cell's points."""
    data = result.get("data")
    text = data.get("text/plain") if isinstance(data, dict) else None
    if not isinstance(text, str) or not text:
        return False
    try:
        return 0.0 <= float(text) <= most
    except ValueError:
        return True


def keep(cell: NotebookNode, result: Mapping[str, Any]) -> None:
    """A result stays as it came, whatever was cleared or updated after it."""
    data = result.get("data")
    text = data.get("text/plain") if isinstance(data, dict) else None
    if not isinstance(text, str):
        return
    for output in cell.outputs:
        if output.output_type == "execute_result":
            output.data["text/plain"] = text
            return
    plain = {"output_type": "execute_result", "data": {"text/plain": text}, "metadata": {}}
    cell.outputs.append(node(plain | {"execution_count": cell.execution_count}))

"""What a person has typed into the form of a batch job, as parameters and a grid.

A field has Python's values: a number, a text with or without quotation marks, a list. Several of
them, separated by commas, make a sweep; texts then need their marks, for one text may have commas.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..language import gettext as _
from ..language import latest
from .errors import NotebookError
from .tagged import MOST_TASKS, Parameter


@dataclass(frozen=True)
class Typed:
    """A form that was filled in.

    Attributes:
        parameters: one value each; what stands as it was in the notebook is not here.
        grid: several values each.
        wrong: a sentence for each field that can't be read.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, list[Any]] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)

    @property
    def tasks(self) -> int:
        """How many the grid makes."""
        count = 1
        for values in self.grid.values():
            count *= len(values)
        return count

    @property
    def sentence(self) -> str:
        """Why it can't be run; empty when it can."""
        if self.tasks <= MOST_TASKS:
            return ""
        return _(
            "These are {count} tasks; at most {most} can be run.",
            latest(),
            count=self.tasks,
            most=MOST_TASKS,
        )


def read(known: Sequence[Parameter], texts: Mapping[str, str]) -> Typed:
    """What the fields say. Fields that the notebook has no parameter for are left out."""
    parameters: dict[str, Any] = {}
    grid: dict[str, list[Any]] = {}
    wrong: dict[str, str] = {}
    for each in known:
        text = texts.get(each.name, each.default).strip()
        if text == each.default.strip():
            continue
        try:
            values = _values(each, text)
        except NotebookError as error:
            wrong[each.name] = str(error)
            continue
        if len(values) == 1:
            parameters[each.name] = values[0]
        else:
            grid[each.name] = values
    return Typed(parameters, grid, wrong)


def _values(parameter: Parameter, text: str) -> list[Any]:
    """One or several. Raises `NotebookError`."""
    if not text and parameter.type != "str":
        raise NotebookError(
            _("{name} is empty; in the notebook it is {default}.", latest(), **vars(parameter))
        )
    if parameter.type == "bool":
        return [parameter.parse(part) for part in text.split(",") if part.strip()]
    try:
        tree = ast.parse(text, mode="eval").body
        value = ast.literal_eval(tree)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return [parameter.parse(text)]
    # Not one in brackets, which is a value.
    several = (
        isinstance(tree, ast.Tuple)
        and bool(tree.elts)
        and tree.elts[0].col_offset == tree.col_offset
    )
    texts = parameter.type == "str"
    if several and not (texts and not all(isinstance(each, str) for each in value)):
        return [parameter.check(each) for each in value]
    if texts:
        return [value if isinstance(value, str) else text]
    return [parameter.check(value)]

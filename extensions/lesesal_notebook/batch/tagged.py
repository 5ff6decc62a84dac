"""A notebook's parameters (its cell tagged ``parameters``, read by papermill), and grids."""

from __future__ import annotations

import ast
import itertools
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import NotebookError
from .imports import spared
from .words import _

# A file of more is not read: it holds outputs that nobody can look at either.
LARGEST = 200 << 20
MOST_TASKS = 1000
_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "str": (str,),
    "list": (list, tuple),
    "dict": (dict,),
}


@dataclass(frozen=True)
class Parameter:
    """One of a notebook's parameters.

    Attributes:
        name: the variable's.
        type: ``bool``, ``int``, ``float``, ``str``, ``list`` or ``dict``; empty when unknown.
        default: its value as it stands in the notebook.
        help: the comment beside it; may be empty.
    """

    name: str
    type: str
    default: str
    help: str = ""

    def summary(self) -> dict[str, str]:
        """As JSON has it."""
        return asdict(self)

    def parse(self, text: str) -> Any:
        """The value that a person has typed. Raises `NotebookError`."""
        if self.type == "str":
            return text
        if self.type == "bool" and text.strip().lower() in ("true", "false"):
            return text.strip().lower() == "true"
        try:
            value = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            value = text
        return self.check(value)

    def check(self, value: Any) -> Any:
        """The value, if it may be this parameter's. Raises `NotebookError`."""
        kinds = _TYPES.get(self.type)
        if kinds and (
            not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)
        ):
            raise NotebookError(
                _(
                    "The parameter {name} takes {kind}, such as {default}, and {value} is not.",
                    name=self.name,
                    kind=self.type,
                    default=self.default,
                    value=repr(value),
                )
            )
        return float(value) if self.type == "float" else value


def read_notebook(path: Path) -> Any:
    """A Python notebook, as nbformat has it. Raises `NotebookError`."""
    with spared():
        import nbformat

    if path.suffix != ".ipynb" or not path.is_file():
        raise NotebookError(_("There is no notebook {path}.", path=path))
    if path.stat().st_size > LARGEST:
        large = _("{name} is larger than 200 MB. Clear its outputs first.", name=path.name)
        raise NotebookError(large)
    try:
        with warnings.catch_warnings(action="ignore"):  # of an older format
            notebook = nbformat.read(path, as_version=4)
            nbformat.validate(notebook)
    except (OSError, ValueError, KeyError, AttributeError, nbformat.ValidationError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        broken = _("{name} can't be read as a notebook ({why}).", name=path.name, why=reason)
        raise NotebookError(broken) from error
    # A new notebook that never ran says neither.
    metadata = notebook.metadata
    spec = metadata.setdefault("kernelspec", {})
    language = metadata.get("language_info", {}).get("name") or spec.get("language") or "python"
    if language != "python":
        other = _("{name} is written in {language}; batch jobs run Python.")
        raise NotebookError(other.format(name=path.name, language=language))
    metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata.setdefault("language_info", {"name": "python"})
    return notebook


def parameters(notebook: str | Path) -> list[Parameter]:
    """Those of a notebook, in its order; none without a tagged cell. Raises `NotebookError`."""
    return inspect(read_notebook(Path(notebook).expanduser()))


def inspect(notebook: Any) -> list[Parameter]:
    """Those of a notebook that is read."""
    from papermill import inspect_notebook

    logging.getLogger("papermill").setLevel(logging.ERROR)
    return [
        Parameter(found["name"], _type(found), found["default"], found["help"])
        for found in inspect_notebook(notebook).values()
    ]


def _type(found: Mapping[str, str]) -> str:
    named = found["inferred_type_name"].partition("[")[0].strip()
    if named in _TYPES:
        return named
    try:
        value = ast.literal_eval(found["default"])
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
    return type(value).__name__ if type(value).__name__ in _TYPES else ""


def checked(known: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values for a notebook's parameters. Raises `NotebookError` with what it does have."""
    by_name = {parameter.name: parameter for parameter in known}
    for name in given:
        if name not in by_name:
            raise NotebookError(_unknown(name, list(by_name)))
    return {name: by_name[name].check(value) for name, value in given.items()}


def _unknown(name: str, known: Sequence[str]) -> str:
    if known:
        there = ", ".join(known)
        return _("The notebook has no parameter {name}. It has: {known}.", name=name, known=there)
    return _(
        "The notebook has no parameter {name}: it has no cell with the tag “parameters”. Add that "
        "tag to the cell with your settings (the gear wheels at the upper right of JupyterLab).",
        name=name,
    )


def expand(
    known: Sequence[Parameter], common: Mapping[str, Any], grid: Mapping[str, Sequence[Any]]
) -> list[dict[str, Any]]:
    """The parameters of each task, the grid's last name varying fastest. Raises `NotebookError`."""
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            wrong = _("The grid has {value} for {name}; it takes a list of values, such as [1, 2].")
            raise NotebookError(wrong.format(value=repr(values), name=name))
        if name in common:
            twice = _("{name} is both a parameter and in the grid; give it once.", name=name)
            raise NotebookError(twice)
    count = 1
    for values in grid.values():
        count *= len(values)
    if count > MOST_TASKS:
        many = _("The grid has {count} combinations; at most {most} can be run.")
        raise NotebookError(many.format(count=count, most=MOST_TASKS))
    return [
        checked(known, {**common, **dict(zip(grid, combination, strict=True))})
        for combination in itertools.product(*grid.values())
    ]

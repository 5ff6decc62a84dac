"""What a notebook says and asks while it runs, as a batch job or not: only the standard library."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from . import files
from .errors import BatchError
from .words import _

TASK = "LESESAL_BATCH_TASK"
# What `ending` is filled with once the notebook has heard it.
HEARD = "heard\n"
_kept: dict[str, Any] = {}


def record(**values: Any) -> None:
    """Keep values for the table of results: ``record(loss=0.3)``; the last of a name stays.

    Raises `BatchError` for what JSON does not have.
    """
    _kept.update({name: plain(name, value) for name, value in values.items()})
    folder = _task()
    if folder is not None:
        path = folder / files.RESULTS
        files.write(path, files.read(path) | _kept)


def checkpoint() -> Path:
    """The folder for what a resumed run needs: it gets the same one.

    Outside of a batch job that is ``checkpoints/`` in the current folder.
    """
    folder = _task()
    path = Path("checkpoints").absolute() if folder is None else folder / files.CHECKPOINT
    path.mkdir(parents=True, exist_ok=True)
    return path


def ending() -> bool:
    """Whether the job was told that its time is nearly over: save then, and stop."""
    folder = _task()
    if folder is None:
        return False
    path = folder / files.ENDING
    if not path.exists():
        return False
    if path.stat().st_size == 0:
        path.write_text(HEARD)
    return True


def _task() -> Path | None:
    given = os.environ.get(TASK)
    return Path(given) if given else None


def plain(name: str, value: Any) -> Any:
    """A value as JSON has it: numbers of numpy and torch as Python's. Raises `BatchError`."""
    if isinstance(value, str | bool | int | float | None):
        return value
    if isinstance(value, list | tuple | range):
        return [plain(name, each) for each in value]
    if isinstance(value, dict):
        return {str(key): plain(name, each) for key, each in value.items()}
    for method in ("item", "tolist"):
        try:
            return plain(name, getattr(value, method)())
        except (AttributeError, TypeError, ValueError, RuntimeError):
            continue
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    sentence = _("{name} is {kind}, which can't be kept: a number, a text, or a list of them can.")
    raise BatchError(sentence.format(name=name, kind=type(value).__name__))

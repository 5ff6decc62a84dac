"""``python -m lesesal_notebook.widgets.desk.work ACTION ASSIGNMENT``: nbgrader, at a desk's order.

A process of its own: nbgrader costs a second and 75 MB, changes the working directory and the
environment, and must be the same whatever a student's code did to the notebook's kernel. Lines of
JSON come out: ``{"step": …}`` while it works, then ``{"done": …}`` or ``{"failed": sentence}``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from nbconvert.filters import strip_ansi
from nbformat.reader import NotJSONError
from nbgrader.apps import NbGrader
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeError, ExchangeFactory
from nbgrader.nbgraderformat import SchemaTooNewError, SchemaTooOldError
from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, Execute
from nbgrader.validator import Validator
from traitlets.config import Config

Tell = Callable[[dict[str, Any]], None]
_SHORT = 120


class _Noted(logging.Handler):
    """Keeps the warnings: nbgrader's commands print what a person should know."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(record.getMessage())


def _telling(notebook: str, tell: Tell) -> type[Execute]:
    """What executes, and says which cell it is at."""

    class Telling(Execute):
        def on_cell_start(self, cell: Any, cell_index: int) -> None:
            step = {"notebook": notebook, "cell": cell_index + 1, "cells": len(self.nb.cells)}
            tell({"step": step})

    return Telling


def settings() -> Config:
    """nbgrader's configuration as its Assignment List has it, which starts in the home folder."""
    os.chdir(Path.home())
    config = _loaded()
    os.chdir(ExchangeFactory(config=config).List(config=config).assignment_dir)
    return _loaded()


def _loaded() -> Config:
    app = NbGrader()
    app.load_config_file()
    return app.config


def exchange(action: str, assignment: str, **traits: Any) -> Any:
    """Let one of nbgrader's exchange classes do its work. Raises ExchangeError."""
    config = settings()
    config.CourseDirectory.course_id = os.environ["LESESAL_COURSE"]
    config.CourseDirectory.assignment_id = assignment
    worker = getattr(ExchangeFactory(config=config), action)(
        coursedir=CourseDirectory(config=config),
        authenticator=Authenticator(config=config),
        config=config,
        **traits,
    )
    worker.start()
    return worker


def fetch(assignment: str, _tell: Tell) -> None:
    """Fetch; what is there already stays as it is."""
    exchange("FetchAssignment", assignment, replace_missing_files=True)


def submit(assignment: str, _tell: Tell) -> dict[str, Any]:
    """Hand in; gives the receipt as it came."""
    worker = exchange("Submit", assignment)
    again = any(one.id == worker.receipt.id for one in worker.target.submissions)
    return {"receipt": dict(worker.receipt.text), "again": again}


def feedback(assignment: str, _tell: Tell) -> None:
    """Fetch what feedback there is."""
    exchange("FetchFeedback", assignment)


def validate(folder: str, tell: Tell) -> list[dict[str, Any]]:
    """Run the visible tests of each notebook in a folder."""
    threading.Thread(target=_end_with_who_asked, daemon=True).start()
    config = settings()
    found = []
    for path in sorted(Path(folder).glob("*.ipynb")):
        found.append(_validated(path, config, tell))
    return found


def _validated(path: Path, config: Config, tell: Tell) -> dict[str, Any]:
    steps = [CheckCellMetadata, ClearOutput, _telling(path.stem, tell)]
    validator = Validator(config=config, preprocessors=steps)
    name, problem = {"notebook": path.stem}, ""
    try:
        result = validator.validate(str(path))
    except (SchemaTooOldError, SchemaTooNewError):
        problem = "schema"
    except (NotJSONError, OSError):
        problem = "unreadable"
    except Exception:
        logging.getLogger(__name__).exception("%s was not validated", path)
        problem = "other"
    if problem:
        return {**name, "problem": problem}
    failed = [
        {"source": _first(one["source"]), "error": _last(one["raw_error"])}
        for one in result.get("failed", [])
    ]
    changed = [*result.get("changed", []), *result.get("type_changed", [])]
    return {**name, "failed": failed, "changed": [_first(one["source"]) for one in changed]}


def _first(source: str) -> str:
    lines = [line for line in source.splitlines() if line.strip()]
    return lines[0].strip()[:_SHORT] if lines else ""


def _last(error: str) -> str:
    lines = [line for line in strip_ansi(error).splitlines() if line.strip()]
    return lines[-1].strip()[: 2 * _SHORT] if lines else ""


def _end_with_who_asked() -> None:
    """End, and with it what is executed, when the other end of standard input is closed."""
    sys.stdin.buffer.read()
    # nbclient takes SIGTERM as the end of one notebook's kernel, and goes on with the next.
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(1)


ACTIONS: dict[str, Callable[[str, Tell], Any]] = {
    "fetch": fetch,
    "submit": submit,
    "feedback": feedback,
    "validate": validate,
}


def main() -> None:
    """Do one action."""
    action, assignment = sys.argv[1:]
    # What else is printed here is no answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(line: dict[str, Any]) -> None:
        print(json.dumps(line), file=answers, flush=True)

    noted = _Noted()
    logging.getLogger("traitlets").addHandler(noted)
    try:
        tell({"done": ACTIONS[action](assignment, tell), "notes": noted.sentences})
    except ExchangeError as err:
        tell({"failed": str(err)})


if __name__ == "__main__":
    main()

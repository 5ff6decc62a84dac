"""nbgrader's autograder as it is configured, without what opens gradebooks or runs code.

The preprocessors are nbgrader's own, made once for a run. Each of them opens the gradebook anew for
each notebook, and validates each cell with a schema that is compiled anew for each; here they are
lent one gradebook that is open, and one schema that is compiled.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import fastjsonschema
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.apps.autogradeapp import AutogradeApp
from nbgrader.converters import Autograde
from nbgrader.nbgraderformat.common import (
    BaseMetadataValidator,
    SchemaTooNewError,
    SchemaTooOldError,
    ValidationError,
)
from nbgrader.nbgraderformat.v3 import MetadataValidatorV3
from nbgrader.preprocessors import (
    Execute,
    checkcellmetadata,
    latesubmissions,
    overwritecells,
    overwritekernelspec,
    saveautogrades,
)

from courses.errors import GradeError
from courses.grading import late
from courses.language import gettext as _

_ASKING = (overwritecells, overwritekernelspec, saveautogrades, latesubmissions)
_VALIDATING = (overwritecells, checkcellmetadata)
_QUIET = "--log-level=CRITICAL"


class Stock:
    """nbgrader's autograder for one assignment of a course directory.

    Attributes:
        sanitizing, grading: the preprocessors before and after execution, as configured, without
            nbgrader's `Execute`.
        plain: whether all that grades is nbgrader's own, and nothing a site's or the course's.
        timeout: the seconds of a cell that the configuration names; None for no bound.
    """

    def __init__(self, directory: Path, assignment: str) -> None:
        """Read the configuration as `nbgrader autograde` does; the working directory is it."""
        app = AutogradeApp()
        try:
            app.initialize([_QUIET, f"--course-dir={directory}"])
        except SystemExit as ended:
            raise GradeError(
                _("nbgrader cannot read the configuration in {folder}.", folder=directory)
            ) from ended
        # Lines for nobody, several for each cell: nbgrader's level holds for what shows them.
        app.log.setLevel(logging.CRITICAL)
        # nbgrader puts the folder first, where a file in it passes for an installed module.
        with contextlib.suppress(ValueError):
            sys.path.remove(os.getcwd())  # noqa: PTH109 - as nbgrader wrote it
        sys.path.append(str(directory))
        self.coursedir = app.coursedir
        self.coursedir.assignment_id = assignment
        late.plug_in(app.config, Path(self.coursedir.root), assignment)
        self.converter = Autograde(coursedir=self.coursedir, parent=app)
        self.converter.exporter = self.converter.exporter_class(
            parent=self.converter, config=self.converter.config
        )
        self.sanitizing = self._preprocessors(sanitizing=True)
        grading = self._preprocessors(sanitizing=False)
        self.grading = [each for each in grading if not isinstance(each, Execute)]
        self.plain = all(map(_is_stock, self.grading))
        execute = next((each for each in grading if isinstance(each, Execute)), None)
        timeout = execute.timeout if execute else None
        self.timeout: float | None = timeout if timeout and timeout > 0 else None

    def _preprocessors(self, *, sanitizing: bool) -> list[Any]:
        self.converter._sanitizing = sanitizing
        self.converter._init_preprocessors()
        return list(self.converter.exporter._preprocessors)

    def folder(self, step: str, student: str) -> Path:
        """Where a student's files of a step (``submitted``, ``autograded``) are; "." for none."""
        name = getattr(self.coursedir, f"{step}_directory")
        assignment = self.coursedir.assignment_id
        return Path(os.path.normpath(self.coursedir.format_path(name, student, assignment)))

    def apply(
        self, steps: Sequence[Any], notebook: NotebookNode, student: str, name: str
    ) -> NotebookNode:
        """Run preprocessors over a notebook, as nbgrader's converter would."""
        resources = ResourcesDict(
            unique_key=name,
            output_files_dir=f"{name}_files",
            output_extension=".ipynb",
            metadata=ResourcesDict(name=name),
            nbgrader={
                "student": student,
                "assignment": self.coursedir.assignment_id,
                "notebook": name,
                "db_url": self.coursedir.db_url,
            },
        )
        for step in steps:
            notebook, resources = step(notebook, resources)
        return notebook


def _is_stock(step: Any) -> bool:
    return type(step).__module__.partition(".")[0] in ("nbgrader", "nbconvert")


@contextlib.contextmanager
def lent(book: Any) -> Iterator[None]:
    """In this block, nbgrader's preprocessors use this gradebook instead of opening their own."""
    validator = Validator()
    with contextlib.ExitStack() as stack:
        for module in _ASKING:
            stack.enter_context(_replaced(module, "Gradebook", lambda *_args, **_more: book))
        for module in _VALIDATING:
            stack.enter_context(_replaced(module, "MetadataValidator", lambda: validator))
        yield


@contextlib.contextmanager
def _replaced(module: Any, name: str, value: Callable[..., Any]) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


class _Compiled(BaseMetadataValidator):
    """nbgrader's check of a cell's metadata against its schema, the schema compiled once."""

    def validate_cell(self, cell: NotebookNode) -> None:
        if "nbgrader" not in cell.metadata:
            return
        schema = cell.metadata["nbgrader"].get("schema_version", 0)
        if schema < self.schema_version:
            raise SchemaTooOldError("Outdated schema version", schema, self.schema_version)
        if schema > self.schema_version:
            raise SchemaTooNewError("Schema version is too new", schema, self.schema_version)
        try:
            self.check(dict(cell.metadata["nbgrader"]))
        except fastjsonschema.JsonSchemaException as error:
            raise ValidationError(str(error)) from error


class Validator(MetadataValidatorV3, _Compiled):
    """nbgrader's validator of a notebook's metadata, with the compiled schema."""

    def __init__(self) -> None:
        super().__init__()
        # A default that is filled in would change the notebook.
        self.check = fastjsonschema.compile(self.schema, use_default=False)

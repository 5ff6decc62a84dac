"""A graded notebook as HTML in which nothing of a student's can act: no script, form or link, no
address that a browser would ask, no style, and no name that a page's own script takes for its.

Both pages that show a student's notebook are made with it: the Formgrader's and the feedback.
`Reduce` makes of the notebook what the templates need and no more, each value checked; the
exporter's filter cleans what Markdown becomes. The policies (Content-Security-Policy) of the pages
are the second wall, not the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import PackageLoader, pass_context
from jinja2.runtime import Context
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from traitlets import Bool

from courses.coursedir.cleaning import (
    MOST_HTML,
    MOST_PICTURE,
    Budget,
    clean,
    decoded,
    latex,
    markdown,
    picture,
    text,
)

# nbgrader's own rule for the name of a cell.
_CELL_NAME = re.compile(r"[a-zA-Z0-9_\-]+")
_LEXER = re.compile(r"[a-zA-Z0-9_+\-]{1,40}")
# nbformat is not typed.
_node: Callable[..., Any] = NotebookNode
_BEGIN, _END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"


class Reduce(Preprocessor):
    """Makes a notebook of what the pages show of it, and nothing else.

    Cells whose names are not in ``resources["cells"]`` (where that is there) are not nbgrader's,
    whatever they say.
    """

    # nbconvert's own are off where they are only registered.
    enabled = Bool(True).tag(config=True)

    hidden_tests = Bool(
        True,
        help="""Whether the reader sees hidden tests, and what they printed and raised.

        Example: ``c.Reduce.hidden_tests = False``
        """,
    ).tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """nbconvert's protocol."""
        language = nb.metadata.get("language_info", {})
        lexer = language.get("pygments_lexer", language.get("name", ""))
        lexer = lexer if isinstance(lexer, str) and _LEXER.fullmatch(lexer) else "ipython3"
        known = resources.get("cells")
        budget = resources["budget"] = Budget()
        cells = [self._cell(number, each, known, budget) for number, each in enumerate(nb.cells)]
        metadata = _node(language_info=_node(name=lexer, pygments_lexer=lexer))
        return _node(nbformat=4, nbformat_minor=5, metadata=metadata, cells=cells), resources

    def _cell(self, number: int, cell: Any, known: Any, budget: Budget) -> Any:
        source, hidden = _without_hidden(text(cell.source)) if not self.hidden_tests else ("", 0)
        new = _node(
            id=f"c{number}",
            cell_type=cell.cell_type if cell.cell_type in ("code", "markdown") else "raw",
            metadata=_node(),
            source=source if hidden else text(cell.source),
        )
        if graded := _nbgrader(cell.metadata.get("nbgrader"), known):
            new.metadata["nbgrader"] = graded
        if new.cell_type == "markdown":
            new["attachments"] = cell.get("attachments", {})
        if new.cell_type == "code":
            count = cell.get("execution_count")
            new["execution_count"] = count if isinstance(count, int) else None
            outputs = cell.get("outputs", ())
            shown = _only_failure(outputs) if hidden else _outputs(outputs, budget)
            new["outputs"] = list(shown)
        return new


def _nbgrader(found: Any, known: Any) -> Any | None:
    name = found.get("grade_id") if isinstance(found, Mapping) else None
    if not isinstance(name, str) or not _CELL_NAME.fullmatch(name):
        return None
    if known is not None and name not in known:
        return None
    points = found.get("points", 0)
    return _node(
        grade_id=name,
        points=float(points) if isinstance(points, int | float) else 0.0,
        schema_version=3,
        **{key: found.get(key) is True for key in ("grade", "solution", "locked", "task")},
    )


def _without_hidden(source: str) -> tuple[str, int]:
    """A cell's source, a line in the place of each region of hidden tests; how many there were."""
    lines: list[str] = []
    inside, regions = False, 0
    for line in source.split("\n"):
        if _BEGIN in line and not inside:
            inside, regions = True, regions + 1
            lines.append(f"{line[: len(line) - len(line.lstrip())]}# (tests that are not shown)")
        elif _END in line and inside:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines), regions


def _only_failure(outputs: Any) -> Iterator[Any]:
    """Of a cell with tests that are not shown: that it failed. Its words would tell of them."""
    for each in outputs:
        if each.get("output_type") == "error":
            name = text(each.get("ename"))[:100]
            yield _error(name, f"{name}: a test of this cell failed")
            return


def _error(name: str, words: str) -> Any:
    return _node(output_type="error", ename=name, evalue="", traceback=[words])


def _outputs(outputs: Any, budget: Budget) -> Iterator[Any]:
    for each in outputs:
        kind = each.get("output_type")
        if kind == "stream":
            name = "stderr" if each.get("name") == "stderr" else "stdout"
            yield _node(output_type=kind, name=name, text=text(each.get("text")))
        elif kind == "error":
            lines = each.get("traceback")
            words = "\n".join(map(text, lines)) if isinstance(lines, list) else ""
            yield _error(text(each.get("ename")), words or text(each.get("evalue")))
        elif kind in ("display_data", "execute_result"):
            data = _shown(each.get("data", {}), budget)
            yield _node(output_type="display_data", data=data, metadata=_node())


def _shown(data: Mapping[str, Any], budget: Budget) -> Any:
    """The one form of an output that is shown, the richest that can do nothing."""
    for kind, make in _FORMS.items():
        if kind in data and (value := make(data[kind], budget)):
            shown = "text/html" if kind in ("text/markdown", "text/latex") else kind
            return _node({shown: value})
    kinds = ", ".join(sorted(str(kind)[:100] for kind in data)) or "?"
    return _node({"text/plain": f"({kinds})"})


def _html(value: Any, budget: Budget) -> str:
    html = text(value, MOST_HTML + 1)
    return clean(html, budget) if len(html) <= MOST_HTML else ""


def _raster(value: Any, _budget: Budget) -> str:
    return picture(decoded(value)).partition(",")[2]


_FORMS: dict[str, Callable[[Any, Budget], str]] = {
    "text/html": _html,
    "text/markdown": lambda value, budget: markdown(text(value), budget=budget),
    "text/latex": lambda value, budget: latex(text(value), budget),
    "image/png": _raster,
    "image/jpeg": _raster,
    # A picture in an <img>: there a browser runs and loads nothing of it.
    "image/svg+xml": lambda value, _budget: text(value, MOST_PICTURE),
    "text/plain": lambda value, _budget: text(value),
}


def cells_of(book: Any, assignment: str, notebook: str) -> frozenset[str]:
    """The names of a notebook's cells in nbgrader's gradebook. Raises nbgrader's `MissingEntry`."""
    found = book.find_notebook(notebook, assignment)
    kinds = ("grade_cells", "solution_cells", "task_cells", "source_cells")
    return frozenset(cell.name for kind in kinds for cell in getattr(found, kind))


class HarmlessHTML(HTMLExporter):
    """nbconvert's HTML, whose Markdown is cleaned and whose pages load nothing.

    What is in the notebook otherwise, `Reduce` must have seen.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        own: Any = self
        own.filters = {"markdown2html": _markdown2html, **own.filters}
        own.extra_loaders = [PackageLoader("lesesal_nbgrader"), *own.extra_loaders]


@pass_context
def _markdown2html(context: Context, source: str) -> str:
    resources = context.get("resources") or {}
    path = resources.get("metadata", {}).get("path")
    cell = context.get("cell") or {}
    folder = Path(path) if path else None
    return markdown(
        source,
        folder=folder,
        attachments=cell.get("attachments"),
        budget=resources.get("budget"),
    )

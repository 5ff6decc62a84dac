"""Notebooks for tests, as JupyterLab writes them."""

from __future__ import annotations

import textwrap

import nbformat

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def notebook(*sources: str, parameters: str = "") -> str:
    """A notebook with a cell for each source, after one tagged ``parameters`` if there are any."""
    book = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    if parameters:
        book.cells.append(_cell(parameters, tags=["parameters"]))
    book.cells += [_cell(source) for source in sources]
    text: str = nbformat.writes(book)
    return text


def _cell(source: str, **metadata: object) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(textwrap.dedent(source).strip(), metadata=metadata)

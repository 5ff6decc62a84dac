"""Notebooks from strangers: refused with a sentence, or valid and without what nobody asked for."""

from __future__ import annotations

import json
import time
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from courses.grading.notebooks import MAX_CELLS, UnreadableError, compact, parse


def raw(**more: Any) -> bytes:
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []} | more
    ).encode()


def code(**more: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "1", "outputs": []}
    return cell | {"execution_count": None} | more


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (b"", "no JSON"),
        (b"This is my solution.", "no JSON"),
        (b'{"cells": "\xff"}', "no JSON"),
        (b"[" * 100_000, "nested"),
        (b"[" * 900 + b"]" * 900, "no notebook"),
        (b'{"a":' * 100_000, "nested"),
        (b"9" * 10_000, "no JSON"),
        (b"[" + b"[]," * 2_000_000 + b"[]]", "more in it"),
        (b"[]", "no notebook"),
        (b'{"nbformat": true, "cells": []}', "format"),
        (b'{"nbformat": 5, "cells": []}', "format"),
        (b'{"nbformat": 3, "worksheets": 3}', "old format"),
        (b'{"nbformat": 2, "worksheets": [{"cells": [{"cell_type": []}]}]}', "old format"),
        (raw(cells={"a": 3}), "no list"),
        (raw(cells=[3]), "cell 1"),
        (raw(cells=[code(cell_type="heading")]), "cell 1"),
        (raw(cells=[code(cell_type=["code"])]), "cell 1"),
        (raw(cells=[code(source=3)]), "text"),
        (raw(cells=[code(source=["a", 3])]), "text"),
        (raw(cells=[code()] * (MAX_CELLS + 1)), "cells"),
    ],
)  # fmt: skip
def test_what_is_no_notebook_is_refused_at_once(given: bytes, says: str) -> None:
    began = time.process_time()
    with pytest.raises(UnreadableError, match=says):
        parse(given)
    assert time.process_time() - began < 2


def test_what_cannot_be_written_down_is_refused() -> None:
    notebook = parse(raw(cells=[code(source="\ud800")]))
    with pytest.raises(UnreadableError, match="characters"):
        compact(notebook)


def test_an_honest_notebook_comes_through() -> None:
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# Hei", attachments={"a.png": {"image/png": "AAAA"}}),
            new_code_cell("print(1)\nprint(2)", metadata={"tags": ["a"], "collapsed": True}),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python"}},
    )
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="1\n")]
    found = parse(nbformat.writes(notebook).encode())
    nbformat.validate(found)
    assert [each.source for each in found.cells] == [each.source for each in notebook.cells]
    assert [each.id for each in found.cells] == [each.id for each in notebook.cells]
    assert found.cells[0].attachments == notebook.cells[0].attachments
    assert (found.cells[1].outputs, found.cells[1].metadata) == ([], {"tags": ["a"]})
    assert found.metadata == notebook.metadata
    assert json.loads(compact(found)) == found


def test_an_old_notebook_is_brought_up_to_date() -> None:
    cell = {"cell_type": "code", "input": "1", "outputs": [], "language": "python", "metadata": {}}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    found = parse(json.dumps(old).encode())
    nbformat.validate(found)
    assert [each.source for each in found.cells] == ["1"]


def test_metadata_of_the_wrong_types_is_left_out() -> None:
    bad: Any = [3]
    metadata = {"kernelspec": {"name": 3}, "language_info": bad, "language": bad, "widgets": bad}
    cell = code(
        id="a b", metadata={"tags": ["x", 3, "x"], "nbgrader": bad, "name": bad, "jupyter": 1}
    )
    text = {"cell_type": "markdown", "id": "a", "source": "", "attachments": {"a": bad}}
    found = parse(raw(metadata=metadata, cells=[cell, code(metadata=bad), text]))
    nbformat.validate(found)
    assert (found.metadata, found.cells[0].metadata) == ({}, {"tags": ["x"]})
    assert len({each.id for each in found.cells}) == 3


def test_of_a_key_that_stands_twice_the_last_counts_and_no_constant_is_a_number() -> None:
    text = raw(cells=[code()]).decode()
    text = text.replace('"source": "1"', '"source": "1", "source": "2", "x": NaN, "y": -Infinity')
    (cell,) = parse(text.encode()).cells
    assert cell.source == "2"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
CELL = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "markdown", "raw"]) | JSON, "source": st.text() | JSON},
    optional={
        "id": st.text() | JSON,
        "metadata": JSON | st.dictionaries(st.sampled_from(["nbgrader", "tags", "editable"]), JSON),
        "attachments": JSON | st.dictionaries(st.text(), JSON),
        "outputs": JSON,
    },
)


@settings(max_examples=200)
@given(
    st.fixed_dictionaries(
        {"nbformat": st.just(4) | st.integers(0, 6)},
        optional={"cells": st.lists(CELL, max_size=3) | JSON, "metadata": JSON, "worksheets": JSON},
    )
)
def test_whatever_comes_in_what_comes_out_is_valid(found: dict[str, Any]) -> None:
    try:
        notebook = parse(json.dumps(found).encode())
        compact(notebook)
    except UnreadableError:
        return
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
    nbformat.validate(notebook)

"""An honest notebook shows the same here as with stock nbgrader's Execute."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from extensions.execution.running import Folder, cell, notebook, work
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

# What programs print is read by a thread; a cell that ends before it has, may do without.
LOW = """
import os, sys, threading
read, write = threading.Event(), sys.stdout.write
sys.stdout.write = lambda text: (write(text), read.set())[0]
os.system('echo low')
read.wait(30)
del sys.stdout.write
"""
MANY = [
    cell("print('one')\nimport sys\nprint('two', file=sys.stderr)\n1 + 1"),
    cell("_ + 1"),
    cell("from IPython.display import display, clear_output, HTML\ndisplay(HTML('<b>x</b>'))"),
    cell("print('gone'); clear_output(); print('there')"),
    cell("h = display('first', display_id=True)"),
    cell("h.update('second')"),
    cell("def f(x):\n    return 1 / x\n\nf(0)"),
    cell("this is no Python"),
    cell("%%time\nprint('in magic')", "magic", points=1),
    cell("!echo from a shell"),
    cell("assert f(1) == 1", "t1", points=2),
    cell("assert f(1) == 2, 'not two'", "t2", points=2),
    cell("f(2)", "t3", points=2),
    cell("'text'", "t4", points=2),
    cell("print('out'); f(4)", "t5", points=2),
    cell("print('err', file=sys.stderr)", "t6", points=2),
    cell("f(0)", "t7", points=2),
    cell("raise SystemExit", "t8", points=1),
    cell("input()", "t9", points=1),
    cell("1 / 0;", "t10", points=1),
    cell("3;", "t11", points=1),
    cell("await __import__('asyncio').sleep(0)\n0.5", "t12", points=1),
    cell(f"%matplotlib inline\n{LOW}"),
    cell("raise ValueError('mine')", tags=("raises-exception",)),
    cell("print('never')", tags=("skip-execution",)),
    cell("", "empty", solution=True),
    cell("answer = 1", "by_hand", points=3, solution=True),
    cell("import os; os.environ['NBGRADER_EXECUTION']"),
    cell("In[-1], len(In), sorted(Out)"),
    cell("get_ipython().execution_count"),
]


def stock(book: NotebookNode, folder: Path) -> NotebookNode:
    from nbgrader.preprocessors import Execute

    folder.mkdir()
    # It would go on without what comes later.
    found, _ = Execute(iopub_timeout=60).preprocess(
        copy.deepcopy(book), {"metadata": {"path": str(folder)}}
    )
    return found


def plain(book: NotebookNode) -> list[Any]:
    """Outputs without what differs from one run to the next."""
    return [
        (one.source, one.execution_count, _outputs(one.outputs))
        for one in book.cells
        if one.cell_type == "code"
    ]


def _outputs(outputs: list[Any]) -> list[Any]:
    streams: dict[str, str] = {}
    rest = []
    for output in outputs:
        if output.output_type == "stream":
            # How a kernel cuts its streams into messages is a matter of time.
            streams[output.name] = streams.get(output.name, "") + output.text
        else:
            text = re.sub(r"/[^ ']*/site-packages", "", json.dumps(output, sort_keys=True))
            rest.append(re.sub(r"(ipykernel|ipython-input)[-_/0-9a-f]+", "", text))
    for name, text in streams.items():
        # The sandbox has no terminals: shell commands write to a pipe.
        text = re.sub(r"(CPU times|Wall time).*", "", text).replace("\r\n", "\n")
        # Said where matplotlib's first import takes more than five seconds.
        streams[name] = re.sub(r"Matplotlib is building the font cache.*\n", "", text)
    return [{name: text for name, text in streams.items() if text}, *rest]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "run")


def test_a_notebook_of_everything(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With it, ipykernel leaves alone what programs print.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    # As nbgrader autograde sets it.
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    book = new_notebook(
        cells=copy.deepcopy(MANY),
        metadata={"kernelspec": {"name": "python3", "language": "python", "display_name": "P"}},
    )
    expected = stock(book, tmp_path / "stock")
    folder.add("all", book)
    work(folder)
    assert folder.result("all")["state"] == "graded"
    found = folder.executed("all")
    for ours, theirs in zip(plain(found), plain(expected), strict=True):
        assert ours == theirs
    assert found.metadata["language_info"] == expected.metadata["language_info"]
    assert _grades(found) == _grades(expected)


def test_checks_of_the_authors(folder: Folder, tmp_path: Path) -> None:
    """Taken out of the code, they give the points that they give inside."""
    setup = cell("from lesesal_notebook import check as c\nimport lesesal_notebook.check", "setup")
    checks = [
        cell("c.check([1, 2], equals=[1, 2])\nx = 3", "c1", points=1),
        cell("c.check([1, 2], equals=[1, 3])\nx = 4", "c2", points=1),
        cell("c.check(x, equals=3)  # the check before has ended its cell", "c3", points=1),
        cell("y = 1\nc.check(\n    0.1 + 0.2,\n    equals=0.3, close=1e-9,\n)\nx", "c4", points=5),
        cell("for n in (1, 2):\n    c.check(n, equals=n)", "c5", points=1),
        cell("lesesal_notebook.check.check(x, equals=4); 0.5", "c6", points=1),
        cell("c.check(1 / 0, equals=4)", "c7", points=1),
        cell("c.check(æ := 'ø', equals='ø'); c.check(æ, 'ø')", "c8", points=1),
    ]
    folder.add("checks", notebook("1", "1", setup, *checks))
    work(folder)
    assert folder.result("checks")["state"] == "graded"
    expected = {"c1": 1, "c2": 0, "c3": 1, "c4": 3, "c5": 1, "c6": 0, "c7": 0, "c8": 1}
    grades = _grades(folder.executed("checks"))
    assert {name: grades[name] for name in expected} == expected
    says = folder.outputs("checks", "c2")[-1]["evalue"]
    assert says.startswith("check([1, 2], …): ")
    assert folder.outputs("checks", "c7")[-1]["ename"] == "ZeroDivisionError"


def _grades(book: NotebookNode) -> dict[str, float | None]:
    from nbgrader.utils import determine_grade, is_grade

    return {
        one.metadata.nbgrader.grade_id: determine_grade(one)[0]
        for one in book.cells
        if is_grade(one)
    }

"""Notebooks that are ended: what ran keeps its points, what did not says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from extensions.execution.running import Folder, cell, notebook, work
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

SECONDS = 8.0


def ends(end: str) -> NotebookNode:
    """A test that is passed, one during which it ends, and one that would be passed after it."""
    return new_notebook(
        cells=[
            cell("def answer():\n    return 42", "answer", solution=True),
            cell("print('ran')\nassert answer() == 42", "first", points=1),
            cell(f"def last():\n{end}", "last", solution=True),
            cell("print('before')\nlast()", "second", points=2),
            cell("assert answer() == 42", "third", points=4),
            cell("print('by hand')", "fourth", points=8, solution=True),
        ]
    )


ENDS: dict[str, tuple[str, str, float]] = {
    # The last is the score: where the kernel heeds the interrupt, the rest runs.
    "sleeps": ("    import time; time.sleep(60)", "cell-timeout", 5),
    "ignores": (
        "    import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n    while True: pass",
        "cell-timeout",
        1,
    ),
    "swallows": (
        "    import time\n    try: time.sleep(60)\n    except KeyboardInterrupt: pass",
        "cell-timeout",
        5,
    ),
    "exits": ("    import os; os._exit(0)", "died", 1),
    "prints": ("    while True: print('y' * 1000)", "output", 1),
    "one line": ("    print('y' * 3_000_000)", "output", 1),
    "displays": (
        "    from IPython.display import display\n    while True: display('y' * 100)",
        "",
        1,
    ),
    "segfaults": ("    import ctypes; ctypes.string_at(0)", "died", 1),
    "memory": ("    found = []\n    while True: found.append(b'x' * 10_000_000)", "memory", 1),
    "computes": (
        "    import os\n    for _ in range(3):\n        os.fork()\n    while True: pass",
        "",
        1,
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    limits = {"cell_seconds": SECONDS, "seconds": 60.0, "cpu_seconds": 16.0}
    made = Folder(tmp_path_factory.mktemp("limits") / "run", **limits)
    for name, (end, *_) in ENDS.items():
        made.add(name, ends(end))
    work(made, "--workers", "4")
    return made


def says(folder: Folder, name: str, grade_id: str) -> list[Any]:
    return [one["evalue"] for one in folder.outputs(name, grade_id) if one.get("evalue")]


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDS)
def test_it_ends_and_says_so(folder: Folder, name: str) -> None:
    _, kind, score = ENDS[name]
    result = folder.result(name)
    assert result["state"] == "failed", result
    assert result["evidence"] == []
    if kind:
        assert result["reason"]["kind"] == kind, result
        assert result["reason"]["facts"]["notebook"] == "problem1"
        assert result["reason"]["facts"]["cell"] == "second"
    assert folder.outputs(name, "first")[0]["text"] == "ran\n"
    if kind:
        assert folder.score(name) == score
    if kind and score == 1:
        assert says(folder, name, "second")[0].startswith("This cell was ended, because ")
        for grade_id in ("third", "fourth"):
            (sentence,) = says(folder, name, grade_id)
            assert sentence.startswith("This cell did not run, because ")


@pytest.mark.slow
def test_an_interrupted_cell_looks_as_with_nbgrader(folder: Folder) -> None:
    names = [one.get("ename") for one in folder.outputs("sleeps", "second")]
    assert names == [None, "KeyboardInterrupt", "CellTimeoutError"]
    names = [one.get("ename") for one in folder.outputs("swallows", "second")]
    assert names == [None, "CellTimeoutError"]


def test_a_notebook_has_an_end_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "run", seconds=8.0)
    folder.add("long", notebook("import time\nfor _ in range(60): time.sleep(1)"), notebook())
    work(folder)
    result = folder.result("long")
    assert result["state"] == "failed"
    facts = {"notebook": "problem1", "seconds": 8.0}
    assert result["reason"] == {"kind": "timeout", "facts": facts}
    assert folder.score("long") == 0
    # The other one has a kernel of its own.
    assert result["notebooks"]["problem2.ipynb"]["cells"] == 5

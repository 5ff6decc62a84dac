"""Results that a test's own code cannot have given, and errors that are taken back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from extensions.execution.running import Folder, cell, work
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

SEND = """
kernel = get_ipython().kernel

def send(kind, content, **more):
    stream = kernel.shell_stream if kind == "execute_reply" else kernel.iopub_socket
    more.setdefault("parent", kernel.get_parent("shell"))
    kernel.session.send(stream, kind, content, **more)

def result(text):
    send("execute_result", {"execution_count": 1, "data": {"text/plain": text}, "metadata": {}})
"""
REPLY = '{"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}'
IDLE = 'send("status", {"execution_state": "idle"})'


@dataclass(frozen=True)
class Forgery:
    """What `answer` does when the test, of two points, calls it."""

    answer: str
    test: str = "assert answer() == 42"
    state: str = "suspect"
    score: float = 0
    after: str = ""


FORGERIES = {
    "result of a test that has none": Forgery("result('2')\nreturn 42"),
    # The error counts, whatever was before it.
    "result before an error": Forgery(
        "result('2')", test="assert answer() == 42\n1", state="graded"
    ),
    "second result": Forgery("result('2')\nreturn 0", test="answer()"),
    "a second reply": Forgery(
        f"send('execute_reply', {REPLY}, ident=kernel._parent_ident['shell'])\nreturn 42"
    ),
    "reply and end before the error": Forgery(
        f"send('execute_reply', {REPLY}, ident=kernel._parent_ident['shell'])\n{IDLE}\n"
        "import time; time.sleep(0.3)"
    ),
    "result for nobody": Forgery("send('execute_result', {}, parent=None)\nreturn 42"),
    "more than there is": Forgery("return 3", test="answer()"),
    "less than nothing": Forgery("return -1", test="answer()"),
    "no number": Forgery("return float('nan')", test="answer()"),
    "without end": Forgery("return float('inf')", test="answer()"),
    "result without text": Forgery(
        "return type('Empty', (), {'__repr__': lambda self: ''})()", test="answer()"
    ),
    "half of the points": Forgery("return 1", test="answer()", state="graded", score=1),
    "all of them": Forgery("return 42", state="graded", score=2),
    "an error that is cleared away": Forgery(
        "get_ipython().showtraceback((ValueError, ValueError('x'), None))\n"
        "from IPython.display import clear_output; clear_output()\nreturn 42",
        state="graded",
    ),
    "half of the points, cleared away": Forgery(
        "return 1",
        test="answer()",
        state="graded",
        score=1,
        # It runs in the test, after its result.
        after="get_ipython().events.register('post_run_cell', lambda _: "
        "__import__('IPython.display').display.clear_output())",
    ),
    "half of the points, later raised": Forgery(
        "from IPython.display import display\n"
        "class Shown:\n    def _ipython_display_(self): display(1, display_id='mine')\nreturn 1",
        test="answer()",
        state="graded",
        score=1,
        after="from IPython.display import update_display; update_display(2, display_id='mine')",
    ),
    "a value handed over twice": Forgery(
        "import re\n"
        "code = kernel.get_parent('shell')['content']['code']\n"
        "nonce = re.search('\"([0-9a-f]{16})\"', code)[1]\n"
        "from lesesal_notebook.check import hand_over\nhand_over(42, nonce)",
        test="from lesesal_notebook.check import check\ncheck(answer(), equals=42)",
    ),
    "a value handed over without being asked": Forgery(
        "from lesesal_notebook.check import hand_over\nhand_over(42, 'x')\nreturn 42"
    ),
    "no value": Forgery(
        "import lesesal_notebook.check as c\nc.hand_over = lambda *_: None",
        test="from lesesal_notebook.check import check\ncheck(answer(), equals=42)",
        state="graded",
    ),
}


def book(forgery: Forgery) -> NotebookNode:
    body = "".join(f"    {line}\n" for line in forgery.answer.splitlines())
    return new_notebook(
        cells=[
            cell(f"{SEND}\n{forgery.after}\ndef answer():\n{body}", "answer", solution=True),
            cell(forgery.test, "test", points=2),
            cell(forgery.after or "1", "after", solution=True),
            cell("assert 1 == 1", "other", points=4),
        ]
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = Folder(tmp_path_factory.mktemp("forged") / "run")
    for name, forgery in FORGERIES.items():
        made.add(name, book(forgery))
    work(made, "--workers", "3")
    return made


@pytest.mark.parametrize("name", FORGERIES)
def test_it_is_not_believed(folder: Folder, name: str) -> None:
    forgery, result = FORGERIES[name], folder.result(name)
    assert result["state"] == forgery.state, result
    # Only the one test is not believed.
    assert folder.score(name) == forgery.score + 4
    if forgery.state == "suspect":
        facts = {"notebook": "problem1", "cell": "test"}
        assert result["reason"] == {"kind": "forged", "facts": facts}
        assert result["evidence"] == [result["reason"]]
        first = folder.outputs(name, "test")[0]
        assert first["evalue"].startswith("This cell's result is not believed: ")


def test_a_result_of_an_earlier_cell_stays(tmp_path: Path) -> None:
    """A display that is updated later is updated, unless a test showed it."""
    folder = Folder(tmp_path / "run")
    show = "from IPython.display import display, update_display\ndisplay(1, display_id='{}')"
    cells = [
        cell(show.format("a"), "mine", solution=True),
        cell(show.format("b"), "test", points=1),
        cell("for name in 'ab': update_display(2, display_id=name)"),
    ]
    folder.add("one", new_notebook(cells=cells))
    work(folder)
    assert folder.outputs("one", "mine")[0]["data"]["text/plain"] == "2"
    assert folder.outputs("one", "test")[0]["data"]["text/plain"] == "1"

"""What lean kernels do their own way, beside IPython's, ipykernel's and jupyter_client's."""

from __future__ import annotations

import random
import warnings
from typing import Any

import pytest
from ipykernel import ipkernel
from ipykernel.compiler import murmur2_x86
from IPython.core.async_helpers import _should_be_async
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.session import Session

from lesesal_notebook.kernels.cells import Reader, file_number, remember_parameters
from lesesal_notebook.kernels.session import LeanSession

CODE = (
    "",
    "\n\n",
    "1",
    "x = 1\n\n\nx",
    "    x = 1\n    y = 2",
    ">>> x = 1\n>>> x",
    "In [1]: x = 1\n   ...: y",
    "%time x = 1",
    "%%bash\necho 1",
    "!ls",
    "files = !ls\nfiles",
    "where = %pwd",
    "print?\nx = 1",
    "?print",
    "x = 5\n%matplotlib inline\ny = x",
    "def f():\n    %time x = 1\n    !ls\n    return x",
    "s = '''\n%time\n!ls\n'''",
    "s = 7 \\\n% 3",
    "f(1,\n% 2)",
    "x = (3\n% 2)",
    "await f()",
    "async def f():\n    await g()\nawait f()",
    "[x async for x in y]",
    "x = 'a\u2028%time y'",
    "x = 'a\x0c%time y'",
    "x = 1\r\n%time y\r\n",
    "x = 1\r%pwd",
    "return 1",
    "def f(:",
    "x is 1",
    "assert (x, 'word')",
    "'\\d'",
    "x = 'ünï'\nx?",
    "f'{x!r}'",
    ",f a b",
    "/f a",
    "x = '\x00'",
    "x = '\ud800'",
    "(" * 300,
)


def shown(code: str, manager: Any, is_async: Any) -> tuple[str, list[bool], list[str]]:
    """As ipykernel and IPython ask: twice each, and the warnings that come of it."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asked = []
        for _ in range(2):
            plain = manager.transform_cell(code)
            asked.append(is_async(plain))
    return plain, asked, [str(one.message) for one in told]


@pytest.mark.parametrize("code", CODE)
def test_a_cell_is_read_as_ipython_reads_it(code: str) -> None:
    reader = Reader()
    wanted = shown(code, TransformerManager(), _should_be_async)
    assert shown(code, reader, reader.should_be_async) == wanted


def test_plain_python_is_not_split_into_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    split = []
    stock = TransformerManager.do_token_transforms
    monkeypatch.setattr(
        TransformerManager,
        "do_token_transforms",
        lambda self, lines: split.append(lines) or stock(self, lines),
    )
    reader = Reader()
    for code in ("x = 1", "x = 1", "%time x", "%time x"):
        reader.transform_cell(code)
    assert split == [["%time x\n"]] * 2


def test_own_transformers_are_called_each_time() -> None:
    reader = Reader()
    seen = []
    reader.cleanup_transforms.append(lambda lines: seen.append(lines) or lines)
    for _ in range(3):
        reader.transform_cell("x = 1")
    assert len(seen) == 3


def test_files_of_cells_have_stocks_names() -> None:
    draw = random.Random(1)
    for length in range(200):
        code = "".join(draw.choice("abc =\n(ü€😀)") for _ in range(length))
        assert file_number(code, 0xC70F6907) == murmur2_x86(code, 0xC70F6907)


def test_parameters_are_found_once_and_anew_for_another_method() -> None:
    class Shell:
        async def run(self, code: str, *, cell_id: str = "") -> None: ...

        async def other(self, **anything: object) -> None: ...

    accepts, names = remember_parameters(), ["cell_id", "cell_meta"]
    shell = Shell()
    for method in (shell.run, shell.run, shell.other, Shell().run):
        assert accepts(method, names) == ipkernel._accepts_parameters(method, names)


@pytest.mark.parametrize("key", [b"key", b""])
def test_messages_are_those_of_jupyter_client(key: bytes) -> None:
    stock, lean = (
        kind(key=key, session="name", username="student1") for kind in (Session, LeanSession)
    )
    lean.known()
    parent = stock.msg("execute_request", {"code": "1"})
    contents: list[dict[str, Any]] = [
        {},
        {"text": "ünï 😀 \udc80 </script>"},
        {"data": {"text/plain": "1"}, "metadata": {}, "n": [1, 2.5, None, True]},
        {"data": b"bytes", "set": {1}, "date": parent["header"]["date"]},
    ]
    for content in contents:
        for ident in (None, b"topic", [b"a", b"b"]):
            made = []
            for session in (stock, lean):
                message = session.msg("stream", content, parent=parent, metadata={"a": 1})
                frames = session.serialize(message, ident)
                idents, rest = session.feed_identities(frames)
                heard = Session(key=key, session="other").deserialize(rest)
                date = heard["header"].pop("date")
                assert abs((date - parent["header"]["date"]).total_seconds()) < 60
                heard["msg_id"] = heard["header"].pop("msg_id").rpartition("_")[0]
                made.append((idents, heard, rest[2:]))
            assert made[0] == made[1]


def test_what_is_no_json_is_made_json_of_with_a_warning() -> None:
    said = []
    for kind in (Session, LeanSession):
        session = kind(key=b"key", session="name")
        with pytest.warns(UserWarning, match="Message serialization failed"):
            said.append(session.serialize(session.msg("stream", {"text": float("nan")}))[-1])
    assert said[0] == said[1]

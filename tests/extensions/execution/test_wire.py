"""What a kernel can send: anything. Nothing of it may raise, and notebooks stay notebooks."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest
from extensions.execution.running import cell
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_notebook

from lesesal_notebook.execution.outputs import SHOWN, Outputs
from lesesal_notebook.execution.wire import DELIMITER, Message, pack, unpack

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("data", "metadata", "transient", "name", "text", "ename", "evalue", "traceback", "wait")
CONTENT = st.dictionaries(
    st.sampled_from((*KEYS, "execution_count", "comm_id", "target_name", "state")),
    JSON | st.fixed_dictionaries({"display_id": JSON}) | st.dictionaries(st.text(), st.text()),
)


def message(kind: str, content: Any, parent: str = "a") -> Message:
    header = {"msg_type": kind, "msg_id": "b"}
    parts = [json.dumps(part).encode() for part in (header, {"msg_id": parent}, {}, content)]
    found, _ = unpack([DELIMITER, b"", *parts])
    assert found
    return found


def test_there_and_back() -> None:
    name, frames = pack(b"key", "session", "execute_request", {"code": "1"})
    found, size = unpack([b"topic", *frames])
    assert found
    assert (found["msg_id"], found["msg_type"]) == (name, "execute_request")
    assert found["content"] == {"code": "1"}
    assert size == len(b'{"code": "1"}')


@given(st.lists(st.binary() | st.just(DELIMITER) | JSON.map(json.dumps).map(str.encode)))
def test_no_frames_raise(frames: list[bytes]) -> None:
    unpack(frames)


@pytest.mark.parametrize(
    "part", [b"[" * 100_000, b'{"a": ' * 100_000, b"9" * 10_000, b"\xff", b"[]", b"null", b""]
)
def test_what_is_no_object(part: bytes) -> None:
    header = b'{"msg_type": "stream", "msg_id": "b"}'
    assert unpack([DELIMITER, b"", header, b"{}", b"{}", part])[0] is None
    assert unpack([DELIMITER, b"", part, b"{}", b"{}", b"{}"])[0] is None


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from((*SHOWN, "clear_output", "comm_open", "comm_msg")), CONTENT))
)
def test_a_notebook_stays_one(sent: list[tuple[str, dict[str, Any]]]) -> None:
    book = new_notebook(cells=[cell("1")])
    outputs = Outputs(book, lambda _: None)
    outputs.begin(book.cells[0])
    for kind, content in sent:
        outputs.take(message(kind, content), book.cells[0], 0)
    outputs.finish()
    nbformat.validate(book)
    nbformat.writes(book).encode()


def test_half_characters_can_be_written() -> None:
    book = new_notebook(cells=[cell("1")])
    outputs = Outputs(book, lambda _: None)
    outputs.begin(book.cells[0])
    content = {"name": "stdout", "text": "\ud800 \U0001f600"}
    outputs.take(message("stream", content), book.cells[0], 0)
    assert book.cells[0].outputs[0].text == "\ufffd \U0001f600"


def test_an_update_of_thousands_of_displays_is_not_followed() -> None:
    book = new_notebook(cells=[cell("1")])
    outputs = Outputs(book, lambda _: None)
    outputs.begin(book.cells[0])
    shown = {"data": {"text/plain": "1"}, "metadata": {}, "transient": {"display_id": "d"}}
    for _ in range(1_600):
        outputs.take(message("display_data", shown), book.cells[0], 0)
    assert len(book.cells[0].outputs) < 1_600


def test_an_output_widget() -> None:
    sent: list[Message] = []
    book = new_notebook(cells=[cell("1")])
    outputs = Outputs(book, sent.append)
    outputs.begin(book.cells[0])
    state = {"_model_module": "@jupyter-widgets/output", "_model_name": "OutputModel"}
    opened = {
        "comm_id": "c",
        "target_name": "jupyter.widget",
        "data": {"state": state | {"outputs": []}},
    }
    follow = {"comm_id": "c", "data": {"state": {"msg_id": "a"}}}
    outputs.take(message("comm_open", opened), book.cells[0], 0)
    outputs.take(message("comm_msg", follow), book.cells[0], 0)
    outputs.take(message("stream", {"name": "stdout", "text": "in"}), book.cells[0], 0)
    outputs.finish()
    assert book.cells[0].outputs == []
    assert sent[0]["content"]["data"]["state"]["outputs"][0]["text"] == "in"
    saved = book.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]["c"]
    assert saved["state"]["outputs"][0]["text"] == "in"

"""`progress`: long loops as lines of text, in files, and in real kernels."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed import CHECKOUT
from hubs import until
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from lesesal_notebook import progress
from lesesal_notebook.widgets.progress import files, tracks
from lesesal_notebook.widgets.progress.curves import BUCKETS, Curves, extremes, floats, number
from lesesal_notebook.widgets.progress.files import KEPT, home, prune
from lesesal_notebook.widgets.progress.picture import panels_of, picture
from lesesal_notebook.widgets.progress.seen import Loop, Seen, State, duration, line

TORCH = CHECKOUT / ".venv" / "torch" / "bin" / "python"


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("LESESAL_BATCH_TASK", raising=False)


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A batch job's task, whose folder a loop writes to from its first moment."""
    folder = tmp_path / "task"
    monkeypatch.setenv("LESESAL_BATCH_TASK", str(folder))
    return folder


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still, however slow the machine is: its seconds, to be set."""
    now = [0.0]
    clock = type("Clock", (), {"monotonic": lambda: now[0], "time": lambda: 1e9 + now[0]})
    monkeypatch.setattr(tracks, "time", clock)
    monkeypatch.setattr("lesesal_notebook.widgets.progress.progress.time", clock)
    return now


def reports(task: Path) -> list[dict[str, Any]]:
    return [json.loads(each) for each in (task / "progress.jsonl").read_text().splitlines()]


# What is kept


def test_of_a_million_reports_the_ends_and_extremes_are_kept() -> None:
    curves = Curves()
    for step in range(1, 200_001):
        value = {70_001: -5.0, 123_456: 9.0, 150_000: math.nan}.get(step, math.sin(step))
        curves.add(step, {"loss": value, "lr": 1 / step})
    rows = curves.rows()
    assert len(rows) <= 2 * BUCKETS * 6
    assert (rows[0][0], rows[-1][0]) == (1, 200_000)
    found = extremes(rows, "loss")
    assert (found.lowest, found.highest) == ((70_001, -5.0), (123_456, 9.0))
    assert found.odd is not None
    assert found.odd[0] == 150_000
    assert extremes(rows, "lr").lowest == (200_000, 1 / 200_000)


def test_few_reports_are_all_kept() -> None:
    run = progress(range(5))
    for each in run:
        run.report(loss=each)
        if each == 2:
            run.report(checked=1)
    assert run.history == [
        {"step": 1, "loss": 0.0},
        {"step": 2, "loss": 1.0},
        {"step": 3, "loss": 2.0, "checked": 1.0},
        {"step": 4, "loss": 3.0},
        {"step": 5, "loss": 4.0},
    ]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("0.3", "loss is the text '0.3'"),
        ([1, 2], "loss is of type list"),
        (None, "loss is of type NoneType"),
        (10**400, "loss is of type int"),
    ],
)
def test_what_is_no_number_is_refused_by_name(value: object, sentence: str) -> None:
    with progress(total=1) as run, pytest.raises(TypeError, match=f"is one number; {sentence}"):
        run.report(loss=value)


class OnGpu:
    """A tensor of a GPU: to read it waits for the GPU. (There is none here.)"""

    device = type("Device", (), {"type": "cuda"})()
    dtype = "float32"

    def __init__(self, value: float, read: list[int]) -> None:
        self.value, self.read = value, read

    def numel(self) -> int:
        return 1

    def detach(self) -> OnGpu:
        return OnGpu(self.value, self.read)

    def reshape(self, _shape: tuple[()]) -> OnGpu:
        return self

    clone = detach


def test_the_gpu_is_waited_for_once_for_many_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    class Stacked:
        def __init__(self, tensors: list[OnGpu]) -> None:
            self.tensors = tensors

        def tolist(self) -> list[float]:
            read.append(len(self.tensors))
            return [tensor.value for tensor in self.tensors]

    monkeypatch.setitem(sys.modules, "torch", type("torch", (), {"stack": Stacked}))
    tensor = OnGpu(0.5, read)
    rows: list[tuple[int, dict[str, Any]]] = [(1, {"loss": number(tensor)}), (2, {"loss": 1.0})]
    rows.append((3, {"loss": number(tensor)}))
    tensor.value = 7.0  # the loop counts on in the same tensor
    assert read == []
    assert floats(rows) == [(1, {"loss": 0.5}), (2, {"loss": 1.0}), (3, {"loss": 0.5})]
    assert read == [2]


@pytest.mark.slow
@pytest.mark.skipif(not TORCH.exists(), reason="There is no torch here.")
def test_tensors_are_taken_as_they_are_now_and_without_their_graph() -> None:
    code = """
import gc, torch, numpy
from lesesal_notebook import progress
weight = torch.ones(3, requires_grad=True)
total = torch.zeros(())
run = progress(range(3))
for each in run:
    loss = (weight * each).sum()
    total += loss.detach()
    run.report(loss=loss, total=total, other=numpy.float32(each))
    del loss
print(run.history)
print(sum(isinstance(each, torch.Tensor) and each.grad_fn is not None for each in gc.get_objects()))
try:
    with progress(total=1) as run:
        run.step(loss=weight)
except TypeError as error:
    print(error)
"""
    done = subprocess.run(
        [TORCH, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "extensions"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    lines = done.stdout.splitlines()
    assert lines[1:3] == [
        "[{'step': 1, 'loss': 0.0, 'total': 0.0, 'other': 0.0}, "
        "{'step': 2, 'loss': 3.0, 'total': 3.0, 'other': 1.0}, "
        "{'step': 3, 'loss': 6.0, 'total': 9.0, 'other': 2.0}]",
        "0",
    ]
    assert lines[-1] == "A value to report is one number; loss is a tensor of 3 numbers."


# What is said


@pytest.mark.usefixtures("clock")
def test_a_short_loop_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    run = progress([3, 1, 2], name="training")
    assert [run.report(loss=each / 10) or each for each in run] == [3, 1, 2]
    assert capsys.readouterr().out == "training: Done: 3 steps in 0:00 · loss 0.2\n"
    assert not home().exists()


def test_of_a_long_loop_there_are_few_lines(
    capsys: pytest.CaptureFixture[str], clock: list[float]
) -> None:
    for _each in progress(range(1200), name="long"):
        clock[0] += 1
    lines = capsys.readouterr().out.splitlines()
    assert 10 <= len(lines) <= 40
    first = "long: step 30 of 1\u202f200 (2 %) · 1 steps/s · 0:30 so far · about 19:30 left"
    assert lines[0] == first
    assert lines[-1] == "long: Done: 1\u202f200 steps in 20:00"


@pytest.mark.usefixtures("clock")
def test_how_a_loop_ends_is_said_and_its_error_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise OSError("The disk is away.")

    with pytest.raises(OSError, match="The disk is away"):
        list(progress(failing()))

    def stepping(error: BaseException) -> None:
        with progress(total=9) as run:
            run.step(4)
            raise error

    with pytest.raises(KeyError):
        stepping(KeyError("x"))
    with pytest.raises(KeyboardInterrupt):
        stepping(KeyboardInterrupt())
    for each in progress(range(10)):
        if each == 3:
            break
    for each in progress(iter("abc")):
        if each == "b":
            break
    with progress(total=3) as run:
        run.step(3)
    list(progress([]))
    assert capsys.readouterr().out.splitlines() == [
        "Stopped with an error at step 1: OSError",
        "Stopped with an error at step 4: KeyError",
        "Interrupted at step 4",
        "Stopped at step 3 of 10",
        "Stopped at step 1",
        "Done: 3 steps in 0:00",
        "Done: 0 steps in 0:00",
    ]


def test_what_would_not_be_shown_is_refused_at_once() -> None:
    with pytest.raises(RuntimeError, match=r"with progress\(total=…\) as run"):
        progress(total=3).step()
    with pytest.raises(TypeError, match="nothing to iterate over"):
        list(progress(total=3))


def test_what_is_no_number_is_said_in_a_word() -> None:
    rows = ((1, {"loss": 1.0}), (2, {"loss": math.inf}), (3, {"loss": math.nan}))
    seen = Seen("1", (Loop("", 3, 9, 1.0, values=rows[-1][1], rows=rows),), State.DONE, 0.0, 0.0)
    assert line(seen).endswith("loss NaN")
    assert "loss NaN, ∞ first at step 2" in picture(seen)


def test_values_of_one_scale_share_a_panel() -> None:
    rows = [
        (step, {"train_loss": 1 / step, "val_loss": 1.1 / step, "lr": 1e-5, "weight_loss": 1e6})
        for step in range(1, 9)
    ]
    assert panels_of(rows) == [["train_loss", "val_loss"], ["lr"], ["weight_loss"]]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3725, "1:02:05")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_names_are_shown_as_they_are(task: Path) -> None:
    with progress(total=1, name="<b>&") as run:
        run.step(**{"<script>": 1})
    seen = Seen("1", (Loop("<b>&", 1, 1, 0.0, rows=((1, {"<i>": 1}),)),), State.DONE, 0.0, 0.0)
    html = picture(seen)
    assert "<b>&lt;b&gt;&amp;</b>" in html
    assert "<i>" not in html


# Within each other, and at once


@pytest.mark.usefixtures("clock")
def test_an_inner_loop_counts_on(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = []
    for epoch in progress(range(3), name="epochs"):
        run = progress(range(2), name="batches")
        runs.append(run)
        for batch in run:
            run.report(loss=10 * epoch + batch)
    assert capsys.readouterr().out == "epochs: Done: 3 steps in 0:00 | batches: loss 21\n"
    assert [each["loss"] for each in reports(task)] == [0, 1, 10, 11, 20, 21]
    assert [(each["step"], each["in"]) for each in reports(task)] == [(n, 1) for n in range(1, 7)]
    assert [run.history for run in runs] == [
        [{"step": 1, "loss": 10.0 * epoch}, {"step": 2, "loss": 10.0 * epoch + 1}]
        for epoch in range(3)
    ]


@pytest.mark.usefixtures("clock")
def test_several_at_once_in_threads(capsys: pytest.CaptureFixture[str]) -> None:
    def count(name: str) -> None:
        for _each in progress(range(1000), name=name):
            pass

    threads = [threading.Thread(target=count, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ends = sorted(capsys.readouterr().out.splitlines())
    assert ends == [f"{name}: Done: 1\u202f000 steps in 0:00" for name in "abc"]


def test_an_error_within_ends_all_of_them(task: Path) -> None:
    def failing() -> None:
        with progress(total=2, name="outer"):
            for _each in progress(range(3), name="inner"):
                raise ValueError("It is not a number.")

    with pytest.raises(ValueError, match="not a number"):
        failing()
    assert json.loads((task / "progress.json").read_text())["state"] == "failed"
    with progress(total=1, name="next") as run:
        run.step()
    assert json.loads((task / "progress.json").read_text())["name"] == "next"


# Files


def test_a_batch_jobs_task_has_it(task: Path) -> None:
    with progress(total=4, name="training") as run:
        assert json.loads((task / "progress.json").read_text())["state"] == "running"
        run.step(loss=1.5)
        run.step(loss=math.nan, lr=0.1)
    status = json.loads((task / "progress.json").read_text())
    assert {name: status[name] for name in ("name", "done", "total", "values", "state")} == {
        "name": "training",
        "done": 2,
        "total": 4,
        "values": {"loss": "NaN", "lr": 0.1},
        "state": "left",
    }
    assert status["updated"] >= status["started"]
    assert status["rate"] > 0
    assert reports(task) == [{"step": 1, "loss": 1.5}, {"step": 2, "loss": "NaN", "lr": 0.1}]
    assert sorted(each.name for each in task.iterdir()) == ["progress.json", "progress.jsonl"]


def test_its_reports_do_not_grow_without_end(task: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "WRITTEN", 0.0)
    monkeypatch.setattr(files, "SPARE", 100)
    most = 0
    with progress(total=None) as run:
        for _look in range(200):
            for step in range(50):
                run.step(loss=math.sin(step))
            run._root.look()
            most = max(most, len(reports(task)))
    # Three of each part at most, and what may come until they are written anew.
    assert 300 < most <= 2 * BUCKETS * 3 + 100 + 50
    assert len(reports(task)) == len(run.history)


def test_a_disk_that_is_away_does_not_end_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LESESAL_BATCH_TASK", str(tmp_path / "file" / "task"))
    assert list(progress(range(3))) == [0, 1, 2]


def python(code: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "extensions"), **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_is_shown_while_it_runs_elsewhere_and_when_its_process_is_gone() -> None:
    assert str(progress.show()) == "There is no loop to show."

    def steps() -> int:
        seen = progress.show("training").seen
        return seen.loops[0].done if seen else 0

    # Longer than anybody looks.
    with python(
        "import time\nfrom lesesal_notebook import progress\n"
        "run = progress(iter(range(60_000)), name='training')\n"
        "for each in run:\n"
        "    run.report(loss=1 / (each + 1)); time.sleep(0.01)\n"
    ) as process:
        try:
            until(lambda: steps() > 20, "its files have steps", seconds=60)
            shown = progress.show("training")
            assert shown.seen is not None
            assert shown.seen.state is State.RUNNING
            assert 'data-state="running"' in shown._repr_mimebundle_()["text/html"]
        finally:
            process.kill()
    shown = progress.show()
    assert shown.seen is not None
    assert shown.seen.state is State.GONE
    step = shown.seen.loops[0].done
    assert str(shown).startswith(f"training: Stopped at step {step}: its kernel ended, last seen 2")
    assert step > 20
    assert str(progress.show("another")) == "There is no loop to show."


def test_another_process_of_the_same_number_is_another(tmp_path: Path) -> None:
    folder = tmp_path / "20261122-180000-1-1"
    now = time.time()
    written = files.Files(folder)

    def state(updated: float = now, **process: Any) -> State:
        written.write(Seen("", (Loop("", 1, 2, 1.0),), State.RUNNING, now, updated))
        status = json.loads((folder / "progress.json").read_text())
        status["process"].update(process)
        (folder / "progress.json").write_text(json.dumps(status))
        found = files.read(folder)
        assert found is not None
        return found.state

    assert state() is State.RUNNING
    assert state(born=1) is State.GONE
    # Of another machine only its news tell.
    assert state(host="another", born=1) is State.RUNNING
    assert state(now - 4000, host="another") is State.GONE


def test_only_the_newest_are_kept() -> None:
    for number_ in range(KEPT + 5):
        folder = home() / f"20261122-18{number_:02}00-1-1"
        folder.mkdir(parents=True)
        (folder / "progress.json").write_text("{}" if number_ % 2 else "{half")
    prune()
    names = sorted(each.name for each in home().iterdir())
    assert len(names) == KEPT
    assert names[0] == "20261122-180500-1-1"
    # None of these can be read.
    assert str(progress.show()) == "There is no loop to show."


# In a kernel


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlockingKernelClient]:
    own = {
        "PYTHONPATH": str(CHECKOUT / "extensions"),
        "XDG_STATE_HOME": str(tmp_path_factory.mktemp("state")),
    }
    manager, client = start_new_kernel(env={**os.environ, **own})
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client: BlockingKernelClient, code: str, cell: str = "") -> list[dict[str, Any]]:
    """The outputs of a cell, run as a page does, which names it, or as papermill does."""
    metadata = {"cellId": cell} if cell else {}
    content = {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    message = client.session.msg("execute_request", content, metadata=metadata)
    client.shell_channel.send(message)
    outputs: list[dict[str, Any]] = []
    while True:
        reply = client.get_iopub_msg(timeout=30)
        if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        kind, said = reply["msg_type"], reply["content"]
        if kind == "status" and said["execution_state"] == "idle":
            return outputs
        if kind == "stream" and outputs and outputs[-1].get("name") == said["name"]:
            # What is printed comes in as many parts as it happens to be sent in.
            outputs[-1]["text"] += said["text"]
        elif kind not in {"status", "execute_input"}:
            outputs.append({"kind": kind, **said})


LOOP = """
import time
from lesesal_notebook import progress
from lesesal_notebook.widgets.progress import tracks
tracks.SHARE = 1e9  # a look that was slow once does not keep the next from coming
run = progress(range(30), name="training")
for each in run:
    run.report(loss=each)
    time.sleep(0.05)
"""
DONE = r"training: Done: 30 steps in 0:\d\d · loss 29"


def test_a_page_sees_one_output_that_changes(kernel: BlockingKernelClient) -> None:
    before = time.monotonic()
    outputs = run(kernel, LOOP, "a")
    seconds = time.monotonic() - before
    kinds = [each["kind"] for each in outputs]
    assert kinds == ["display_data"] + ["update_display_data"] * (len(kinds) - 1)
    # The first, the last, and between them one each 0.4 seconds at most.
    assert 3 <= len(kinds) <= 3 + seconds / 0.4
    assert len({each["transient"]["display_id"] for each in outputs}) == 1
    live, final = outputs[-2]["data"], outputs[-1]["data"]
    assert "<svg " in live["text/html"]
    assert 'role="progressbar"' in live["text/html"]
    # What stays in the notebook needs neither the kernel nor a notebook that Jupyter trusts.
    assert "<svg " not in final["text/html"]
    assert 'src="data:image/svg+xml;base64,' in final["text/html"]
    assert re.fullmatch(DONE, final["text/plain"])


def test_without_a_page_there_are_lines_and_a_picture(kernel: BlockingKernelClient) -> None:
    outputs = run(kernel, LOOP)
    assert [each["kind"] for each in outputs] == ["stream", "display_data"]
    assert re.fullmatch(f"(training: step .*\n)*{DONE}\n", outputs[0]["text"])
    assert 'src="data:image/svg+xml;base64,' in outputs[1]["data"]["text/html"]


@pytest.mark.parametrize(
    ("then", "text"),
    [
        ("1 / 0", "Stopped with an error at step 3: ZeroDivisionError"),
        ("break", "Stopped at step 3 of 9"),
    ],
)
def test_an_error_in_the_loops_body_is_told_from_a_break(
    kernel: BlockingKernelClient, then: str, text: str
) -> None:
    code = "from lesesal_notebook import progress\n"
    code += f"for each in progress(range(9)):\n    if each == 3: {then}"
    outputs = run(kernel, code, "a")
    updates = [each for each in outputs if each["kind"] == "update_display_data"]
    assert updates[-1]["data"]["text/plain"] == text
    assert [each["ename"] for each in outputs if each["kind"] == "error"] == (
        ["ZeroDivisionError"] if "0" in then else []
    )


def test_a_loop_that_was_left_open_does_not_take_in_the_next(kernel: BlockingKernelClient) -> None:
    begin = "from lesesal_notebook import progress\nkept = iter(progress(range(9), name='kept'))\n"
    run(kernel, f"{begin}next(kept)", "a")
    outputs = run(kernel, "for each in progress(range(2), name='next'): pass", "b")
    said = [each["data"]["text/plain"] for each in outputs if "data" in each]
    assert said[0] == "kept: Stopped at step 0 of 9"
    assert re.fullmatch(r"next: Done: 2 steps in 0:\d\d", said[-1])

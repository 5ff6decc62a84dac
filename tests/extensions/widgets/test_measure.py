"""``%%measure`` in real kernels: what it says, and that the cell is as it would be without."""

from __future__ import annotations

import ast
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import forked
import pytest
import pytest_asyncio
from extensions.machine import cards
from extensions.widgets.stock import CHECKOUT, stock_kernel

from lesesal_notebook.widgets.magics import asked
from lesesal_notebook.widgets.measure import Measuring
from lesesal_notebook.widgets.measurement import Measurement, duration, size

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOAD = "%load_ext lesesal_notebook"
# Until the card was looked at twice more, however long that takes.
SOME_LOOKS = """%%measure
import pynvml, time
most = pynvml.millijoules + 2 * 7_200_000
for _ in range(500):
    if pynvml.millijoules < most:
        time.sleep(0.05)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cells(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[forked.Cells]:
    async with stock_kernel(tmp_path_factory.mktemp("home"), MPLBACKEND="agg") as started:
        await started.run(LOAD)
        yield started


def without_measure(said: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """All but the table, the first line of the source, and numbers of cells."""
    kept = []
    for kind, content in said:
        if kind == "execute_input" or "at most" in str(content):
            continue
        if isinstance(content, dict):
            content = {name: each for name, each in content.items() if name != "execution_count"}
        kept.append((kind, content))
    return kept


async def values(cells: forked.Cells, name: str = "measured") -> dict[str, Any]:
    found: dict[str, Any] = ast.literal_eval(await cells.value(f"{name}.to_dict()"))
    return found


@pytest.mark.parametrize(
    "source",
    [
        "print('said')\n6 * 7",
        "6 * 7;",
        "x = 6 * 7",
        "import asyncio\nawait asyncio.sleep(0.01)\n'awaited'",
        "async def one():\n    return 1\nasync with asyncio.timeout(5):\n    y = await one()\ny",
        "%%capture caught\nprint('caught')",
        "%env LESESAL_NOTHING=1",
        "!echo from a shell",
        "display(1)\ndisplay(2)\n3",
        "z = 1\nwhile False:\n    pass\nelse:\n    'not shown'",
    ],
)
async def test_a_cell_does_what_it_did(cells: forked.Cells, source: str) -> None:
    plain = await cells.run(source)
    measured = await cells.run(f"%%measure\n{source}")
    assert without_measure(measured) == without_measure(plain)
    tables = [content for kind, content in measured if kind == "display_data"]
    assert "Memory at most" in tables[-1]["data"]["text/plain"]
    assert "<div" in tables[-1]["data"]["text/html"]
    assert (await values(cells))["error"] == ""


async def test_an_error_is_raised_as_before_at_the_same_line(cells: forked.Cells) -> None:
    said = await cells.run("%%measure\n\n\nint('a')")
    kinds = [kind for kind, _content in said]
    assert kinds == ["execute_input", "error", "display_data", "reply"]
    trace = "".join(said[1][1]["traceback"])
    assert "line 4" in trace.replace("\x1b[39m", "").replace("\x1b[92m", "") or ":4" in trace
    assert said[-1][1]["ename"] == "ValueError"
    assert "Ended by" in said[2][1]["data"]["text/plain"]
    assert (await values(cells))["error"] == "ValueError"


async def test_what_cannot_be_read_is_an_error_as_ever(cells: forked.Cells) -> None:
    said = dict(await cells.run("%%measure\n1 +"))
    assert said["error"]["ename"] == "SyntaxError"
    assert (await values(cells))["error"] == "SyntaxError"


async def test_an_interrupted_cell_shows_its_table(cells: forked.Cells) -> None:
    async def interrupt() -> None:
        await cells.manager.interrupt_kernel()

    stopping: list[asyncio.Task[None]] = []

    def printed() -> None:
        if not stopping:  # what is printed may come in parts
            stopping.append(asyncio.ensure_future(interrupt()))

    said = await cells.run(
        "%%measure stopped\nprint('begun', flush=True)\nwhile True: pass", printed=printed
    )
    await asyncio.gather(*stopping)
    assert [kind for kind, _ in said] == [
        "execute_input", "stdout", "error", "display_data", "reply",
    ]  # fmt: skip
    assert (await values(cells, "stopped"))["error"] == "KeyboardInterrupt"


async def test_memory_that_came_and_went_is_counted(cells: forked.Cells) -> None:
    await cells.run("%%measure big\nx = b'x' * (256 << 20)\ndel x")
    took = await values(cells, "big")
    more = took["host_peak_bytes"] - took["host_before_bytes"]
    assert 255 << 20 < more < 300 << 20
    await cells.run("%%measure small\n1 + 1")
    took = await values(cells, "small")
    assert took["host_peak_bytes"] - took["host_before_bytes"] < 20 << 20


async def test_what_a_cell_starts_is_counted(cells: forked.Cells) -> None:
    program = (
        "x = b'x' * (200 << 20)\nimport time\nlast = time.process_time() + 1\n"
        "while time.process_time() < last: pass\ninput()"
    )
    # It stays until it was seen: the thread that looks may be held up.
    await cells.run(
        "%%measure started\nimport subprocess, sys, threading, time\n"
        "[looks] = [x for x in threading.enumerate() if x.name == 'lesesal-measure']\n"
        "measuring = looks._target.__self__\n"
        f"child = subprocess.Popen([sys.executable, '-c', {program!r}], stdin=subprocess.PIPE)\n"
        "for _ in range(500):\n"
        "    if measuring._host_peak - measuring._host_before <= 190 << 20: time.sleep(0.05)\n"
        "child.communicate(b'\\n')"
    )
    took = await values(cells, "started")
    assert took["host_peak_bytes"] - took["host_before_bytes"] > 190 << 20
    assert took["cpu_seconds"] > 1.0
    assert took["seconds"] > 1.0


async def test_the_variable_is_there_by_both_names(cells: forked.Cells) -> None:
    before = time.monotonic()
    await cells.run("%%measure third\nimport time\ntime.sleep(0.2)")
    whole = time.monotonic() - before
    assert await cells.value("third is measured, third.name") == "(True, 'third')"
    assert 0.2 <= (await values(cells))["seconds"] <= whole
    await cells.run("%%measure\npass")
    assert await cells.value("third is measured, measured.name") == "(False, '')"


@pytest.mark.parametrize("source", ["%%measure 1x\n1", "%%measure if\n1", "%%time\n%%measure\n1"])
async def test_what_it_cannot_do_is_a_sentence(cells: forked.Cells, source: str) -> None:
    said = dict(await cells.run(source))
    assert said["stderr"] == (
        "UsageError: %%measure stands in the first line of a cell, alone or with the name of a "
        "variable: %%measure first\n"
    )
    assert said["reply"]["status"] == "error"


async def test_loaded_twice_it_measures_once(cells: forked.Cells) -> None:
    await cells.run(LOAD)
    said = await cells.run("%%measure\n1")
    assert [kind for kind, _ in said].count("display_data") == 1


async def test_without_a_gpu_nothing_is_said_of_one(cells: forked.Cells) -> None:
    await cells.run("%%measure\n1")
    took = await values(cells)
    assert (took["gpu_peak_bytes"], took["torch_peak_bytes"], took["watt_hours"]) == (None,) * 3
    assert "GPU" not in dict(await cells.run("print(measured)"))["stdout"]


async def test_a_gpu_is_measured(tmp_path: Path) -> None:
    first = cards.installed(tmp_path / "first", "BusyCard")
    async with stock_kernel(tmp_path, first, CUDA_VISIBLE_DEVICES="0") as cells:
        await cells.run(LOAD)
        said = dict(await cells.run(SOME_LOOKS))
        took = await values(cells)
        looks = (int(await cells.value("pynvml.millijoules")) - 10_000_000) // 7_200_000
    # 2 Wh for each look after the first: some in between, and one at the end.
    assert looks >= 4
    assert took["watt_hours"] == 2.0 * (looks - 1)
    assert took["energy_counted"] is True
    assert took["gpu_peak_bytes"] == 2 * cards.GIB
    text = said["display_data"]["data"]["text/plain"]
    assert "GPU memory at most  2.00 GiB" in text
    assert "Energy of the GPU" in text


async def test_sessions_load_it_by_themselves_and_cheaply(tmp_path: Path) -> None:
    """As an operator has it: from the package, in IPython's folder of the environment."""
    config = Path("etc", "ipython", "ipython_config.py")
    installed = CHECKOUT / ".venv" / "session" / config
    assert installed.read_text() == (CHECKOUT / "extensions" / config).read_text()
    async with stock_kernel(tmp_path) as cells:
        assert "%%measure" not in (await cells.value("'started'"))
        brought = await cells.value(
            "import sys; sorted(each for each in sys.modules if each.startswith('lesesal'))"
        )
        assert ast.literal_eval(brought) == [
            "lesesal_notebook",
            "lesesal_notebook.widgets",
            "lesesal_notebook.widgets.magics",
        ]
        assert "display_data" in dict(await cells.run("%%measure\n1"))


# What needs no kernel


async def test_a_name_stands_in_the_first_line() -> None:
    assert asked("%%measure\n1") == ""
    assert asked("\n  %%measure first \n1") == "first"
    assert asked("%%measure") == ""
    assert asked("%%measured\n1") is None
    assert asked("%%measure 1x\n1") is None
    assert asked("x = 1\n%%measure\n") is None


async def test_plain_python_measures_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    measuring = Measuring("sum")
    with pytest.raises(ZeroDivisionError), measuring:
        sum(range(1000)) / 0
    assert measuring.result is not None
    assert (measuring.result.name, measuring.result.error) == ("sum", "ZeroDivisionError")


async def test_memory_that_no_look_has_seen_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("lesesal_notebook.widgets.measure.EVERY", 60.0)
    # What other tests have started grows and shrinks as it likes.
    monkeypatch.setattr("lesesal_notebook.machine.processes.below", lambda *_: [])
    with Measuring() as measuring:
        gone = b"x" * (256 << 20)
        del gone
    assert measuring.result is not None
    assert measuring.result.host_peak_bytes is not None
    assert measuring.result.host_before_bytes is not None
    assert measuring.result.host_peak_bytes - measuring.result.host_before_bytes > 250 << 20


async def test_an_older_card_says_how_its_energy_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    before = time.time()
    with Measuring(library=cards.NoEnergyCounter()) as measuring:
        await asyncio.sleep(0.15)
    whole = time.time() - before
    assert measuring.result is not None
    assert measuring.result.energy_counted is False
    # 320 W from the first look to the last: a little longer than what lies between them.
    assert measuring.result.watt_hours is not None
    seconds = measuring.result.watt_hours * 3600 / 320
    assert 0.99 * measuring.result.seconds <= seconds <= 1.01 * whole
    assert "about " in str(measuring.result)
    with Measuring(library=cards.MigSlice()) as measuring:
        pass
    assert measuring.result is not None
    assert (measuring.result.watt_hours, measuring.result.gpu_peak_bytes) == (None, 2 * cards.GIB)


async def test_what_others_have_of_a_shared_card_is_not_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    card = cards.OneCard()
    card.pids = {}
    with Measuring(library=card) as measuring:
        pass
    assert measuring.result is not None
    assert measuring.result.gpu_peak_bytes == 12 * cards.GIB
    with Measuring(library=card) as measuring:
        # Only now does this process use it.
        card.pids = {os.getpid(): cards.GIB, cards.NOBODY: 11 * cards.GIB}
    assert measuring.result is not None
    assert measuring.result.gpu_peak_bytes == cards.GIB


async def test_pytorchs_own_peak_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in: no test machine has PyTorch with a GPU."""
    peaks = [5, 7]
    waited: list[int] = []
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: 2,
        reset_peak_memory_stats=lambda index: peaks.__setitem__(index, 0),
        max_memory_allocated=lambda index: peaks[index],
        memory_reserved=lambda index: index,
        synchronize=waited.append,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with Measuring() as measuring:
        assert peaks == [0, 0]
        peaks[1] = 3 * cards.GIB
        assert waited == [1]
    assert waited == [1, 1]
    assert measuring.result is not None
    assert measuring.result.torch_peak_bytes == 3 * cards.GIB
    cuda.is_initialized = lambda: False
    with Measuring() as measuring:
        pass
    assert measuring.result is not None
    assert measuring.result.torch_peak_bytes is None


async def test_numbers_are_written_for_people() -> None:
    assert [duration(each) for each in (0.0012, 3.456, 723.2, 7500)] == [
        "1.2 ms", "3.46 s", "12 min 3 s", "2 h 5 min",
    ]  # fmt: skip
    assert [size(12 << 20), size(3 << 29)] == ["12 MiB", "1.50 GiB"]
    few = Measurement("", 1.0, 0.5, watt_hours=0.000123, energy_counted=True)
    assert (
        str(few)
        == "Time               1.00 s\nCPU time           500.0 ms\nEnergy of the GPU  0.00012 Wh"
    )

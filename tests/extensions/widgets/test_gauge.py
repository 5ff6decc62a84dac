"""``gpu()`` in real kernels: the messages that a page gets, and when there are none."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import forked
import pytest
import pytest_asyncio
from extensions.machine import cards
from extensions.widgets.stock import CHECKOUT, PYTHON, stock_kernel

pytestmark = pytest.mark.asyncio(loop_scope="module")
VIEW = "application/vnd.jupyter.widget-view+json"
# Threads of gauges that live.
FOLLOWERS = "import threading; [each.name for each in threading.enumerate()].count('lesesal-gpu')"
MAKE = (
    "from lesesal_notebook.widgets.gauge import Gauge\n"
    "gauge = Gauge(every=0.1)\n"
)  # fmt: skip
# No longer than 25 s, which is less than what waits for the cells.
WAIT = """
import time
for _ in range(500):
    if not ({0}):
        time.sleep(0.05)
"""
CLOSE = """
import threading
gauge.close()
for each in threading.enumerate():
    if each.name == "lesesal-gpu":
        each.join(25)
"""
# What a look costs; the least of several, for a machine may be busy.
COSTS = """
import time
costs = []
for _ in range(5):
    began, before = time.process_time(), len(gauge._past)
    for _ in range(100):
        if len(gauge._past) < before + 4:
            time.sleep(0.05)
    costs.append((time.process_time() - began) / (len(gauge._past) - before))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cells(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[forked.Cells]:
    """A kernel on a machine with a busy card."""
    home = tmp_path_factory.mktemp("home")
    first = cards.installed(home / "first", "BusyCard")
    async with stock_kernel(home, first, CUDA_VISIBLE_DEVICES="0") as started:
        yield started


def looks(count: int) -> str:
    """A cell that waits until the gauge has looked so many times more."""
    return f"most = len(gauge._past) + {count}" + WAIT.format("len(gauge._past) >= most")


def updates(said: list[tuple[str, Any]]) -> list[str]:
    """The values that a page is told to show."""
    states = [content["data"].get("state", {}) for kind, content in said if kind == "comm_msg"]
    return [state["value"] for state in states if "value" in state]


async def views(cells: forked.Cells, count: int) -> None:
    """As a page tells that so many places show the gauge."""
    model = ast.literal_eval(await cells.value("gauge._widget.model_id"))
    client = cells.client
    content = {
        "comm_id": model,
        "data": {"method": "update", "state": {"_view_count": count}, "buffer_paths": []},
    }
    client.shell_channel.send(client.session.msg("comm_msg", content))
    assert await cells.value("gauge._widget._view_count") == str(count)


async def test_it_follows_while_a_cell_runs_and_ends_when_closed(cells: forked.Cells) -> None:
    said = await cells.run(MAKE + "gauge")
    opened = [content for kind, content in said if kind == "comm_open"]
    values = [each["data"]["state"].get("value", "") for each in opened]
    assert any("45 %" in value and "320 of 700 W" in value for value in values)
    [bundle] = [content["data"] for kind, content in said if kind == "execute_result"]
    assert {VIEW, "text/html", "text/plain"} <= set(bundle)
    assert "GPU memory  12.0 of 80 GiB" in bundle["text/plain"]

    drawn = updates(await cells.run(looks(6)))
    assert len(drawn) >= 4
    # The energy goes on with each, and so does the line.
    assert len(set(drawn)) == len(drawn)
    assert all("<polyline" in value for value in drawn)
    assert await cells.value(FOLLOWERS) == "1"

    said = await cells.run(CLOSE)
    assert [kind for kind, _ in said if kind.startswith("comm_close")] == ["comm_close"]
    assert updates(said[-2:]) == []
    assert await cells.value(FOLLOWERS) == "0"
    # What was closed still tells.
    assert "45 %" in await cells.value("gauge")


SLOWLY = """
import threading, time
begun, go = threading.Event(), threading.Event()
send = gauge._widget.comm.send
def slowly(*args, **more):
    begun.set()
    go.wait()
    send(*args, **more)
gauge._widget.comm.send = slowly
begun.wait()
threading.Timer(0.3, go.set).start()
gauge.close()
time.sleep(0.5)
"""


async def test_what_is_being_shown_comes_before_its_end(cells: forked.Cells) -> None:
    await cells.run(MAKE + "gauge")
    said = [kind for kind, _ in await cells.run(SLOWLY) if kind.startswith("comm_")]
    assert said[-2:] == ["comm_msg", "comm_close"]


async def test_nobody_looks_while_it_is_not_shown(cells: forked.Cells) -> None:
    await cells.run(MAKE + "display(gauge)")
    await views(cells, 1)
    assert updates(await cells.run(looks(2)))
    await views(cells, 0)
    # One may be on its way, until the thread waits to be woken.
    await cells.run(WAIT.format("gauge._shown._cond._waiters"))
    assert updates(await cells.run("before = len(gauge._past); time.sleep(0.5)")) == []
    assert await cells.value("len(gauge._past) - before") == "0"
    await views(cells, 2)
    assert updates(await cells.run(looks(2)))
    await cells.run("gauge.close()")


async def test_it_costs_little(cells: forked.Cells) -> None:
    await cells.run(MAKE + "display(gauge)")
    assert updates(await cells.run(COSTS))
    # Of a processor, for one a second: less than a hundredth.
    assert float(await cells.value("min(costs)")) < 0.01
    await cells.run("gauge.close()")


async def test_a_reading_has_values(cells: forked.Cells) -> None:
    await cells.run("from lesesal_notebook import gpu\nreading = gpu().read()")
    assert (
        await cells.value("reading.gpus[0].utilisation, reading.gpus[0].watts") == "(0.45, 320.0)"
    )
    assert await cells.value("0 <= reading.cores <= reading.host.cores") == "True"
    said = dict(await cells.run("print(gpu())"))
    assert "Power       320 of 700 W" in said["stdout"]


async def test_a_kernel_ends_quietly_with_a_gauge(tmp_path: Path) -> None:
    async with stock_kernel(tmp_path) as cells:
        await cells.run("from lesesal_notebook.widgets.gauge import Gauge\nGauge(every=0.01)")
        await cells.run("import time; time.sleep(0.2)")
        await cells.manager.shutdown_kernel(now=False)
    assert "Traceback" not in (tmp_path / "kernel.log").read_text()


async def test_a_batch_jobs_notebook_keeps_a_picture_and_no_widget(tmp_path: Path) -> None:
    async with stock_kernel(tmp_path, LESESAL_BATCH_TASK=str(tmp_path)) as cells:
        said = await cells.run("from lesesal_notebook import gpu\ngpu()")
        [bundle] = [content["data"] for kind, content in said if kind == "execute_result"]
        assert set(bundle) == {"text/html", "text/plain"}
        assert await cells.value("import sys; 'ipywidgets' in sys.modules") == "False"


async def test_in_plain_python_it_is_text() -> None:
    """On this machine as it is: with a GPU or without."""
    done = subprocess.run(
        [PYTHON, "-P", "-c", "from lesesal_notebook import gpu; print(gpu())"],
        env={"PYTHONPATH": str(CHECKOUT / "extensions"), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["GPU", "CPU", "Memory"]
    assert "This session has no GPU" in lines[0]
    assert done.stderr == ""

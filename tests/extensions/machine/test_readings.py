"""What is read of a GPU, on machines that tell more or less of it, and what is said of that."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from extensions.machine import cards

from lesesal_notebook import language
from lesesal_notebook.machine.energy import Energy, Ledger
from lesesal_notebook.machine.nvml import GpuProcess
from lesesal_notebook.machine.readings import Reader, Reading
from lesesal_notebook.widgets.gauge import Gauge, activity, html

ON_CLUSTER = {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "0"}


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(language.VARIABLE, raising=False)


def reader(machine: Any, environment: dict[str, str] | None = None) -> Reader:
    return Reader(ON_CLUSTER if environment is None else environment, machine, Ledger())


def test_a_card_tells_everything() -> None:
    machine = cards.OneCard()
    reads = reader(machine)
    [gpu] = reads.read().gpus
    assert (gpu.name, gpu.uuid) == ("NVIDIA H100 80GB HBM3", cards.UUID)
    assert (gpu.utilisation, gpu.watts, gpu.watts_most) == (0.45, 320.0, 700.0)
    assert (gpu.memory_used, gpu.memory_total) == (12 * cards.GIB, 80 * cards.GIB)
    machine.millijoules += 7_200_000
    [gpu] = reads.read().gpus
    assert gpu.energy is not None
    assert (gpu.energy.watt_hours, gpu.energy.counted) == (2.0, True)
    assert machine.opened == 1
    name = Path("/proc/self/comm").read_text().strip()
    own = GpuProcess(os.getpid(), name, 2 * cards.GIB)
    assert own in gpu.processes


def test_processes_of_others_are_not_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = cards.OneCard()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    [gpu] = reader(machine).read().gpus
    assert gpu.processes == ()


def test_a_slice_tells_its_memory_and_nothing_is_made_up() -> None:
    env = {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": cards.SLICE}
    [gpu] = reader(cards.MigSlice(), env).read().gpus
    assert gpu.uuid == cards.SLICE
    assert (gpu.memory_used, gpu.memory_total) == (3 * cards.GIB, 10 * cards.GIB)
    assert (gpu.utilisation, gpu.watts, gpu.watts_most, gpu.millijoules, gpu.energy) == (None,) * 5


def test_power_is_added_up_where_the_card_does_not() -> None:
    ledger = Ledger()
    assert ledger.take("a", None, 360.0, 1000.0) == Energy(0.0, 1000.0, counted=False)
    assert ledger.take("a", None, 720.0, 1010.0) == Energy(1.5, 1000.0, counted=False)
    assert ledger.take("a", None, None, 1020.0) is None
    [gpu] = reader(cards.NoEnergyCounter()).read().gpus
    assert gpu.energy is not None
    assert not gpu.energy.counted
    assert ", from its power" in str(Gauge(reader(cards.NoEnergyCounter())))


def test_all_of_a_session_count_from_the_same_moment(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path), Ledger(tmp_path)
    assert first.take("GPU-a", 3_600_000, None, 1000.0) == Energy(0.0, 1000.0, counted=True)
    assert second.take("GPU-a", 7_200_000, None, 1060.0) == Energy(1.0, 1000.0, counted=True)
    assert second.take("GPU-b", 7_200_000, None, 1060.0) == Energy(0.0, 1060.0, counted=True)
    # The driver was loaded anew, and begins at nothing.
    assert second.take("GPU-a", 10, None, 1070.0) == Energy(0.0, 1070.0, counted=True)
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "energy-GPU-a.json",
        "energy-GPU-b.json",
    ]


def test_a_folder_that_is_gone_or_spoilt_costs_only_the_past(tmp_path: Path) -> None:
    gone = Ledger(tmp_path / "gone")
    assert gone.take("GPU-a", 1, None, 1000.0) == Energy(0.0, 1000.0, counted=True)
    assert gone.take("GPU-a", 3_600_001, None, 1001.0) == Energy(1.0, 1000.0, counted=True)
    (tmp_path / "energy-GPU-a.json").write_text("{")
    spoilt = Ledger(tmp_path).take("GPU-a", 1, None, 1000.0)
    assert spoilt == Energy(0.0, 1000.0, counted=True)


def test_a_card_that_is_lost_is_said_to_be_and_found_again() -> None:
    machine = cards.DriverGone()
    reads = reader(machine)
    assert len(reads.read().gpus) == 1
    machine.lost = True
    reading = reads.read()
    assert (reading.gpus, reading.silent) == ((), True)
    assert "does not answer" in str(reading)
    machine.lost = False
    assert len(reads.read().gpus) == 1


@pytest.mark.parametrize(
    ("environment", "count", "silent"),
    [
        ({}, 1, False),
        ({"CUDA_VISIBLE_DEVICES": ""}, 0, False),
        ({"CUDA_VISIBLE_DEVICES": "-1,0"}, 0, False),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, 0, True),
        ({"SLURM_JOB_ID": "7"}, 0, False),
        ({"SLURM_JOB_ID": "7", "SLURM_JOB_GPUS": "0"}, 1, False),
        ({"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "NoDevFiles"}, 0, False),
    ],
)
def test_only_what_the_session_was_given(
    environment: dict[str, str], count: int, silent: bool
) -> None:
    reading = reader(cards.OneCard(), environment).read()
    assert (len(reading.gpus), reading.silent) == (count, silent)


@pytest.mark.parametrize(("environment", "silent"), [({}, False), (ON_CLUSTER, True)])
def test_no_driver_is_no_gpu_unless_one_was_given(
    environment: dict[str, str], silent: bool
) -> None:
    reading = reader(cards.NoDriver(), environment).read()
    assert (reading.gpus, reading.silent) == ((), silent)


def test_this_machine_tells_its_cpu_and_memory() -> None:
    """With the real library, which finds a driver here or none."""
    reads = Reader({"CUDA_VISIBLE_DEVICES": ""}, ledger=Ledger())
    assert reads.read().cores is None
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    reading = reads.read()
    assert reading.cores is not None
    assert 0 < reading.cores <= reading.host.cores
    assert 0 < reading.host.memory_used <= reading.host.memory_limit
    lines = str(reading).splitlines()
    assert lines[0] == (
        "GPU     This session has no GPU. To get one, start a session with an offer that has one."
    )
    assert re.fullmatch(r"CPU     \d+\.\d of \d+(\.\d+)? cores", lines[1])
    assert re.fullmatch(r"Memory  \d+\.\d of \d+(\.\d)? GiB", lines[2])


def test_the_text_and_what_is_drawn_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = cards.OneCard()
    machine.pids = {os.getpid(): 2 * cards.GIB}
    reads = reader(machine)
    reads.read()
    machine.millijoules += 7_200_000
    reading = reads.read()
    text = str(reading)
    assert re.search(r"^Use         45 %$", text, re.MULTILINE)
    assert re.search(r"^GPU memory  12\.0 of 80 GiB$", text, re.MULTILINE)
    assert re.search(r"^Power       320 of 700 W$", text, re.MULTILINE)
    assert re.search(r"^Energy      2\.00 Wh since \d\d:\d\d$", text, re.MULTILINE)
    drawn = html(reading, [0.1, 0.45], 5)
    for row in text.splitlines():
        _name, value = re.split(r"  +", row, maxsplit=1)
        assert value in drawn, row
    assert (
        'aria-label="GPU memory" aria-valuemin="0" aria-valuemax="100" aria-valuenow="15"' in drawn
    )
    assert "Use of the GPU in the last 5 minutes" in drawn
    assert activity(reading) == 0.45
    monkeypatch.setenv(language.VARIABLE, "nb")
    assert "GPU-minne  12.0 av 80 GiB" in str(reading)


def test_a_name_is_text_wherever_it_comes_from() -> None:
    machine = cards.OneCard()
    machine.nvmlDeviceGetName = lambda handle: "<img src=x onerror=alert(1)>"
    drawn = html(reader(machine).read(), [], 5)
    assert "<img" not in drawn
    assert "&lt;img" in drawn


def test_a_slice_shows_the_cpus_line() -> None:
    env = {"CUDA_VISIBLE_DEVICES": cards.SLICE}
    reading: Reading = reader(cards.MigSlice(), env).read()
    drawn = html(reading, [], 5)
    assert "3.0 of 10 GiB" in drawn
    assert "Use of the CPU in the last 5 minutes" in drawn
    assert "None" not in drawn

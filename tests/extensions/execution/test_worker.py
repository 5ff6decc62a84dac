"""The worker from its command line: what goes in, what comes out, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from extensions.execution.running import (
    HONEST,
    LIMITS,
    TOTAL,
    Folder,
    argv,
    cell,
    environment,
    notebook,
    work,
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "run")


def unnamed(folder: Folder) -> list[str]:
    return ["-" if each == str(folder.path) else each for each in argv(folder)]


def test_an_honest_submission(folder: Folder) -> None:
    key = folder.add("honest", notebook())
    events = work(folder)
    assert events == [
        {"key": key, "event": "started"},
        {"key": key, "event": "ended", "state": "graded"},
    ]
    result = folder.result("honest")
    assert (result["state"], result["reason"]) == ("graded", {"kind": "", "facts": {}})
    assert result["evidence"] == []
    assert result["notebooks"]["problem1.ipynb"]["cells"] == 5
    tests = result["notebooks"]["problem1.ipynb"]["tests"]
    assert list(tests) == ["test_squares", "test_total", "test_partial"]
    assert all(0 < seconds < LIMITS["cell_seconds"] for seconds in tests.values())
    assert 0 < result["cpu_seconds"] < LIMITS["cpu_seconds"]
    assert 0 < result["memory_bytes"] < 600_000_000
    assert folder.score("honest") == 6


def test_with_patience_limits_of_wall_clock_are_longer(tmp_path: Path) -> None:
    """Where more notebooks run than there are cores; the limit that is named stays the course's."""
    folder = Folder(tmp_path / "run", cell_seconds=1.0)
    folder.add("slow", notebook(f"import time; time.sleep(1.5)\n{HONEST}"))
    folder.add("endless", notebook(f"import time; time.sleep(60)\n{HONEST}"))
    work(folder, "--patience=8", "--workers=2")
    assert (folder.result("slow")["state"], folder.score("slow")) == ("graded", 6)
    endless = folder.result("endless")
    assert (endless["reason"]["kind"], endless["reason"]["facts"]["seconds"]) == ("cell-timeout", 1)
    assert 8 <= endless["seconds"] < 60


def test_a_tests_seconds_are_those_of_its_own_code(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "run", cell_seconds=8.0)
    slow = cell("import time; time.sleep(1)", "slow", points=1)
    endless = cell("import time; time.sleep(60)", "endless", points=1)
    folder.add("slow", notebook(f"import time; time.sleep(4)\n{HONEST}", TOTAL, slow, endless))
    work(folder)
    tests = folder.result("slow")["notebooks"]["problem1.ipynb"]["tests"]
    assert tests["test_squares"] < 4
    assert 1 <= tests["slow"] < 8
    # One that is ended took what it was given.
    assert 8 <= tests["endless"] < 60


def test_tasks_in_any_way_keys_can_come(folder: Folder, tmp_path: Path) -> None:
    keys = [folder.add(f"s{number}", notebook()) for number in range(4)]
    assert {one["key"] for one in work(folder, "--shard", "1/2")} == {keys[1], keys[3]}
    (tmp_path / "keys").write_text(f"{keys[0]}\n")
    assert {one["key"] for one in work(folder, "--keys", str(tmp_path / "keys"))} == {keys[0]}
    # The rest comes on standard input, and what has a result is not executed again.
    events = work(folder, "--workers", "2")
    assert [one["key"] for one in events if one["event"] == "started"] == [keys[2]]
    assert {one["key"] for one in events if one["event"] == "ended"} == set(keys)


@pytest.mark.parametrize("ahead", ["numpy", ""])
def test_a_run_that_is_named_once_the_worker_is_there(tmp_path: Path, ahead: str) -> None:
    folder = Folder(tmp_path / "run", preload=("numpy",))
    folder.add("one", notebook("1", "1", cell("import sys\n'numpy' in sys.modules")))
    done = subprocess.run(
        [*unnamed(folder), *(["--ahead", ahead] if ahead else [])],
        input="\n".join([str(folder.path), *folder.keys.values(), ""]),
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert [json.loads(each)["event"] for each in done.stdout.splitlines()] == ["started", "ended"]
    # Whatever was likely, the run's own modules are what counts.
    assert folder.executed("one").cells[-1].outputs[0]["data"]["text/plain"] == "True"


def test_a_worker_that_is_told_of_no_run_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        unnamed(Folder(tmp_path / "run")),
        stdin=subprocess.DEVNULL,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_files_are_beside_each_notebook_afresh(folder: Folder) -> None:
    write = cell("before = open('data.txt').read()\nopen('data.txt', 'w').write('changed')\nbefore")
    read = cell("open('data.txt').read()")
    folder.add("two", notebook("1", "1", write), notebook("1", "1", read), files={"data.txt": "x"})
    work(folder)
    for number in (1, 2):
        result = folder.executed("two", number).cells[-1].outputs[0]
        assert result["data"]["text/plain"] == "'x'"


def test_a_notebook_cannot_write_events(folder: Folder) -> None:
    loud = """
import os, sys
for descriptor in (1, 2):
    os.write(descriptor, b'{"event": "ended"}\\n')
print('{"event": "ended"}', file=sys.__stdout__, flush=True)
"""
    folder.add("loud", notebook("import os", "1", cell(loud)))
    assert [one["event"] for one in work(folder)] == ["started", "ended"]


def test_a_sandbox_that_cannot_be_made(folder: Folder) -> None:
    folder.change(datasets=[{"source": "/nowhere/at/all", "target": "/data"}])
    folder.add("one", notebook())
    assert work(folder)[-1]["state"] == "retry"
    result = folder.result("one")
    assert result["reason"]["kind"] == "sandbox"
    assert result["reason"]["facts"]["says"].endswith(".")
    assert result["notebooks"] == {}
    # It is tried again.
    folder.change(datasets=[])
    assert work(folder)[-1]["state"] == "graded"
    assert folder.result("one")["state"] == "graded"


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "run")
    (folder.path / "run.json").write_text("{}")
    done = subprocess.run(
        argv(folder), env=environment(), input="", capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no folder of a grading run" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def started(folder: Folder) -> Iterator[subprocess.Popen[str]]:
    """A worker with one task that would take a minute, which it has begun."""
    key = folder.add("slow", notebook("import time; time.sleep(60)"))
    process = subprocess.Popen(
        argv(folder)[len(argv(folder)) - 5 :],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{key}\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["event"] == "started"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_sigterm_leaves_nothing_half_done(folder: Folder, started: Any) -> None:
    started.send_signal(signal.SIGTERM)
    assert started.wait(60) == 143
    assert started.stdout.read() == ""
    assert not (folder.path / "results").exists()

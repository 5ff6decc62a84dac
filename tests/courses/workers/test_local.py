"""Local workers: a stand-in program in the worker's place that does what its RUN tells it to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from slurm import system

from courses.errors import WorkersError
from courses.workers.local import MODULE, LocalWorkers

# A task's file says what happens to it: "fine"; "dies" with its worker, each time; "dies-once".
PROGRAM = """\
import json, os, sys
from pathlib import Path

run = Path(sys.stdin.readline().strip() if sys.argv[4] == "-" else sys.argv[4])
(run / "started").open("a").write(f"{os.getpid()} {' '.join(sys.argv[1:])}\\n")
(run / "environment.json").write_text(json.dumps(dict(os.environ)))
if (run / "broken").exists():
    sys.exit("No module named lesesal_notebook")
for line in sys.stdin:
    key = line.strip()
    task = run / "tasks" / key
    with (task / "tries").open("a") as file:
        file.write("x")
    say = lambda event: print(json.dumps({"key": key, "event": event}), flush=True)
    print("no JSON at all", flush=True)
    say("started")
    kind = (task / "kind").read_text()
    if kind == "dies" or kind == "dies-once" and (task / "tries").read_text() == "x":
        os._exit(3)
    (run / "results" / f"{key}.json").write_text('{"state": "graded"}')
    say("ended")
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I {program} "$@"\n')
    python.chmod(0o755)
    return python


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    (run / "results").mkdir(parents=True)
    return run


def keys(run: Path, *kinds: str) -> Iterator[str]:
    """Tasks of these kinds, made as they are asked for."""
    for number, kind in enumerate(kinds, 1):
        key = f"{number:06}"
        (run / "tasks" / key).mkdir(parents=True)
        (run / "tasks" / key / "kind").write_text(kind)
        yield key


def states(run: Path) -> dict[str, str]:
    return {
        path.stem: json.loads(path.read_text())["state"]
        for path in (run / "results").glob("*.json")
    }


def workers_of(run: Path) -> list[int]:
    """Their process ids, of those that are still there."""
    lines = (run / "started").read_text().splitlines()
    return [int(line.split()[0]) for line in lines if psutil.pid_exists(int(line.split()[0]))]


def waiting() -> list[psutil.Process]:
    """Workers without a run that this process has started, beside whatever else it has."""
    lines = [(each, system.ask(each.cmdline) or []) for each in psutil.Process().children()]
    return [each for each, words in lines if MODULE in words and "-" in words]


def begun_now() -> psutil.Process:
    """The one that was just started, which has no words while it becomes another program."""
    last = time.monotonic() + 30
    while not (found := waiting()):
        assert time.monotonic() < last, "no worker has begun"
    (begun,) = found
    return begun


def test_each_task_is_executed_once_and_told_of(python: Path, run: Path) -> None:
    told = list(LocalWorkers(python, 2).run(run, keys(run, *["fine"] * 20)))
    assert sorted(key for key, ended in told if ended) == [f"{n:06}" for n in range(1, 21)]
    for key in states(run):
        assert told.index((key, False)) < told.index((key, True))
        assert (run / "tasks" / key / "tries").read_text() == "x"
    assert not workers_of(run)
    (started,) = (run / "started").read_text().splitlines()
    assert started.split()[1:] == [
        *("-P", "-m", "lesesal_notebook.execution", str(run), "--workers", "2")
    ]


def test_a_worker_that_has_begun_is_told_of_the_run(python: Path, run: Path) -> None:
    workers = LocalWorkers(python, 2)
    with workers.begun(("numpy", "torch")):
        begun = begun_now()
        told = list(workers.run(run, keys(run, *["fine"] * 5)))
        assert len([key for key, ended in told if ended]) == 5
    (started,) = (run / "started").read_text().splitlines()
    assert started.split() == [
        *(str(begun.pid), "-P", "-m", "lesesal_notebook.execution"),
        *("-", "--workers", "2", "--ahead", "numpy,torch"),
    ]


def test_a_worker_that_has_begun_ends_where_there_is_no_run(python: Path) -> None:
    workers = LocalWorkers(python, 2)
    with workers.begun(()):
        begun = begun_now()
    assert not begun.is_running()
    with LocalWorkers(Path("/nowhere/python"), 2).begun(()):
        assert not waiting()


def test_one_that_has_begun_and_is_lost_is_replaced(python: Path, run: Path) -> None:
    workers = LocalWorkers(python, 1)
    with workers.begun(()):
        begun = begun_now()
        begun.kill()
        list(workers.run(run, keys(run, "fine")))
    assert states(run) == {"000001": "graded"}


def test_many_notebooks_at_a_time_are_shared_among_processes(python: Path, run: Path) -> None:
    list(LocalWorkers(python, 20).run(run, keys(run, *["fine"] * 60)))
    started = [line.split() for line in (run / "started").read_text().splitlines()]
    shares = [int(words[words.index("--workers") + 1]) for words in started]
    assert (len(shares), sum(shares)) == (3, 20)


def test_limits_of_wall_clock_are_longer_where_cores_are_shared(
    python: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three notebooks for two cores: each may take half as long again."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    list(LocalWorkers(python, 3).run(run, keys(run, "fine")))
    (started,) = (run / "started").read_text().splitlines()
    assert started.split()[-4:] == ["--workers", "3", "--patience", "1.5"]


def test_tasks_are_asked_for_when_there_is_room(python: Path, run: Path) -> None:
    asked = []

    def noting() -> Iterator[str]:
        for key in keys(run, *["fine"] * 50):
            asked.append(key)
            yield key

    events = LocalWorkers(python, 1).run(run, noting())
    next(events)
    assert len(asked) < 10
    list(events)
    assert len(asked) == 50


def test_what_has_a_result_is_not_executed(python: Path, run: Path) -> None:
    (run / "results" / "000001.json").write_text('{"state": "failed"}')
    told = list(LocalWorkers(python, 1).run(run, keys(run, "fine")))
    assert told == [("000001", True)]
    assert (states(run), (run / "started").exists()) == ({"000001": "failed"}, False)


def test_the_tasks_of_a_worker_that_is_lost_are_tried_again(python: Path, run: Path) -> None:
    told = list(LocalWorkers(python, 1).run(run, keys(run, "fine", "dies", "dies-once", "fine")))
    assert sorted(key for key, ended in told if ended) == [f"{n:06}" for n in range(1, 5)]
    assert states(run) == {
        "000001": "graded",
        "000002": "retry",
        "000003": "graded",
        "000004": "graded",
    }
    assert (run / "tasks" / "000002" / "tries").read_text() == "xxx"
    assert (run / "tasks" / "000003" / "tries").read_text() == "xx"


def test_workers_that_cannot_start_are_told_of(python: Path, run: Path, tmp_path: Path) -> None:
    (run / "broken").touch()
    with pytest.raises(WorkersError, match="No module named lesesal_notebook"):
        list(LocalWorkers(python, 1).run(run, keys(run, "fine")))
    with pytest.raises(WorkersError, match="no interpreter"):
        list(LocalWorkers(tmp_path / "nothing", 1).run(run, keys(run, "fine")))


def test_whoever_stops_reading_stops_the_workers(python: Path, run: Path) -> None:
    events = LocalWorkers(python, 1).run(run, keys(run, *["fine"] * 50))
    next(events)
    assert workers_of(run)
    events.close()  # type: ignore[attr-defined]
    assert not workers_of(run)


def test_workers_end_with_an_engine_that_is_killed(python: Path, run: Path) -> None:
    # It never says anything, and the engine waits for it.
    (run / "tasks" / "000001").mkdir(parents=True)
    os.mkfifo(run / "tasks" / "000001" / "kind")
    code = (
        "from pathlib import Path; from courses.workers.local import MODULE, LocalWorkers; "
        f"list(LocalWorkers(Path({str(python)!r}), 1).run(Path({str(run)!r}), ['000001']))"
    )
    engine = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: (run / "tasks" / "000001" / "tries").exists())
    (worker,) = [psutil.Process(pid) for pid in workers_of(run)]
    engine.kill()
    engine.wait()
    try:
        worker.wait(30)
    finally:
        if worker.is_running():
            worker.kill()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_workers_see_nothing_of_the_engines_environment(
    python: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    list(LocalWorkers(python, 1).run(run, keys(run, "fine")))
    seen = json.loads((run / "environment.json").read_text())
    assert set(seen) <= {"PATH", "HOME", "LANG", "TMPDIR", "TZ", "PWD", "LC_CTYPE"}
    assert seen["HOME"] != os.environ.get("HOME")
    assert not Path(seen["HOME"]).exists()

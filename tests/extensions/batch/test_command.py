"""``lesesal-batch`` in a terminal of the session."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest
from extensions.batch.stand_in import PYTHON, Desk

Command = Callable[..., str]


@pytest.fixture
def command(desk: Desk) -> Command:
    """What a call prints; its errors too, where it is to fail."""

    def call(*arguments: str, fails: bool = False) -> str:
        program = "from lesesal_notebook.batch.command import main; main(prog_name='lesesal-batch')"
        done = subprocess.run(
            [PYTHON, "-P", "-c", program, *arguments],
            cwd=desk.home,
            env=desk.variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout

    return call


def test_a_notebook_from_a_terminal(desk: Desk, command: Command) -> None:
    desk.notebook(
        "from lesesal_notebook import batch\nbatch.record(loss=rate * 2, title=name)",
        parameters="rate = 0.5\nname = 'a'\nseed = 0",
    )
    told = command(
        *("run", "work/train.ipynb", "-p", "name", "10", "-p", "seed", "-1"),
        *("--grid", "rate=0.1,0.2", "--name", "Rates", "--hours", "1", "--follow"),
    )
    run = told.splitlines()[0]
    assert desk.asked == [{"run": run, "offer": None, "hours": 1.0, "tasks": 2}]
    assert "  2 of 2 are done.\n  [########################] 100%\n" in told
    assert command("results", run, "--csv") == (
        "task,state,name,seed,rate,loss,title\n1,done,10,-1,0.1,0.2,10\n2,done,10,-1,0.2,0.4,10\n"
    )
    header, first, _second = command("results", run).splitlines()
    assert header.index("loss") == first.index("0.2")
    [line] = command("list").splitlines()
    first, state, share, *_when, name = line.split()  # after midnight it has a date, too
    assert (first, state, share, name) == (run, "done", "100%", "Rates")
    assert command("cancel", run) == f"{run} has ended already.\n"
    assert "there is nothing to go on with" in command("resume", run, fails=True)


def test_a_run_is_cancelled_and_resumed(desk: Desk, command: Command) -> None:
    desk.notebook(
        """
        import time
        from lesesal_notebook import batch
        if not (batch.checkpoint() / "here").exists():
            (batch.checkpoint() / "here").touch()
            time.sleep(600)
        """
    )
    run = command("run", "work/train.ipynb").strip()
    desk.until(run, lambda _status: (desk.task(run) / "checkpoint" / "here").exists())
    assert f"{run}: running" in command("show", run)
    assert command("cancel", run) == f"{run} is being ended.\n"
    desk.ended(run)
    assert f"{run}: cancelled\n  It was ended; what it had done is kept.\n" in command("show", run)
    new = command("resume", run).strip()
    assert desk.ended(new) == 0, desk.log(new)
    assert len(command("list").splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "nowhere.ipynb"), "There is no notebook"),
        (("run", "work/train.ipynb", "-p", "seed", "x"), "The parameter seed takes int, such as 0"),
        (
            ("run", "work/train.ipynb", "-p", "sed", "1"),
            "The notebook has no parameter sed. It has",
        ),
        (("run", "work/train.ipynb", "--grid", "seed"), "--grid seed should be NAME=VALUE,VALUE"),
        (("show", "nothing"), "There is no batch run nothing in ~/batch."),
    ],
)
def test_what_fails_is_a_sentence(
    desk: Desk, command: Command, arguments: tuple[str, ...], sentence: str
) -> None:
    desk.notebook("1", parameters="seed = 0")
    assert command(*arguments, fails=True).startswith(f"Error: {sentence}")


def test_looking_ends_with_ctrl_c_and_the_run_goes_on(desk: Desk) -> None:
    desk.holds = True
    run = desk.submit(desk.notebook("1"))
    program = "from lesesal_notebook.batch.command import main; main()"
    looking = subprocess.Popen(
        [PYTHON, "-P", "-c", program, "show", run, "--follow"],
        cwd=desk.home,
        env=desk.variables | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert looking.stdout is not None
    assert looking.stdout.readline() == f"{run}: waiting\n"
    os.kill(looking.pid, signal.SIGINT)
    assert "Traceback" not in looking.communicate(timeout=120)[0]
    assert desk.says[run]["state"] == "waiting"

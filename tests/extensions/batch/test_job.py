"""What a job does with a notebook: real processes, kernels and papermill."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import nbformat
import psutil
from extensions.batch.stand_in import Desk
from tiny_disks import tiny_disk

# Trains for a minute, says how far it is, and stops when it is told to; goes on where it was.
TRAINING = """
import time
from lesesal_notebook import batch
folder = batch.checkpoint()
step = int((folder / "step").read_text()) if checkpoint else 0
began = step
for step in range(step, 600):
    # As a whole: it may be killed at any moment.
    (folder / "new").write_text(str(step))
    (folder / "new").rename(folder / "step")
    batch.record(began=began, step=step)
    if batch.ending():
        print("saved at", step, flush=True)
        break
    time.sleep(0.1)
"""
STUBBORN = """
import time
print("it begins", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    raise
"""


def result(desk: Desk, run: str, number: int = 1) -> Any:
    """The executed notebook."""
    return nbformat.read(desk.task(run, number) / "result.ipynb", as_version=4)


def printed(book: Any) -> str:
    """All text of a notebook's cells."""
    return "".join(
        output.get("text", "")
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )


def test_a_notebook_is_run_where_it_is_with_its_parameters(desk: Desk) -> None:
    notebook = desk.notebook(
        """
        import os
        from pathlib import Path
        from lesesal_notebook import batch
        print(Path("beside.txt").read_text(), rate, steps)
        print([name for name in os.environ if "TOKEN" in name], os.environ["LESESAL_COURSE"])
        """,
        "batch.record(loss=rate / 2, steps=steps)",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
        parameters="rate = 0.5  # of learning\nsteps: int = 10",
    )
    (notebook.parent / "beside.txt").write_text("a file beside it")
    run = desk.submit(notebook, parameters={"rate": 0.25})
    assert desk.ended(run) == 0, desk.log(run)
    book = result(desk, run)
    assert printed(book) == "a file beside it 0.25 10\n[] optics\n"
    [figure] = [
        output
        for cell in book.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(figure["data"]["image/png"]) > 1000
    assert "injected-parameters" in book.cells[1].metadata.tags
    assert "a file beside it 0.25 10\n" in desk.printed(run)
    assert json.loads((desk.task(run) / "results.json").read_text()) == {"loss": 0.125, "steps": 10}
    status = desk.status(run)
    assert {name: status[name] for name in ("state", "cell", "cells", "attempt", "sentence")} == {
        "state": "done",
        "cell": 5,
        "cells": 5,
        "attempt": 1,
        "sentence": "",
    }
    assert len(status["seconds"]) == 5
    assert status["started"] <= status["cell_started"] <= status["ended"]
    assert nbformat.read(notebook, as_version=4).cells[1].outputs == []


def test_an_error_is_a_sentence_and_the_notebook_has_the_rest(desk: Desk) -> None:
    notebook = desk.notebook("print('before')", "weights = {}\nweights['first']", "print('after')")
    run = desk.submit(notebook)
    assert desk.ended(run) == 1
    status = desk.status(run)
    assert (status["state"], status["sentence"]) == ("failed", "Cell 2: KeyError: 'first'")
    book = result(desk, run)
    assert printed(book) == "before\n"
    assert any(
        output.output_type == "error"
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    assert "Traceback" not in desk.log(run)


def test_a_dead_kernel_is_a_sentence(desk: Desk) -> None:
    run = desk.submit(desk.notebook("print('here', flush=True)", "import os\nos._exit(9)"))
    assert desk.ended(run) == 1
    status = desk.status(run)
    assert status["state"] == "failed"
    assert status["sentence"].startswith("The notebook's Python was killed in cell 2.")
    assert printed(result(desk, run)) == "here\n"


def test_a_told_notebook_stops_by_itself_and_goes_on_later(desk: Desk) -> None:
    notebook = desk.notebook(TRAINING, parameters='checkpoint = ""')
    run = desk.submit(notebook)
    desk.until(run, lambda _status: (desk.task(run) / "checkpoint" / "step").exists())
    os.kill(desk.jobs[run].pid, signal.SIGUSR1)
    assert desk.ended(run) == 1
    assert desk.status(run)["state"] == "out of time"
    step = int((desk.task(run) / "checkpoint" / "step").read_text())
    assert printed(result(desk, run)) == f"saved at {step}\n"
    new = desk.python(
        f"""
        from lesesal_notebook import batch
        old = batch.get({run!r})
        assert (old.state, old.look().resumable) == ("out of time", True), str(old)
        print(old.resume().id)
        """
    ).strip()
    desk.until(new, lambda status: status.get("cell") == 3)
    desk.until(new, lambda _status: (desk.task(new) / "results.json").exists())
    os.kill(desk.jobs[new].pid, signal.SIGTERM)
    desk.ended(new)
    assert json.loads((desk.task(new) / "results.json").read_text())["began"] == step


def test_one_that_does_not_listen_is_interrupted(desk: Desk) -> None:
    desk.notice = 21.0
    run = desk.submit(desk.notebook(STUBBORN))
    desk.until(run, lambda _status: "it begins" in desk.printed(run))
    os.kill(desk.jobs[run].pid, signal.SIGUSR1)
    desk.ended(run)
    assert desk.status(run)["state"] == "out of time"
    assert printed(result(desk, run)) == "it begins\ninterrupted\n"


def test_an_order_to_end_saves_and_leaves_nothing_running(desk: Desk) -> None:
    run = desk.submit(desk.notebook(STUBBORN), grid={}, name="a title")
    desk.until(run, lambda _status: "it begins" in desk.printed(run))
    family = psutil.Process(desk.jobs[run].pid).children(recursive=True)
    assert family
    os.kill(desk.jobs[run].pid, signal.SIGTERM)
    desk.ended(run)
    status = desk.status(run)
    assert (status["state"], status["sentence"]) == (
        "cancelled",
        "It was ended; what it had done is kept.",
    )
    assert printed(result(desk, run)) == "it begins\n"
    assert psutil.wait_procs(family, timeout=60)[1] == []


def test_tasks_in_turn_are_not_begun_when_the_time_is_over(desk: Desk) -> None:
    notebook = desk.notebook(TRAINING, parameters='checkpoint = ""\nrate = 0.5')
    run = desk.submit(notebook, grid={"rate": [0.1, 0.2]})
    desk.until(run, lambda _status: (desk.task(run) / "checkpoint" / "step").exists())
    os.kill(desk.jobs[run].pid, signal.SIGUSR1)
    desk.ended(run)
    second = desk.status(run, 2)
    assert (second["state"], second["sentence"]) == ("out of time", "It was not begun.")


def test_one_that_is_started_again_says_so_and_goes_on(desk: Desk) -> None:
    notebook = desk.notebook(TRAINING, parameters="checkpoint = None")
    run = desk.submit(notebook)
    desk.until(run, lambda _status: (desk.task(run) / "results.json").exists())
    family = psutil.Process(desk.jobs[run].pid).children(recursive=True)
    desk.jobs[run].kill()
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    desk.ended(run)
    assert desk.status(run)["state"] == "running"
    nbformat.validate(result(desk, run))
    step = int((desk.task(run) / "checkpoint" / "step").read_text())
    desk.start(run)
    desk.until(run, lambda status: status.get("attempt") == 2 and status["cell"] == 3)
    desk.until(run, lambda _status: (desk.task(run) / "results.json").exists())
    assert json.loads((desk.task(run) / "results.json").read_text())["began"] >= step
    assert desk.status(run)["sentence"] == (
        "It was started again with its checkpoint folder (start 2)."
    )


def test_missing_data_is_a_sentence_of_the_run(desk: Desk, tmp_path: Path) -> None:
    missing = {"name": "letters", "source": str(tmp_path / "letters"), "size": 4}
    desk.environment = {"LESESAL_DATASET_SOURCES": json.dumps([missing])}
    run = desk.submit(desk.notebook("1"))
    assert desk.ended(run) == 1
    assert desk.status(run)["sentence"].startswith("The course's dataset 'letters' is not at")
    assert "Traceback" not in desk.log(run)


def test_without_its_files_a_job_ends_with_a_sentence(desk: Desk) -> None:
    job = desk.start("gone-1122")
    assert job.wait(60) == 1
    assert desk.log("gone-1122") == "There is no batch run gone-1122 in ~/batch.\n"


def test_endless_output_is_cut(desk: Desk) -> None:
    run = desk.submit(
        desk.notebook("for _ in range(200):\n    print('x' * 100_000, flush=True)", "print('end')")
    )
    assert desk.ended(run) == 0, desk.log(run)
    text = printed(result(desk, run))
    assert len(text) < 6 << 20
    assert text.count("prints too much") == 1
    assert text.endswith("\n[This cell prints too much; the rest is left out.]\nend\n")


def test_a_full_disk_ends_no_run(desk: Desk) -> None:
    notebook = desk.notebook(
        """
        from pathlib import Path
        filler = Path.home() / "batch" / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65536))
            except OSError:
                print("it is full", flush=True)
        """,
        "print('x' * 10_000, flush=True)",
        "filler.unlink()",
        "print('the end')",
    )
    with tiny_disk(desk.home / "batch", megabytes=32, files=1000):
        run = desk.submit(notebook)
        assert desk.ended(run) == 0, desk.log(run)
        assert desk.status(run)["state"] == "done"
        assert printed(result(desk, run)).endswith("the end\n")
        assert "Traceback" not in desk.log(run)


def test_a_disk_without_room_is_a_sentence(desk: Desk) -> None:
    notebook = desk.notebook("1")
    with tiny_disk(desk.home / "batch", megabytes=4, files=1000):
        told = desk.python(
            f"""
            from lesesal_notebook import batch
            try:
                batch.submit({str(notebook)!r})
            except batch.BatchError as error:
                print(error)
            """
        )
        assert told.startswith(f"The run can't be written into {desk.home}/batch (4 MB are free).")
        assert list((desk.home / "batch").iterdir()) == []

"""`submit`, `runs`, `get` and `Run` as a session's Python has them, with a stand-in hub."""

from __future__ import annotations

import json
import time

from extensions.batch.stand_in import TOKEN, Desk

TRAIN = "from lesesal_notebook import batch\nbatch.record(loss=rate * 2 + seed / 100)"
PARAMETERS = "rate = 0.5  # of learning\nseed = 1\nname = 'a'\ndeep = False"


REFUSED = [
    ("batch.submit('nowhere.ipynb')", "There is no notebook"),
    ("batch.submit('work/notes.txt')", "There is no notebook"),
    ("batch.submit('work/broken.ipynb')", "broken.ipynb can't be read as a notebook ("),
    ("batch.submit('work/r.ipynb')", "r.ipynb is written in R; batch jobs run Python."),
    (
        "batch.submit(book, {'rat': 1})",
        "The notebook has no parameter rat. It has: rate, seed, name, deep.",
    ),
    (
        "batch.submit(book, {'seed': 0.5})",
        "The parameter seed takes int, such as 1, and 0.5 is not.",
    ),
    ("batch.submit(book, {'rate': True})", "The parameter rate takes float, such as 0.5, and True"),
    (
        "batch.submit(book, grid={'seed': []})",
        "The grid has [] for seed; it takes a list of values, such as",
    ),
    ("batch.submit(book, grid={'name': 'ab'})", "The grid has 'ab' for name; it takes a list"),
    (
        "batch.submit(book, {'seed': 1}, grid={'seed': [1]})",
        "seed is both a parameter and in the grid; give it once.",
    ),
    (
        "batch.submit(book, grid={'seed': range(100), 'rate': range(11)})",
        "The grid has 1100 combinations; at most 1000 can be run.",
    ),
    ("batch.submit(book, {'seed': object()})", "seed is object, which can't be kept"),
    ("batch.submit(book, hours='long')", "'long' is no number of hours."),
    ("batch.submit('work/plain.ipynb', {'seed': 1})", "The notebook has no parameter seed: it"),
    ("batch.get('../work')", "'../work' is no name of a batch run."),
    ("batch.get('nothing')", "There is no batch run nothing in ~/batch."),
    ("batch.submit(book)", "You have two sessions already."),
]


def test_what_is_refused_is_a_sentence_and_leaves_nothing(desk: Desk) -> None:
    book = desk.notebook(TRAIN, parameters=PARAMETERS)
    desk.notebook("1", name="plain")
    (book.parent / "notes.txt").write_text("no notebook")
    (book.parent / "broken.ipynb").write_text("{")
    other = json.loads(book.read_text())
    other["metadata"]["language_info"] = {"name": "R"}
    (book.parent / "r.ipynb").write_text(json.dumps(other))
    desk.refusal = 403, {"message": "You have two sessions already."}
    printed = desk.python(
        f"""
        from lesesal_notebook import batch
        book = {str(book)!r}
        for call in {[call for call, _ in REFUSED]!r}:
            try:
                eval(call)
            except batch.BatchError as error:
                print(error)
                assert error._render_traceback_() == [str(error)]
        """
    )
    for line, (call, sentence) in zip(printed.splitlines(), REFUSED, strict=True):
        assert line.startswith(sentence), call
    assert desk.asked == []
    assert list((desk.home / "batch").iterdir()) == []


def test_a_silent_hub_is_a_sentence_and_leaves_nothing(desk: Desk) -> None:
    book = desk.notebook(TRAIN, parameters=PARAMETERS)
    desk.silent = True
    printed = desk.python(
        f"""
        from lesesal_notebook import batch
        try:
            batch.submit({str(book)!r})
        except batch.BatchError as error:
            print(error)
        """
    )
    assert printed == "The hub does not answer. Try again in a minute.\n"
    assert list((desk.home / "batch").iterdir()) == []


def test_where_its_folder_cannot_be_made_it_is_a_sentence(desk: Desk) -> None:
    book = desk.notebook(TRAIN, parameters=PARAMETERS)
    (desk.home / "batch").write_text("somebody's own")
    printed = desk.python(
        f"""
        from lesesal_notebook import batch
        assert batch.runs() == []
        try:
            batch.submit({str(book)!r})
        except batch.BatchError as error:
            print(error)
        """
    )
    assert printed == (
        f"The run can't be written into {desk.home}/batch (File exists). Remove old runs or "
        "other files.\n"
    )
    assert desk.asked == []


def test_a_sweep_is_collected_by_another_session(desk: Desk) -> None:
    book = desk.notebook(TRAIN, parameters=PARAMETERS)
    run = desk.submit(
        book,
        parameters={"name": "b"},
        grid={"rate": [1, 0.5], "seed": [1, 2]},
        hours=1,
        offer="cpu",
    )
    assert desk.asked == [{"run": run, "offer": "cpu", "hours": 1.0, "tasks": 4}]
    assert desk.tokens == {f"token {TOKEN}"}
    assert desk.ended(run) == 0, desk.log(run)
    printed = desk.python(
        """
        import json
        from lesesal_notebook import batch
        [run] = batch.runs()
        assert repr(run) == f"<batch run {run.id}: done>"
        assert run.wait() == run.state == "done"
        assert run.result == run.folder / "tasks" / "1" / "result.ipynb"
        figure = run.plot()
        [axes] = figure.axes
        [line] = axes.lines
        print(axes.get_xlabel(), axes.get_ylabel(), line.get_xydata().round(3).tolist())
        assert figure._repr_png_().startswith(b"\\x89PNG")
        try:
            run.plot(y="los")
        except batch.BatchError as error:
            print(error)
        summary = run.summary()
        assert json.loads(json.dumps(summary)) == summary
        print(json.dumps(run.results()))
        """
    )
    plotted, refused, rows = printed.splitlines()
    assert plotted == "rate loss (mean and range of 2) [[0.5, 1.015], [1.0, 2.015]]"
    assert refused == (
        "There is no los in the results. There are: task, state, name, rate, seed, loss."
    )
    assert json.loads(rows) == [
        {"task": 1, "state": "done", "name": "b", "rate": 1.0, "seed": 1, "loss": 2.01},
        {"task": 2, "state": "done", "name": "b", "rate": 1.0, "seed": 2, "loss": 2.02},
        {"task": 3, "state": "done", "name": "b", "rate": 0.5, "seed": 1, "loss": 1.01},
        {"task": 4, "state": "done", "name": "b", "rate": 0.5, "seed": 2, "loss": 1.02},
    ]


def test_only_what_failed_is_run_again_and_the_table_is_whole(desk: Desk) -> None:
    book = desk.notebook(
        """
        from pathlib import Path
        from lesesal_notebook import batch
        assert seed == 1 or Path("repaired").exists(), "not yet"
        batch.record(loss=seed)
        """,
        parameters="seed = 1",
    )
    run = desk.submit(book, grid={"seed": [1, 2, 3]})
    assert desk.ended(run) == 1
    (book.parent / "repaired").touch()
    new = desk.python(
        f"""
        from lesesal_notebook import batch
        run = batch.get({run!r})
        assert run.state == "failed"
        print(run.resume().id)
        """
    ).strip()
    assert desk.asked[-1]["tasks"] == 2
    assert desk.ended(new) == 0, desk.log(new)
    rows = desk.python(
        f"""
        import json
        from lesesal_notebook import batch
        run = batch.get({new!r})
        try:
            run.resume()
        except batch.BatchError as error:
            assert "is done; there is nothing to go on with." in str(error)
        print(json.dumps([[row["seed"], row["state"], row["loss"]] for row in run.results()]))
        """
    )
    assert json.loads(rows) == [[1, "done", 1], [2, "done", 2], [3, "done", 3]]


def test_waiting_has_a_place_and_is_cancelled(desk: Desk) -> None:
    desk.holds = True
    run = desk.submit(desk.notebook("1"), name="Held")
    now = time.time()
    desk.says[run] = {
        "state": "waiting",
        "reason": "Waiting for a machine.",
        "place": 2,
        "queue_length": 9,
        "expected": [now, now],
    }
    look = f"from lesesal_notebook import batch\nrun = batch.get({run!r})\n"
    day = time.localtime(now)
    clock = time.strftime("%H:%M", day)
    # After midnight it has a date, too.
    assert desk.python(look + "print(run)").replace(time.strftime("%Y-%m-%d ", day), "") == (
        f"{run}: waiting\n  Waiting for a machine.\n  place 2 of 9, expected to start {clock}\n"
    )
    desk.silent = True
    assert desk.python(look + "print(run)") == (
        f"{run}: waiting\n  The hub does not answer; this is what the run's files say.\n"
    )
    desk.silent = False
    assert desk.python(look + "print(run.wait(0)); run.cancel(); print(run.state)") == (
        "waiting\ncancelled\n"
    )


def test_another_courses_run_is_seen_and_left_alone(desk: Desk) -> None:
    desk.holds = True
    run = desk.submit(desk.notebook("1"))
    plan = desk.home / "batch" / run / "run.json"
    told = json.loads(plan.read_text())
    assert told["server"] == "optics"
    plan.write_text(json.dumps({**told, "server": "acoustics", "submitted": 1.0}))
    sentence = "It belongs to the course acoustics: a session of that course knows how it stands."
    assert desk.python(
        """
        from lesesal_notebook import batch
        [run] = batch.runs()
        print(run)
        try:
            run.cancel()
        except batch.BatchError as error:
            print(error)
        """
    ) == (f"{run}: waiting\n  {sentence}\n{sentence}\n")


def test_outside_of_a_job_a_notebook_runs_the_same(desk: Desk) -> None:
    assert desk.python(
        """
        import numpy as np
        from lesesal_notebook import batch
        batch.record(loss=np.float32(0.5), steps=np.int64(3), curve=np.arange(2), name="a")
        print(batch.checkpoint(), batch.ending())
        """
    ) == (f"{desk.home}/checkpoints False\n")


def test_a_running_notebook_needs_nothing_heavy(desk: Desk) -> None:
    assert desk.python(
        """
        import sys
        from lesesal_notebook import batch
        batch.record(loss=1); batch.ending()
        print(sorted({"papermill", "urllib3", "ipywidgets", "matplotlib"} & set(sys.modules)))
        """
    ) == ("[]\n")

"""What `make bench-grade` does and makes of its figures; a short form of it is run."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import nbgrader.api
import psutil
import pytest
from bench import grade, grade_sides
from bench.cpu_group import cpu_group
from bench.grade_class import ASSIGNMENTS, course, edited, read, students
from bench.grade_sides import copy_of, growth, ours, take
from bench.grade_torch import write_source
from bench.gradebooks import differences, rows
from nbgrader.api import Gradebook


def test_stock_is_projected_from_one_and_a_few() -> None:
    # 3 s to start, 2 s each.
    assert grade.projected(5, 9, 3, 100) == 203


def measured(speedup: float, *, equal: bool = True, grown: float | None = 1.0) -> dict[str, Any]:
    growths = {"engine_growth_mb": grown, "worker_growth_mb": grown}
    return {"speedup": speedup, "equal": equal, **growths}


def test_flat_keys_are_medians_and_one_difference_is_enough() -> None:
    found = {
        "ps1": [measured(20), measured(30, grown=3.0), measured(22, grown=None)],
        "demo": [measured(25), measured(21, equal=False)],
    }
    assert grade.summarise(found, {"torch": "It is not here."}) == {
        "speedup_ps1": 22,
        "speedup_demo": 23,
        "speedup_torch": None,
        "gradebooks_equal": False,
        "engine_growth_mb": 3.0,
        "worker_growth_mb": 3.0,
        "why_not": {"torch": "It is not here."},
    }
    assert grade.summarise({}, {})["gradebooks_equal"] is None


def test_growth_is_told_from_the_first_third_to_the_end() -> None:
    mib = 2**20
    assert growth([10 * mib] * 10 + [60 * mib] * 90) == 0
    assert growth([number * mib for number in range(100)]) == pytest.approx(56, abs=2)
    assert growth([mib] * 5) is None


def test_a_command_is_measured_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It goes on until its memory was looked at twice, however seldom the one who looks gets to it.
    seen = tmp_path / "seen"
    burn = (
        "import os, time\nwhile time.process_time() < 0.4: pass\n"
        "last = time.monotonic() + 60\n"
        f"while not os.path.exists({str(seen)!r}) and time.monotonic() < last: time.sleep(0.01)"
    )
    sample = grade_sides._sample

    def counted(memory: dict[str, list[int]], name: str, process: psutil.Process) -> None:
        sample(memory, name, process)
        if len(memory.get("burner", ())) > 1:
            seen.touch()

    monkeypatch.setattr(grade_sides, "_sample", counted)
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}]).wait()"
    taken = take([sys.executable, "-c", code], tmp_path, tmp_path / "log", {"burner": "while time"})
    assert 0.4 <= taken.cpu_s < 5
    assert taken.wall_s >= 0.4
    assert len(taken.memory[""]) > 1
    assert len(taken.memory["burner"]) > 1
    with pytest.raises(RuntimeError, match="Not today"):
        take([sys.executable, "-c", "exit('Not today')"], tmp_path, tmp_path / "log")


def test_what_nobody_waits_for_is_counted_too(tmp_path: Path) -> None:
    with cpu_group() as group:
        if group is None:
            pytest.skip("There are no control groups of version 1 here.")
    burn = "import time\nwhile time.process_time() < 0.4: pass"
    code = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        f"subprocess.Popen([sys.executable, '-c', {burn!r}]).wait()"
    )
    assert take([sys.executable, "-c", code], tmp_path, tmp_path / "log").cpu_s >= 0.4


def test_people_hand_in_different_work_and_the_same_each_time(tmp_path: Path) -> None:
    source = read(write_source(tmp_path / "torch") / "torch.ipynb")
    nbformat.validate(source)
    people = students(200)
    one, *others = [edited(read(tmp_path / "torch" / "torch.ipynb"), source, p) for p in people]
    again = edited(read(tmp_path / "torch" / "torch.ipynb"), source, people[0])
    assert one == again
    works = ["".join(cell.source for cell in each.cells) for each in (one, *others)]
    assert len(set(works)) > 150
    assert 5 < sum("raise ValueError" in work for work in works) < 80
    tests = [[cell.source for cell in each.cells if "assert" in cell.source] for each in others]
    assert all(each == tests[0] for each in tests)


def a_gradebook(file: Path, people: list[str], score: float = 3) -> Path:
    with Gradebook(f"sqlite:///{file}") as book:
        book.add_assignment("ps1")
        book.add_notebook("problem1", "ps1")
        book.add_grade_cell("test", "problem1", "ps1", max_score=5, cell_type="code")
        for name in people:
            book.add_student(name)
            book.add_submission("ps1", name)
            book.find_grade("test", "problem1", "ps1", name).auto_score = score
        book.db.commit()
    return file


def test_gradebooks_are_compared_whatever_their_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It asks a program of its own, which takes its time.
    monkeypatch.setattr(nbgrader.api, "get_alembic_version", lambda: "1")
    one = a_gradebook(tmp_path / "one.db", ["student1", "student2"])
    same = a_gradebook(tmp_path / "same.db", ["student2", "student1"])
    more = a_gradebook(tmp_path / "more.db", ["student1", "student2", "student3"])
    other = a_gradebook(tmp_path / "other.db", ["student1", "student2"], score=4)
    assert differences(one, same) == []
    assert differences(one, other) != []
    assert any("student3" in each for each in differences(one, more))
    assert differences(one, more, ["student1", "student2"]) == []
    assert {row[0] for row in rows(one)} >= {"grade", "submitted_notebook", "student"}
    with closing(sqlite3.connect(same)) as connection, connection:
        connection.execute("UPDATE grade SET needs_manual_grade = 1 - needs_manual_grade")
    assert len(differences(one, same)) == 4


@pytest.mark.slow
def test_a_short_form_of_it(tmp_path: Path) -> None:
    found = grade.turn("ps1", tmp_path, grade.SESSION, 6, 2)
    assert found["equal"], (found["differences"], found["odd"])
    # How fast, only an idle machine tells.
    assert (found["students"], found["stock_students"]) == (6, 2)
    assert found["ours"]["cpu_s_per_notebook"] > 0
    flat = grade.summarise({"ps1": [found]}, {})
    assert flat["gradebooks_equal"] is True
    assert {"seconds", "notebooks_per_s", "cpu_s_per_notebook"} <= set(found["ours"])


@pytest.mark.slow
def test_a_class_does_not_grow_engine_and_workers(tmp_path: Path) -> None:
    # So many that a worker's start is far less than the first third of its time.
    course(tmp_path, ASSIGNMENTS["ps1"], 300, grade.SESSION)
    taken, submissions = ours(tmp_path, ASSIGNMENTS["ps1"], grade.SESSION, tmp_path / "log")
    assert len(submissions) == 300
    assert {each["state"] for each in submissions} == {"graded"}
    grown = {name: growth(sizes) for name, sizes in taken.memory.items()}
    assert set(grown) == {"", "worker"}
    assert all(mib is not None and mib < 10 for mib in grown.values()), grown


def test_a_copy_has_the_work_of_these_people_only(tmp_path: Path) -> None:
    names = ["gradebook.db", "source/ps1/problem1.ipynb", ".lesesal/grading/ps1/lock"]
    names += [f"submitted/{student}/ps1/problem1.ipynb" for student in students(3)]
    for name in names:
        (tmp_path / "course" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "course" / name).touch()
    copied = copy_of(tmp_path / "course", tmp_path / "copy", students(2))
    found = sorted(str(file.relative_to(copied)) for file in copied.rglob("*") if file.is_file())
    assert found == [
        "gradebook.db",
        "source/ps1/problem1.ipynb",
        "submitted/student0001/ps1/problem1.ipynb",
        "submitted/student0002/ps1/problem1.ipynb",
    ]

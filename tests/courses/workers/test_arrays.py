"""What Slurm is asked about a grading run, and what its answers mean."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courses import grades
from courses.workers import arrays
from courses.workers.arrays import Task
from courses.workers.lost import give_up
from spawners.offers import Limits, Offer

RUN = Path("/shared/it's a run/50%")
OFFER = Offer("cpu", "Cores", "hpc", Limits(4, 16000, {"h100": 2}, hours=1.5), partition="cpu")


def settings(gpus: int = 0, **limits: Any) -> dict[str, Any]:
    return {"gpus": gpus, "limits": asdict(grades.Limits(**limits))}


def test_a_task_has_as_many_at_a_time_as_its_memory_holds() -> None:
    assert arrays.room(OFFER, settings()) == (4, Limits(4, 16000, hours=1.5))
    assert arrays.room(OFFER, settings(memory_bytes=8 * 2**30)) == (1, Limits(1, 16000, hours=1.5))
    assert arrays.room(OFFER, settings(memory_bytes=99 * 2**30))[0] == 1


def test_where_gpus_are_asked_for_none_is_shared() -> None:
    asked = Limits(4, 16000, {"h100": 1}, hours=1.5)
    assert arrays.room(OFFER, settings(gpus=1)) == (1, asked)
    several = Offer("any", "Any", "hpc", Limits(2, 4000, {"h100": 1, "a100": 1}))
    assert arrays.room(several, settings(gpus=1))[1].gpus == {"": 1}


def test_what_sbatch_is_asked() -> None:
    workers, asked = arrays.room(OFFER, settings(gpus=1))
    assert workers == 1
    assert arrays.sbatch_argv(RUN, 3, 20, 8, OFFER, asked) == [
        "sbatch",
        "--parsable",
        f"--job-name={arrays.job_name(RUN)}",
        "--comment=3",
        "--array=0-19%8",
        "--chdir=/shared/it's a run/50%/slurm/3",
        "--output=%a.out",
        "--error=%a.err",
        "--nodes=1",
        "--ntasks=1",
        "--cpus-per-task=4",
        "--mem=16000M",
        "--time=90",
        "--no-requeue",
        "--gres=gpu:h100:1",
        "--partition=cpu",
    ]
    assert arrays.job_name(RUN) != arrays.job_name(RUN.parent)


def test_the_script_quotes_what_it_is_given() -> None:
    assert arrays.script(Path("/opt/$env/python"), RUN, 4, "module load cuda\n") == (
        "#!/bin/bash\n"
        "module load cuda\n"
        "exec '/opt/$env/python' -P -m lesesal_notebook.execution '/shared/it'\"'\"'s a run/50%' "
        '--workers 4 --keys "$SLURM_ARRAY_TASK_ID.keys"\n'
    )


@given(st.integers(1, 3000), st.integers(1, 16), st.integers(1, 64))
def test_each_key_is_in_one_shard(count: int, workers: int, at_once: int) -> None:
    keys = [f"{number:06}" for number in range(count)]
    shards = arrays.split(keys, workers, at_once)
    assert sorted(key for shard in shards for key in shard) == keys
    assert 1 <= len(shards) <= arrays.MOST_SHARDS
    assert all(shard == sorted(shard) for shard in shards)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize(
    ("count", "workers", "at_once", "shards"),
    [(1, 4, 8, 1), (9, 4, 8, 3), (100, 4, 8, 8), (1000, 4, 8, 16), (9999, 1, 8, 625)],
)
def test_shards_are_neither_too_small_nor_too_large(
    count: int, workers: int, at_once: int, shards: int
) -> None:
    assert len(arrays.split([str(number) for number in range(count)], workers, at_once)) == shards


def test_squeue_tells_of_tasks() -> None:
    answer = (
        "17|0|RUNNING|None|1\n17|12|CANCELLED|None|1\n17|3|PENDING|Resources|1\n"
        "18|N/A|PENDING|None|1\n19|1|RUNNING|None|other|2\n\n"
    )
    found = arrays.parse_squeue(answer)
    assert found == [
        Task("17", 1, 0, "RUNNING", "None"),
        Task("17", 1, 12, "CANCELLED", "None"),
        Task("17", 1, 3, "PENDING", "Resources"),
    ]
    assert [task.alive for task in found] == [True, False, True]
    assert "--user=grader" in arrays.squeue_argv(RUN, "grader")


def test_what_a_worker_prints_beside_its_events_is_passed_over() -> None:
    lines = ['{"key": "000001", "event": "started"}', "noise", "[]", '{"event": "started"}']
    lines.append('{"key": "000002", "event": "ended", "state": "graded"}')
    assert arrays.started("\n".join(lines)) == ["000001"]


def test_a_result_that_is_there_is_not_given_up(tmp_path: Path) -> None:
    give_up(tmp_path, "000001")
    (tmp_path / "results" / "000002.json").write_text("{}")
    give_up(tmp_path, "000002")
    results = tmp_path / "results"
    assert sorted(file.name for file in results.iterdir()) == ["000001.json", "000002.json"]
    assert json.loads((results / "000001.json").read_text())["reason"]["kind"] == "lost"
    assert (results / "000002.json").read_text() == "{}"

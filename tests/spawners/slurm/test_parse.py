"""What squeue 22.05 printed on the one-machine Slurm, read."""

from dataclasses import replace

import pytest

from spawners.jobs import Job, JobState, SessionKey, write_comment
from spawners.slurm import words
from spawners.slurm.parse import parse_squeue, refusal

KEY = SessionKey("uio", "kim", "ai")
OURS = write_comment(KEY, 2)
THEIRS = write_comment(replace(KEY, hub="other"), 1)
# JobArrayID|State|Reason|NodeList|exit_code|SubmitTime|StartTime|EndTime|RestartCnt|UserName|
# Comment|
RECORDED = f"""\
1|RUNNING|None|gpu1|0|1795294950|1795294961|1795302161|0|kim|{OURS}|
2|COMPLETED|None|gpu1|0|1795294950|1795294961|1795294961|0|kim|{OURS}|
3|FAILED|NonZeroExitCode|gpu1|768|1795294950|1795294961|1795294961|0|kim|{OURS}|
4|TIMEOUT|TimeLimit|gpu1|15|1795294950|1795294961|1795295050|0|kim|{OURS}|
5|OUT_OF_MEMORY|OutOfMemory|gpu1|253|1795294950|1795294961|1795294961|0|kim|{OURS}|
8|COMPLETING|None|gpu1|0|1795294950|1795294961|1795294961|0|kim|{OURS}|
10|CANCELLED|JobHeldUser||0|1795294950|1795294961|1795294961|0|kim|{OURS}|
12|PENDING|PartitionDown||0|1795294950|N/A|N/A|0|kim|{OURS}|
14|PENDING|Resources||0|1795294950|1795295361|1795300361|0|kim|{OURS}|
17|NODE_FAIL|NodeDown|gpu2|0|1795294950|1795294961|1795294961|0|kim|{OURS}|
18|PENDING|BeginTime||0|1795295081|1795295081|1795302281|1|kim|{OURS}|
20|PENDING|ReqNodeNotAvail, UnavailableNodes:gpu1||0|1795294950|N/A|N/A|0|kim|{OURS}|
21|RUNNING|None|gpu1|0|1795294950|1795294961|1795302161|0|kim|{THEIRS}|
22|RUNNING|None|gpu1|0|1795294950|1795294961|1795302161|0|kim|(null)|
23|RUNNING|None|gpu1|0|1795294950|1795294961|1795302161|0|kim|a | b|
24|RUNNING
"""
BEGAN = 1795294961.0


def job(id_: str, state: JobState, word: str, **more: object) -> Job:
    fields = {"ends": BEGAN, "attempt": 2, "username": "kim", "submitted": 1795294950.0,
              "starts": BEGAN, **more}  # fmt: skip
    return Job(id_, KEY, state, word, **fields)  # type: ignore[arg-type]


def test_all_states_are_read_and_other_jobs_are_passed_over() -> None:
    ended, waiting, running = JobState.ENDED, JobState.WAITING, JobState.RUNNING
    memory = "it used more memory than it had; choose a larger offer"
    expected = [
        job("1", running, "RUNNING", node="gpu1", ends=1795302161.0),
        job("2", ended, "COMPLETED", node="gpu1", exit_code=0),
        job("3", ended, "FAILED", reason="NonZeroExitCode", node="gpu1", exit_code=3),
        job("4", ended, "TIMEOUT", reason="TimeLimit", why="its time was over", node="gpu1",
            exit_code=143, ends=1795295050.0),
        job("5", ended, "OUT_OF_MEMORY", reason="OutOfMemory", why=memory, node="gpu1",
            exit_code=137),
        job("8", running, "COMPLETING", node="gpu1"),
        job("10", ended, "CANCELLED", reason="JobHeldUser", why="it was cancelled", exit_code=0),
        job("12", waiting, "PENDING", reason="PartitionDown",
            why=words.WAITING["PartitionDown"], ends=None, starts=None),
        job("14", waiting, "PENDING", reason="Resources",
            why=words.WAITING["Resources"], ends=1795300361.0, starts=1795295361.0),
        job("17", ended, "NODE_FAIL", reason="NodeDown", why="its machine failed; start it again",
            node="gpu2", exit_code=0),
        job("18", waiting, "PENDING", reason="BeginTime", why=words.WAITING["BeginTime"],
            ends=1795302281.0, restarts=1, submitted=1795295081.0, starts=1795295081.0),
        job("20", waiting, "PENDING", reason="ReqNodeNotAvail, UnavailableNodes:gpu1",
            why=words.WAITING["ReqNodeNotAvail"], ends=None, starts=None),
    ]  # fmt: skip
    assert parse_squeue(RECORDED, "uio") == {each.id: each for each in expected}


# Tasks of an array: put back in the queue, cancelled, running, waiting, and a line of several.
ARRAY = f"""\
30_1|PENDING|JobArrayTaskLimit||0|1795294950|N/A|N/A|1|kim|{OURS}&run=sweep-1|
30_2|CANCELLED|None|gpu4|0|1795294950|1795294961|1795294970|0|kim|{OURS}&run=sweep-1|
30_3|RUNNING|None|gpu4|0|1795294950|1795294961|1795302161|0|kim|{OURS}&run=sweep-1|
30_6|PENDING|JobArrayTaskLimit||0|1795294950|N/A|N/A|0|kim|{OURS}&run=sweep-1|
30_[7-8]|PENDING|JobArrayTaskLimit||0|1795294950|N/A|N/A|0|kim|{OURS}&run=sweep-1|
"""


def test_each_task_of_an_array_is_a_job_of_its_run() -> None:
    key, limit = replace(KEY, run="sweep-1"), words.WAITING["JobArrayTaskLimit"]
    waiting = {"reason": "JobArrayTaskLimit", "why": limit, "ends": None, "starts": None}
    expected = [
        job("30_1", JobState.WAITING, "PENDING", restarts=1, **waiting),
        job("30_2", JobState.ENDED, "CANCELLED", node="gpu4", exit_code=0, why="it was cancelled",
            ends=1795294970.0),
        job("30_3", JobState.RUNNING, "RUNNING", node="gpu4", ends=1795302161.0),
        job("30_6", JobState.WAITING, "PENDING", **waiting),
    ]  # fmt: skip
    seen = parse_squeue(ARRAY, "uio")
    assert seen == {each.id: replace(each, key=key) for each in expected}
    assert [(each.whole, each.task) for each in seen.values()] == [
        ("30", task) for task in (1, 2, 3, 6)
    ]


def test_nothing_is_nothing() -> None:
    assert parse_squeue("", "uio") == {}


def test_refusals_have_sentences_and_an_unknown_one_has_the_general() -> None:
    for part, sentence in words.REFUSALS.items():
        assert refusal(f"sbatch: error: {part.upper()}!", words.REFUSALS, words.REFUSED) == sentence
    assert refusal("sbatch: error: Zap", words.REFUSALS, words.REFUSED) == words.REFUSED


@pytest.mark.parametrize(
    ("code", "why"),
    [("9", ""), ("0:9", ""), ("0", words.ENDED["JobLaunchFailure"]),
     ("256", words.ENDED["JobLaunchFailure"])],
)  # fmt: skip
def test_a_program_that_was_killed_did_start(code: str, why: str) -> None:
    line = f"1|FAILED|JobLaunchFailure|gpu1|{code}|1|2|3|0|kim|{OURS}|\n"
    assert parse_squeue(line, "uio")["1"].why == why


@pytest.mark.parametrize(
    ("older", "newer", "code"),
    [("0", "0:0", 0), ("768", "3:0", 3), ("9", "0:9", 137), ("15", "0:15", 143),
     ("253", "0:125", 137), ("", "N/A", None)],
)  # fmt: skip
def test_exit_codes_of_older_and_newer_versions(older: str, newer: str, code: int | None) -> None:
    line = f"1|FAILED|None|gpu1|{{}}|1|2|3|0|kim|{OURS}|\n"
    for text in (older, newer):
        assert parse_squeue(line.format(text), "uio")["1"].exit_code == code

"""What squeue 22.05 printed on the one-machine Slurm, read."""

from spawners.jobs import Job, JobState, SessionKey
from spawners.slurm import words
from spawners.slurm.parse import parse_squeue, refusal

KEY = SessionKey("uio", "kim", "ai")
OURS = KEY.comment()
# JobID|State|Reason|NodeList|exit_code|EndTime|Comment|
RECORDED = f"""\
1|RUNNING|None|gpu1|0|1795302161|{OURS}|
2|COMPLETED|None|gpu1|0|1795294961|{OURS}|
3|FAILED|NonZeroExitCode|gpu1|768|1795294961|{OURS}|
4|TIMEOUT|TimeLimit|gpu1|15|1795295050|{OURS}|
5|OUT_OF_MEMORY|OutOfMemory|gpu1|253|1795294961|{OURS}|
8|COMPLETING|None|gpu1|0|1795294961|{OURS}|
10|CANCELLED|JobHeldUser||0|1795294961|{OURS}|
12|PENDING|PartitionDown||0|N/A|{OURS}|
14|PENDING|Resources||0|1795300361|{OURS}|
17|NODE_FAIL|NodeDown|gpu2|0|1795294961|{OURS}|
20|PENDING|ReqNodeNotAvail, UnavailableNodes:gpu1||0|N/A|{OURS}|
21|RUNNING|None|gpu1|0|1795302161|hub=other&user=kim&server=ai|
22|RUNNING|None|gpu1|0|1795302161|(null)|
23|RUNNING|None|gpu1|0|1795302161|a | b|
"""


def job(
    id_: str,
    state: JobState,
    word: str,
    *,
    reason: str = "",
    why: str = "",
    node: str = "",
    exit_code: int | None = None,
    ends: float | None = 1795294961.0,
) -> Job:
    return Job(id_, KEY, state, word, reason, why, node, exit_code, ends)


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
            why="this part of the cluster is closed at the moment", ends=None),
        job("14", waiting, "PENDING", reason="Resources",
            why="waiting for a machine to become free", ends=1795300361.0),
        job("17", ended, "NODE_FAIL", reason="NodeDown", why="its machine failed; start it again",
            node="gpu2", exit_code=0),
        job("20", waiting, "PENDING", reason="ReqNodeNotAvail, UnavailableNodes:gpu1",
            why="the machines it needs are closed for maintenance", ends=None),
    ]  # fmt: skip
    assert parse_squeue(RECORDED, "uio") == {each.id: each for each in expected}


def test_nothing_is_nothing() -> None:
    assert parse_squeue("", "uio") == {}


def test_refusals_have_sentences_and_an_unknown_one_has_the_general() -> None:
    for part, sentence in words.REFUSALS.items():
        assert refusal(f"sbatch: error: {part.upper()}!", words.REFUSALS, words.REFUSED) == sentence
    assert refusal("sbatch: error: Zap", words.REFUSALS, words.REFUSED) == words.REFUSED

"""What Slurm answers, as values. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from ..jobs import Job, JobId, JobState, SessionKey
from . import words
from .argv import FIELDS, SEPARATOR

# squeue(1), JOB STATE CODES. A state that is in neither set holds a node: COMPLETING too, whose
# processes are still being ended and whose exit code is not told yet.
WAITING = frozenset(
    "PENDING CONFIGURING REQUEUED REQUEUE_FED REQUEUE_HOLD RESV_DEL_HOLD SPECIAL_EXIT".split()
)
ENDED = frozenset(
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED "
    "REVOKED TIMEOUT".split()
)


def parse_squeue(text: str, hub: str) -> dict[JobId, Job]:
    """The hub's jobs in an answer to `argv.squeue_argv`, with SLURM_TIME_FORMAT=%s.

    A line that is not one of ours (another hub's key, no key) is passed over.
    """
    jobs = {}
    for line in text.splitlines():
        fields = line.split(SEPARATOR)
        if len(fields) < len(FIELDS):
            continue
        id_, word, reason, node, code, ends, comment = fields[: len(FIELDS)]
        key = SessionKey.from_comment(comment)
        if key is None or key.hub != hub:
            continue
        state = (
            JobState.WAITING
            if word in WAITING
            else JobState.ENDED
            if word in ENDED
            else JobState.RUNNING
        )
        jobs[id_] = Job(
            id=id_,
            key=key,
            state=state,
            word=word,
            reason="" if reason == "None" else reason,
            why=_why(state, word, reason),
            node="" if state is JobState.WAITING else node,
            exit_code=_exit_code(code) if state is JobState.ENDED else None,
            ends=_time(ends),
        )
    return jobs


def _why(state: JobState, word: str, reason: str) -> str:
    if state is JobState.WAITING:
        # "ReqNodeNotAvail, UnavailableNodes:gpu1" is a reason and its particulars.
        return words.WAITING.get(reason.split(",")[0], "")
    return words.ENDED.get(word, "") if state is JobState.ENDED else ""


def _exit_code(text: str) -> int | None:
    # squeue prints the status as wait(2) gives it. A signal is told as shells tell it: 128 more.
    if not text.isdigit():
        return None
    status = int(text)
    if status >= 256 or status == 0:
        return status >> 8
    # 253 is Slurm's own mark for a job that ran out of memory; it died of SIGKILL.
    return 137 if status == 253 else 128 + (status & 127)


def _time(text: str) -> float | None:
    return float(text) if text.isdigit() else None


def refusal(text: str, words: Mapping[str, str], default: str) -> str:
    """The sentence for the first of `words` that Slurm's text has in it, or the default."""
    lowered = text.lower()
    return next((words[part] for part in words if part.lower() in lowered), default)

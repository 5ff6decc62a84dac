"""What Slurm answers, as values. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..jobs import Job, JobId, JobState, read_comment
from ..language import Sentence
from ..language import Sentence as _
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

_ID = re.compile(r"[0-9]+(_[0-9]+)?")


def parse_squeue(text: str, hub: str, mark: str | None = None) -> dict[JobId, Job]:
    """The hub's jobs in an answer to `argv.squeue_argv`, with SLURM_TIME_FORMAT=%s.

    A line that is not one of ours (another hub's key, no key) is passed over, and one without the
    mark of `argv.squeue_environment`, which nobody but squeue can have written. A recorded answer
    has none.
    """
    jobs = {}
    for line in text.splitlines():
        fields = line.split(SEPARATOR)
        if len(fields) <= len(FIELDS) or (mark is not None and fields.pop(1) != mark):
            continue
        found = dict(zip(FIELDS, fields, strict=False))
        whose = read_comment(found["Comment"])
        if whose is None or whose[0].hub != hub:
            continue
        key, attempt = whose
        word, reason = found["State"], found["Reason"]
        state = (
            JobState.WAITING
            if word in WAITING
            else JobState.ENDED
            if word in ENDED
            else JobState.RUNNING
        )
        id_ = found["JobArrayID"]
        if not _ID.fullmatch(id_):
            continue
        code = _exit_code(found["exit_code"])
        jobs[id_] = Job(
            id=id_,
            key=key,
            state=state,
            word=word,
            reason="" if reason == "None" else reason,
            why=_why(state, word, reason, code),
            node="" if state is JobState.WAITING else found["NodeList"],
            exit_code=code if state is JobState.ENDED else None,
            ends=epoch(found["EndTime"]),
            attempt=attempt,
            username=found["UserName"],
            restarts=int(found["RestartCnt"]) if found["RestartCnt"].isdecimal() else 0,
            submitted=epoch(found["SubmitTime"]),
            starts=epoch(found["StartTime"]),
        )
    return jobs


def _why(state: JobState, word: str, reason: str, code: int | None) -> str:
    if state is JobState.WAITING:
        return words.waiting(reason)
    # Slurm 22.05 says the same of a program that a signal has ended.
    if reason == "JobLaunchFailure" and code is not None and code > 128:
        reason = ""
    return words.ended(word, reason) if state is JobState.ENDED else ""


def _exit_code(text: str) -> int | None:
    # squeue prints the status as wait(2) gives it, or, in newer versions, as "exit code:signal".
    code, colon, by = text.partition(":")
    if not code.isdecimal() or (colon and not by.isdecimal()):
        return None
    exited, signal = (int(code), int(by)) if colon else (int(code) >> 8, int(code) & 127)
    if not signal:
        return exited
    # 125 is Slurm's own mark for a job that ran out of memory; it died of SIGKILL. A signal is
    # told as shells tell it.
    return 137 if signal == 125 else 128 + signal


def epoch(text: str) -> float | None:
    """A time as SLURM_TIME_FORMAT=%s prints it; None for Slurm's several words for none."""
    return float(text) if text.isdecimal() else None


def refusal(text: str, sentences: Mapping[str, str], default: str) -> str:
    """The sentence for what Slurm's text says, by the first key that is in it, or the default.

    A limit of accounting that the text names, as sbatch does in a line of its own, comes first.
    """
    for name in re.findall(r"\w+", text):
        if reached := words.limit(name):
            fact, advice = reached
            advice = advice or _("choose another offer, or try later")
            return Sentence("{fact!c}. {advice!c}.", fact=fact, advice=advice)
    lowered = text.lower()
    return next((sentences[part] for part in sentences if part.lower() in lowered), default)

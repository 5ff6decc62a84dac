"""The one place that runs Slurm's programs, and the launcher that runs them in users' names."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ClusterSilent, NoAccount
from ..language import Sentence as _
from .words import SILENCES, STRANGER, STRANGERS

SILENT = _("The cluster does not answer at the moment. Nothing is lost; please try again later.")
# Seconds that a killed program may take to be gone.
KILLED = 5.0


@dataclass(frozen=True)
class Answer:
    """What a program left: its exit code and both outputs as text."""

    code: int
    out: str
    err: str


async def run(
    argv: Sequence[str], environment: Mapping[str, str], stdin: str = "", timeout: float = 30.0
) -> Answer:
    """Run a program to its end.

    Raises `ClusterSilent` when it can't be started, does not end within `timeout` seconds, or says
    that slurmctld is away.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise ClusterSilent(SILENT, f"{argv[0]}: {error.strerror}") from error
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), timeout)
    except TimeoutError:
        process.kill()
        # What it has started may live on and hold its outputs open; that is not waited for.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), KILLED)
        raise ClusterSilent(SILENT, f"{argv[0]}: no answer within {timeout:.0f} s") from None
    answer = Answer(
        process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    )
    if answer.code != 0:
        raise_if_silent(answer.err)
    return answer


async def launch(
    argv: Sequence[str], request: Mapping[str, Any], timeout: float = 90.0
) -> dict[str, Any]:
    """One request to the launcher (`spawners.unix.launcher`), with an empty environment.

    Raises `ClusterSilent` as `run` does, also when the launcher itself can't be run, and
    `NoAccount` when sudo knows no such account or has no rule for it.
    """
    answer = await run(
        argv, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, json.dumps(request), timeout
    )
    if answer.code != 0:
        if any(words in answer.err for words in STRANGERS):
            raise NoAccount(STRANGER, answer.err.strip())
        raise ClusterSilent(SILENT, f"The launcher failed: {answer.err.strip()[-500:]}")
    try:
        reply: dict[str, Any] = json.loads(answer.out)
    except ValueError as error:
        raise ClusterSilent(SILENT, "The launcher's answer is no JSON.") from error
    if "error" in reply:
        raise_if_silent(f"{reply['error']} {reply['detail']}")
    return reply


def raise_if_silent(text: str) -> None:
    """Raise `ClusterSilent` when a program's words say that slurmctld is away."""
    if any(words in text.lower() for words in SILENCES):
        raise ClusterSilent(SILENT, text.strip())

"""A session that uses more memory than it has, on a real Slurm that limits it."""

import asyncio
import tempfile
import time
from pathlib import Path

import pytest
from slurm import system
from slurm_machine import SlurmMachine

from spawners.jobs import JobState, SessionKey, write_comment
from spawners.slurm import SlurmCluster
from spawners.slurm.argv import job_name

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
KEY = SessionKey("memory", "kim", "ai")


def test_it_is_told_what_happened_and_what_to_do() -> None:
    if missing := SlurmMachine.missing():
        pytest.skip("No real Slurm here: " + " ".join(missing))
    if not system.MEMORY_CGROUPS.is_dir():
        pytest.skip(f"There are no cgroups (v1) in {system.MEMORY_CGROUPS}.")
    directory = Path(tempfile.mkdtemp(prefix="ls-", dir="/tmp"))
    with SlurmMachine.start(directory, limit_memory=True) as machine:
        id_ = machine.command(
            "sbatch", "--parsable", f"--job-name={job_name(KEY.hub)}", "--mem=100M",
            f"--comment={write_comment(KEY, 1)}", "--output=/dev/null",
            stdin="#!/bin/sh\nexec python3 -c 'bytearray(400_000_000)'\n",
        ).stdout.strip()  # fmt: skip
        cluster = SlurmCluster(KEY.hub, conf=str(machine.conf))
        deadline = time.monotonic() + 40
        while (job := asyncio.run(cluster.snapshot())[id_]).alive:
            assert time.monotonic() < deadline, job
    assert (job.state, job.why) == (
        JobState.ENDED,
        "it used more memory than it had; choose a larger offer",
    )

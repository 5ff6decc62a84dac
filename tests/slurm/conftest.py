"""One real Slurm for all tests that only submit jobs to it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm_machine import SlurmMachine


@pytest.fixture(scope="session")
def slurm_machine() -> Iterator[SlurmMachine]:
    """A running Slurm with the user anna; skips, saying why, where there can be none."""
    if missing := SlurmMachine.missing():
        pytest.skip(" ".join(missing))
    with SlurmMachine.start(Path(tempfile.mkdtemp(prefix="ls-"))) as machine:
        machine.add_users(["anna"])
        yield machine

"""Real Slurms for all tests that only submit jobs to them."""

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


@pytest.fixture(scope="session")
def accounting_machine() -> Iterator[SlurmMachine]:
    """The same with accounting; skips, saying why, where there can be none."""
    if missing := SlurmMachine.missing(accounting=True):
        pytest.skip(" ".join(missing))
    with SlurmMachine.start(Path(tempfile.mkdtemp(prefix="ls-")), accounting=True) as machine:
        machine.add_users(["liv", "odd", "nina"])
        machine.add_account("students")
        machine.add_association("liv,odd", "students")
        yield machine

"""Fixtures that several folders share."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import postgres_server as postgresql
import pytest
import slurm_site as sites
from classrooms import Classroom
from slurm_classroom import slurm_classroom as classroom_on
from xdist.scheduler import LoadScopeScheduling


@functools.cache
def _is_of_slurm(file: str) -> bool:
    return bool(re.search(r"mark\.slurm|slurm_machine|slurm_site", Path(file).read_text()))


class ByFile(LoadScopeScheduling):
    """A file's tests share its fixtures, and all Slurms the machine's accounts."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "slurm" if _is_of_slurm(file) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """What runs beside what. (The groups of pytest-xdist 3.8 are not seen by pytest 9.2.)"""
    return ByFile(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.PostgresServer]:
    """A running PostgreSQL of the tests' own; skipped where it is not installed."""
    if missing := postgresql.missing():
        pytest.skip(missing)
    with postgresql.postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def slurm_site() -> Iterator[sites.SlurmSite]:
    """A real Slurm with a hub's account; skipped where there can be none."""
    if missing := sites.missing():
        pytest.skip("No real Slurm here: " + " ".join(missing))
    with sites.slurm_site() as site:
        yield site


# By module: its sessions must have ended before other tests count processes and GPUs.
@pytest.fixture(scope="module")
def slurm_classroom(slurm_site: sites.SlurmSite) -> Iterator[Classroom]:
    """The whole classroom on the real Slurm."""
    with classroom_on(slurm_site) as classroom:
        yield classroom

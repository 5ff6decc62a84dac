"""Fixtures that several folders share."""

import fcntl
import functools
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import postgres_server as postgresql
import pytest
import slurm_site as sites
from classrooms import Classroom
from hypothesis import HealthCheck, settings
from slurm_classroom import slurm_classroom as classroom_on
from xdist.scheduler import LoadScopeScheduling

# How fast an example is made and tried says more of the machine than of the code.
settings.register_profile(
    "lesesal",
    settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("lesesal")

# What takes longest, beside the Slurms: whole classrooms, browsers, nbgrader's own commands.
LONG = (
    *("browser/test_classroom.py", "test_embedded.py", "courses/classroom/test_accessibility.py"),
    *("courses/site", "courses/grading", "courses/coursedir", "courses/content", "hostile"),
    *("killing", "bench"),
    *("courses/formgrader", "courses/classroom", "browser"),
)


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
    config.option.loadscopereorder = False  # by the number of tests, which says little here
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no worker has one left when the other is done."""
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        if _is_of_slurm(str(item.path)):
            return 0
        inside = [number for number, each in enumerate(LONG) if _below(item.path, here / each)]
        return min(inside, default=len(LONG)) + 1

    items.sort(key=rank)


def _below(path: Path, place: Path) -> bool:
    return path == place or place in path.parents


Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes a folder of a name once for all workers of a run; who changes what is in it, copies."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def once(name: str, make: Callable[[Path], object]) -> Path:
        folder = base / f"once-{name}"
        with (base / f"once-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                making = base / f"once-{name}.new"
                shutil.rmtree(making, ignore_errors=True)  # what a failure left
                making.mkdir()
                make(making)
                making.rename(folder)
        return folder

    return once


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

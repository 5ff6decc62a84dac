"""Fixtures that several folders share."""

from collections.abc import Iterator

import pytest
import slurm_site as sites
from classrooms import Classroom
from slurm_classroom import slurm_classroom as classroom_on


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What pytest-xdist keeps together: a file has its fixtures, all Slurms the same accounts."""
    for item in items:
        group = "slurm" if item.get_closest_marker("slurm") else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))


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

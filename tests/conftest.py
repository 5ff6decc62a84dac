"""Fixtures that several folders share."""

from collections.abc import Iterator

import pytest
import slurm_site as sites


@pytest.fixture(scope="session")
def slurm_site() -> Iterator[sites.SlurmSite]:
    """A real Slurm with a hub's account; skipped where there can be none."""
    if missing := sites.missing():
        pytest.skip("No real Slurm here: " + " ".join(missing))
    with sites.slurm_site() as site:
        yield site

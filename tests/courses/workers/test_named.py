"""Who executes a grading run on the cluster that the hub's configuration names."""

from __future__ import annotations

from pathlib import Path

import pytest

from courses.errors import WorkersError
from courses.workers.accounts import AccountWorkers
from courses.workers.named import on_cluster
from courses.workers.slurm import SlurmWorkers
from spawners.offers import Limits

CONFIG = """
c.JupyterHub.spawner_class = "spawners.hub.ClusterSpawner"
c.ClusterSpawner.clusters = {
    "hpc": {"type": "slurm", "conf": "/etc/hpc.conf", "group": "people", "prologue": "true"},
    "here": {"type": "local"},
}
c.ClusterSpawner.offers = {
    "laptop": {"title": "Here", "cluster": "here"},
    "cores": {"title": "Cores", "cluster": "hpc", "cpus": 8, "memory_mb": 16000},
    "gpu": {"title": "A GPU", "cluster": "hpc", "gpus": {"h100": 1}, "partition": "gpu"},
}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "jupyterhub_config.py"
    file.write_text(CONFIG)
    return file


def test_an_offer_says_what_a_task_gets(config: Path) -> None:
    workers = on_cluster(config, "hpc", "gpu", python=Path("/opt/python"), say=print, workers=3)
    assert isinstance(workers, SlurmWorkers)
    assert (workers.offer.partition, workers.offer.limits.gpus) == ("gpu", {"h100": 1})
    assert (workers.conf, workers.bin, workers.prologue) == ("/etc/hpc.conf", "", "true")
    assert (workers.python, workers.workers) == (Path("/opt/python"), 3)
    first = on_cluster(config, "hpc", python=Path("/opt/python"), say=print)
    assert first.offer.limits == Limits(8, 16000)


def test_accounts_execute_where_they_are_named(config: Path) -> None:
    named = ("grader1", "grader2", "grader1")
    workers = on_cluster(
        config, "hpc", "gpu", python=Path("/opt/python"), say=print, accounts=named
    )
    assert isinstance(workers, AccountWorkers)
    assert (workers.accounts, workers.offer.partition) == (("grader1", "grader2"), "gpu")


@pytest.mark.parametrize(
    ("cluster", "offer", "says"),
    [
        ("away", "", "There is no Slurm cluster away in .*There is: hpc."),
        ("here", "", "There is no Slurm cluster here in .*There is: hpc."),
        ("hpc", "laptop", "has no offer laptop. Choose one of: cores, gpu."),
    ],
)
def test_what_is_not_configured_is_said(config: Path, cluster: str, offer: str, says: str) -> None:
    with pytest.raises(WorkersError, match=says):
        on_cluster(config, cluster, offer, python=Path("/opt/python"), say=print)


def test_a_configuration_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(WorkersError, match=r"there is no .*--config"):
        on_cluster(tmp_path / "none.py", "hpc", python=Path("/opt/python"), say=print)

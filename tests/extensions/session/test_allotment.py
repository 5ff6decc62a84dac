"""What a session says it was given, from what Slurm sets in a job (sbatch(1))."""

import os
import sys

import psutil
import pytest
from extensions.machine import cards

from lesesal_notebook.session.allotment import Allotment, allotment

JOB = {
    "LESESAL_OFFER": "A GPU",
    "SLURM_JOB_ID": "7",
    "SLURM_JOB_PARTITION": "gpu",
    "SLURM_CPUS_PER_TASK": "4",
    "SLURM_CPUS_ON_NODE": "8",
    "SLURM_MEM_PER_NODE": "8192",
    "SLURMD_NODENAME": "gpu1",
}


@pytest.mark.parametrize(
    ("variables", "gpus"),
    [
        ({}, ()),
        (
            {
                "SLURM_JOB_GPUS": "2,3",
                "CUDA_VISIBLE_DEVICES": "0,1",
                "LESESAL_GPU_KINDS": "h100,h100",
            },
            ("h100 GPU 0", "h100 GPU 1"),
        ),
        ({"SLURM_JOB_GPUS": "2", "LESESAL_GPU_KINDS": "1g.10gb"}, ("1g.10gb GPU 2",)),
        ({"SLURM_JOB_GPUS": "0", "LESESAL_GPU_KINDS": ""}, ("GPU 0",)),
        (
            {"CUDA_VISIBLE_DEVICES": "0", "SLURM_SHARDS_ON_NODE": "2"},
            ("GPU 0 (2 shares of it)",),
        ),
        ({"CUDA_VISIBLE_DEVICES": "0", "SLURM_SHARDS_ON_NODE": "1"}, ("GPU 0 (1 share of it)",)),
    ],
)
def test_a_job_tells_what_slurm_gave_it(variables: dict[str, str], gpus: tuple[str, ...]) -> None:
    assert allotment(JOB | variables) == Allotment(
        offer="A GPU",
        machine="gpu1",
        cpus=4,
        memory_mb=8192,
        gpus=gpus,
        job="7",
        partition="gpu",
    )


@pytest.mark.parametrize("given", [{"CUDA_VISIBLE_DEVICES": "0"}, {"SLURM_JOB_GPUS": "0"}])
def test_the_driver_knows_better(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", cards.OneCard())
    job = JOB | given | {"LESESAL_GPU_KINDS": "h100"}
    assert allotment(job).gpus == ("NVIDIA H100 80GB HBM3, 80 GiB",)
    assert allotment(job | {"CUDA_VISIBLE_DEVICES": ""}).gpus == ()


def test_without_a_cluster_it_is_the_machine() -> None:
    given = allotment({"LESESAL_OFFER": "This machine"})
    assert given.machine == os.uname().nodename
    assert given.cpus == len(os.sched_getaffinity(0))
    assert given.memory_mb == psutil.virtual_memory().total // 2**20
    assert (given.job, given.partition) == ("", "")

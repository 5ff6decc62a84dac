"""What Slurm is asked, whole."""

import pytest

from spawners.jobs import JobSpec, SessionKey
from spawners.offers import Limits, Offer
from spawners.slurm.argv import gres_of, sbatch_options, squeue_argv
from spawners.slurm.cluster import job_script

OFFER = Offer(
    "gpu",
    "A GPU",
    "olivia",
    Limits(8, 65536, {"h100": 1}, hours=4),
    partition="accel",
    account="nn1234k",
    qos="course",
    reservation="ai-week",
    constraint="h100|a100",
)
SPEC = JobSpec(
    key=SessionKey("uio", "kari@uio.no", "ai-foundations"),
    username="kari",
    offer=OFFER,
    hours=1.5,
    argv=("/opt/lesesal/session/bin/python", "-m", "lesesal_notebook.session", "it's one"),
    environment={"COLOUR": "blue"},
    token="a-token-that-nobody-may-see",
)


def test_sbatch_gets_the_offer_and_nothing_of_the_token() -> None:
    assert sbatch_options(SPEC) == [
        "--job-name=lesesal-uio",
        "--comment=hub=uio&user=kari%40uio.no&server=ai-foundations",
        "--nodes=1",
        "--ntasks=1",
        "--cpus-per-task=8",
        "--mem=65536M",
        "--time=90",
        "--no-requeue",
        "--open-mode=truncate",
        "--gres=gpu:h100:1",
        "--partition=accel",
        "--account=nn1234k",
        "--qos=course",
        "--reservation=ai-week",
        "--constraint=h100|a100",
    ]


def test_the_job_script_is_the_operators_lines_and_the_session() -> None:
    assert job_script(SPEC, prologue="module load cuda\n") == (
        "#!/bin/bash\n"
        "# A Lesesal session. What it needs to know lies in $LESESAL_SESSION_DIR; nothing secret "
        "is here.\n"
        "module load cuda\n"
        "exec /opt/lesesal/session/bin/python -m lesesal_notebook.session 'it'\"'\"'s one'\n"
    )


def test_squeue_is_asked_once_for_all() -> None:
    assert squeue_argv("uio") == [
        "squeue",
        "--noheader",
        "--all",
        "--states=all",
        "--name=lesesal-uio",
        "--Format=JobID:|,State:|,Reason:|,NodeList:|,exit_code:|,EndTime:|,Comment:|",
    ]


@pytest.mark.parametrize(
    ("limits", "gres"),
    [
        (Limits(1, 1024), ""),
        (Limits(1, 1024, {"": 2}), "gpu:2"),
        (Limits(1, 1024, {"h100": 1}), "gpu:h100:1"),
        (Limits(1, 1024, {"1g.10gb": 1}), "gpu:1g.10gb:1"),
        (Limits(1, 1024, shards=3), "shard:3"),
        (Limits(1, 1024, {"h100": 1, "a100": 2}), "gpu:a100:2,gpu:h100:1"),
    ],
)
def test_gpus_are_asked_for_by_kind_slice_or_share(limits: Limits, gres: str) -> None:
    assert gres_of(limits) == gres

"""What Slurm is asked, whole."""

from dataclasses import replace

import pytest

from spawners.jobs import JobSpec, SessionKey
from spawners.offers import Limits, Offer
from spawners.slurm.argv import (
    extend_argv,
    gres_of,
    nodes_argv,
    queue_argv,
    reservations_argv,
    sbatch_options,
    squeue_argv,
    squeue_environment,
)
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
        "--comment=hub=uio&user=kari%40uio.no&server=ai-foundations&attempt=1",
        "--nodes=1",
        "--ntasks=1",
        "--cpus-per-task=8",
        "--mem=65536M",
        "--time=90",
        "--signal=B:USR1@60",
        "--requeue",
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
        "# The signal before the end must not end a session that does not handle it yet.\n"
        'trap "" USR1\n'
        "module load cuda\n"
        "exec /opt/lesesal/session/bin/python -m lesesal_notebook.session 'it'\"'\"'s one'\n"
    )


def test_a_continuation_waits_for_the_session_that_it_follows() -> None:
    options = sbatch_options(replace(SPEC, attempt=2, after="71"))
    assert set(options) - set(sbatch_options(SPEC)) == {
        "--comment=hub=uio&user=kari%40uio.no&server=ai-foundations&attempt=2",
        "--dependency=afterany:71",
    }


def test_a_batch_run_is_an_array_that_is_told_earlier_of_its_end() -> None:
    run = replace(SPEC, key=replace(SPEC.key, run="sweep-1"), token="", tasks=6, at_once=2)
    changed = {
        "--comment=hub=uio&user=kari%40uio.no&server=ai-foundations&attempt=1&run=sweep-1",
        "--signal=B:USR1@120",
    }
    assert set(sbatch_options(run)) - set(sbatch_options(SPEC)) == {*changed, "--array=1-6%2"}
    single = replace(run, tasks=1)
    assert set(sbatch_options(single)) - set(sbatch_options(SPEC)) == changed


def test_squeue_is_asked_once_for_all() -> None:
    assert squeue_argv("uio") == [
        "squeue",
        "--noheader",
        "--all",
        "--array",
        "--states=all",
        "--name=lesesal-uio",
    ]
    assert squeue_environment("mark") == {
        "SQUEUE_FORMAT2": "JobArrayID:|mark|,State:|,Reason:|,NodeList:|,exit_code:|,SubmitTime:|,"
        "StartTime:|,EndTime:|,RestartCnt:|,UserName:|,Comment:|"
    }


def test_the_whole_cluster_is_three_questions() -> None:
    assert [nodes_argv(), reservations_argv(), queue_argv()] == [
        [
            "sinfo",
            "--noheader",
            "--all",
            "--Node",
            "--noconvert",
            "--Format=NodeList:|,Partition:|,Available:|,StateLong:|,CPUsState:|,Memory:|,"
            "AllocMem:|,Gres:|,GresUsed:|",
        ],
        ["scontrol", "show", "reservation", "--oneliner"],
        [
            "squeue",
            "--noheader",
            "--all",
            "--states=PENDING,CONFIGURING,RUNNING,SUSPENDED,COMPLETING",
            "--priority",
            "--sort=-p,i",
            "--Format=JobArrayID:|,State:|,Reason:|,Partition:|,StartTime:|,NodeList:|,"
            "tres-per-node:|",
        ],
    ]


def test_more_time_is_whole_minutes() -> None:
    assert extend_argv("71", 0.51) == ["scontrol", "update", "JobId=71", "TimeLimit=+31"]


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

"""Slurm's reasons and refusals, of several versions, in a student's words."""

import pytest

from spawners.errors import ClusterSilent
from spawners.slurm import words
from spawners.slurm.parse import refusal
from spawners.slurm.run import raise_if_silent


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("", "just submitted"),
        ("None", "just submitted"),
        ("AssocGrpCpuLimit", "your group may not use more cores at once"),
        ("AssocGrpJobsLimit", "your group may not have more sessions at once"),
        (
            "AssocGrpCPUMinutesLimit",
            "the computing time of your group is used up; ask the course's instructor",
        ),
        (
            "AssocGrpWallLimit",
            "the computing time of your group is used up; ask the course's instructor",
        ),
        (
            "AssocGrpMemRunMinutes",
            "your group may not book more computing time at once; ask for fewer hours",
        ),
        (
            "AssocMaxSubmitJobLimit",
            "you may not have more sessions at once; end another first",
        ),
        ("QOSGrpJobsLimit", "there may not be more sessions of this kind at once"),
        ("QOSGrpBilling", "sessions of this kind may not use more resources at once"),
        (
            "QOSMaxCpuMinutesPerJobLimit",
            "one session may not run this long here; ask for fewer hours",
        ),
        (
            "QOSMaxMemoryPerNode",
            "this is more memory than one session may have here; choose a smaller offer",
        ),
        (
            "QOSMinCpuNotSatisfied",
            "sessions of this kind must have more cores; choose a larger offer",
        ),
        ("MaxSubmitJobsPerAccount", "your group may not have more sessions at once"),
        # Since 24.05.
        (
            "MaxGRESRunMinsPerUser",
            "you may not book more computing time at once; ask for fewer hours",
        ),
        (
            "MaxMemPerLimit",
            "this is more memory than one session may have here; choose a smaller offer",
        ),
        (
            "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority "
            "partitions",
            "the machines it needs are closed for maintenance, or others need them first",
        ),
        (
            "Job is at or exceeds association (acc=students/user=(null)/part=(null)) group wall "
            "limit of 60 with 71",
            "your group has used up its computing time; ask the course's instructor",
        ),
        (
            "DependencyNeverSatisfied",
            "the session that it was to follow is gone; stop waiting, and start it again",
        ),
        (
            "launch failed requeued held",
            "the cluster could not start it; stop waiting, and start it again",
        ),
        ("Zap", ""),
    ],
)
def test_a_waiting_job_says_why(reason: str, why: str) -> None:
    assert words.waiting(reason) == why


def test_every_key_is_reached() -> None:
    """None stands behind one that is a beginning, or a part, of it."""
    assert {key: words.waiting(key) for key in words.WAITING} == words.WAITING
    texts = {key: refusal(f"sbatch: error: {key}", words.REFUSALS, "") for key in words.REFUSALS}
    assert texts == words.REFUSALS


@pytest.mark.parametrize(
    "name",
    [
        "Max",
        "QOSMax",
        "AssocGrp",
        "QOSGrpSubmit",
        "MaxJobCount",
        "QOSUsageThreshold",
        "QOSTimeLimit",
    ],
)
def test_what_only_looks_like_a_limit_is_none(name: str) -> None:
    assert words.limit(name) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "sbatch: error: AssocGrpSubmitJobsLimit\n"
            "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job "
            "submit limit, user's size and/or time limits)\n",
            "Your group may not have more sessions at once. Choose another offer, or try later.",
        ),
        (
            "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job "
            "submit limit, user's size and/or time limits)\n",
            "Your account has reached what it may use of the cluster. Choose another offer, or end "
            "another session first.",
        ),
        (
            "sbatch: error: Batch job submission failed: Invalid GRES specification (with and "
            "without type identification)\n",
            "The cluster has no GPU of the kind that this offer asks for. Please tell the "
            "operators; another offer may work now.",
        ),
        (
            "sbatch: error: Batch job submission failed: System submissions disabled\n",
            "The cluster takes no sessions at the moment. Please try later.",
        ),
        (
            "sbatch: error: Batch job submission failed: Job can not start due to maintenance "
            "reservation.\n",
            "The cluster will be closed for maintenance before the session could end. Ask for "
            "fewer hours, or try later.",
        ),
        (
            "sbatch: error: Please give --account, says the site's job_submit.lua\n",
            "The cluster did not take the session. Choose another offer, or try later.",
        ),
    ],
)
def test_a_refusal_is_a_sentence(text: str, sentence: str) -> None:
    assert refusal(text, words.REFUSALS, words.REFUSED) == sentence


@pytest.mark.parametrize(
    ("state", "reason", "why"),
    [
        ("TIMEOUT", "TimeLimit", "its time was over"),
        ("NODE_FAIL", "NodeDown", "its machine failed; start it again"),
        ("FAILED", "JobLaunchFailure", "its machine could not start it; start it again"),
        ("FAILED", "NonZeroExitCode", ""),
        ("COMPLETED", "None", ""),
    ],
)
def test_an_ended_job_says_why(state: str, reason: str, why: str) -> None:
    assert words.ended(state, reason) == why


@pytest.mark.parametrize(
    "text",
    [
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect "
        "failure)",
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        "sbatch: error: If munged is up, restart with --num-threads=10\n"
        'sbatch: error: Munge encode failed: Failed to access "/run/munge/munge.socket.2": No such '
        "file or directory",
        "sbatch: error: Batch job submission failed: Rate limit exceeded, please retry momentarily",
        "sbatch: error: Batch job submission failed: Slurm backup controller in standby mode",
    ],
)
def test_a_controller_that_is_away_refuses_nothing(text: str) -> None:
    with pytest.raises(ClusterSilent) as silent:
        raise_if_silent(text)
    assert silent.value.detail == text

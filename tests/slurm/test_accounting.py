"""A Slurm with accounting: who has no association does not get in, and limits hold."""

from pathlib import Path

import pytest
import slurm_machine as machines
from slurm import system
from slurm_machine import SlurmMachine, SlurmMachineError

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

SLEEP = "#!/bin/sh\nsleep 1000\n"


def submit(machine: SlurmMachine, *options: str, user: str = "liv") -> str:
    argv = ("sbatch", "--parsable", "--output=/dev/null", *options)
    return machine.command(*argv, stdin=SLEEP, user=user).stdout.strip()


def told(machine: SlurmMachine, job: str, fields: str) -> str:
    argv = ("squeue", "--noheader", "--states=all", f"--jobs={job}", "-o", fields)
    return machine.command(*argv).stdout.strip()


def wait_for(machine: SlurmMachine, job: str, wanted: str) -> None:
    seen = system.until(lambda: told(machine, job, "%T %r") == wanted)
    assert seen, told(machine, job, "%T %r")


def end(machine: SlurmMachine, *jobs: str) -> None:
    machine.command("scancel", *jobs)
    for job in jobs:
        assert system.until(lambda job=job: told(machine, job, "%T") == "CANCELLED")


def test_what_is_missing_for_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machines, "PATH", str(tmp_path))
    without = SlurmMachine.missing()
    assert [each for each in SlurmMachine.missing(accounting=True) if each not in without] == [
        "slurmdbd is not installed (Debian package slurmdbd).",
        "mariadbd is not installed (Debian package mariadb-server).",
        "mariadb-install-db is not installed (Debian package mariadb-server).",
    ]


def test_only_who_has_an_association_may_submit(accounting_machine: SlurmMachine) -> None:
    with pytest.raises(SlurmMachineError, match="Invalid account"):
        submit(accounting_machine, user="nina")
    with pytest.raises(SlurmMachineError, match="Invalid account"):
        submit(accounting_machine, "--account=research")
    accounting_machine.add_account("research")
    accounting_machine.add_association("liv", "research")
    jobs = [submit(accounting_machine), submit(accounting_machine, "--account=research")]
    accounts = [told(accounting_machine, job, "%a") for job in jobs]
    assert accounts == ["students", "research"]
    end(accounting_machine, *jobs)


def test_a_limit_of_an_association_lets_its_jobs_wait(accounting_machine: SlurmMachine) -> None:
    accounting_machine.add_account("small", GrpTRES="gres/gpu=1")
    accounting_machine.add_association("liv", "small", MaxSubmitJobs=2)
    options = ("--account=small", "--gres=gpu:h100:1")
    jobs = [submit(accounting_machine, *options) for _ in range(2)]
    wait_for(accounting_machine, jobs[0], "RUNNING None")
    wait_for(accounting_machine, jobs[1], "PENDING AssocGrpGRES")
    with pytest.raises(SlurmMachineError, match="AssocMaxSubmitJobLimit"):
        submit(accounting_machine, *options)
    end(accounting_machine, *jobs)


def test_a_qos_is_for_those_whose_association_names_it_and_goes_first(
    accounting_machine: SlurmMachine,
) -> None:
    with pytest.raises(SlurmMachineError, match="Invalid qos"):
        submit(accounting_machine, "--qos=class")
    accounting_machine.add_qos("class", Priority=10, MaxWall="00:30:00", Flags="DenyOnLimit")
    with pytest.raises(SlurmMachineError, match="Invalid qos"):
        submit(accounting_machine, "--qos=class")
    accounting_machine.sacctmgr("modify", "account", "students", "set", "QOS=normal,class")
    with pytest.raises(SlurmMachineError, match="QOSMaxWallDurationPerJobLimit"):
        submit(accounting_machine, "--qos=class", "--time=31")
    early = submit(accounting_machine, "--begin=now+1hour", user="odd")
    late = submit(accounting_machine, "--begin=now+1hour", "--qos=class", "--time=30")
    assert int(told(accounting_machine, late, "%Q")) > int(told(accounting_machine, early, "%Q"))
    end(accounting_machine, early, late)


def test_an_operator_may_give_others_more_time(accounting_machine: SlurmMachine) -> None:
    accounting_machine.add_users(["ada"])
    job = submit(accounting_machine, "--time=10")
    longer = ("scontrol", "update", f"JobId={job}", "TimeLimit=+60")
    with pytest.raises(SlurmMachineError, match="Invalid user id"):
        accounting_machine.command(*longer, user="ada")
    accounting_machine.operator("ada")
    accounting_machine.command(*longer, user="ada")
    assert told(accounting_machine, job, "%l") == "1:10:00"
    # odd has an association already.
    accounting_machine.operator("odd")
    accounting_machine.command(*longer, user="odd")
    assert told(accounting_machine, job, "%l") == "2:10:00"
    end(accounting_machine, job)


def test_a_reservation_can_be_an_accounts(accounting_machine: SlurmMachine) -> None:
    accounting_machine.add_account("workshop")
    accounting_machine.add_association("odd", "workshop")
    accounting_machine.reserve("workshop", ["gpu1"], accounts=["workshop"])
    options = ("--reservation=workshop", "--gres=gpu:h100:1")
    with pytest.raises(SlurmMachineError, match="Access denied to requested reservation"):
        submit(accounting_machine, *options)
    job = submit(accounting_machine, *options, "--account=workshop", user="odd")
    wait_for(accounting_machine, job, "RUNNING None")
    assert told(accounting_machine, job, "%N") == "gpu1"
    end(accounting_machine, job)
    accounting_machine.unreserve("workshop")

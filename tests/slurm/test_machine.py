"""The Slurm that the tests run on is a real one, and leaves nothing behind."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from slurm import system
from slurm_machine import SlurmMachine, SlurmMachineError

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(SlurmMachine.missing()), reason=" ".join(SlurmMachine.missing())),
]

STUBBORN = """#!/bin/bash
trap '' TERM
touch /tmp/lesesal-left-by-a-job
setsid sleep 1000 &
sleep 1000 & sleep 1000
"""


def new_directory() -> Path:
    return Path(tempfile.mkdtemp(prefix="ls-"))


def submit(machine: SlurmMachine, script: str, *options: str, user: str = "anna") -> str:
    argv = ("sbatch", "--parsable", "--export=ALL", *options)
    return machine.command(*argv, stdin=script, user=user).stdout.strip()


def state(machine: SlurmMachine, job: str) -> str:
    argv = ("squeue", "--noheader", "--states=all", f"--jobs={job}", "-o", "%T")
    return machine.command(*argv).stdout.strip()


def wait_for(machine: SlurmMachine, job: str, wanted: str) -> None:
    assert system.until(lambda: state(machine, job) == wanted), state(machine, job)


def test_a_port_that_was_given_is_not_given_again_before_it_is_taken() -> None:
    given = [port for _ in range(100) for port in system.free_ports(2)]
    assert len(set(given)) == 200


@pytest.mark.parametrize(
    ("request_", "node", "variables"),
    [
        (
            "--gres=gpu:h100:1",
            "gpu1",
            {"CUDA_VISIBLE_DEVICES": "0", "SLURM_GPUS_ON_NODE": "1", "SLURM_JOB_GPUS": "0"},
        ),
        (
            "--gres=gpu:h100:2",
            "gpu1",
            {"CUDA_VISIBLE_DEVICES": "0,1", "SLURM_GPUS_ON_NODE": "2", "SLURM_JOB_GPUS": "0,1"},
        ),
        (
            "--gres=shard:3",
            "gpu1",
            {
                "CUDA_VISIBLE_DEVICES": "0",
                "SLURM_GPUS_ON_NODE": "1",
                "SLURM_JOB_GPUS": "0",
                "SLURM_SHARDS_ON_NODE": "3",
            },
        ),
        (
            "--gres=gpu:1g.10gb:1",
            "gpu3",
            {"CUDA_VISIBLE_DEVICES": "0", "SLURM_GPUS_ON_NODE": "1", "SLURM_JOB_GPUS": "0"},
        ),
        ("--partition=cpu", "gpu4", {}),
    ],
)
def test_a_job_runs_as_its_user_with_the_gpus_it_asked_for(
    slurm_machine: SlurmMachine, request_: str, node: str, variables: dict[str, str]
) -> None:
    home = slurm_machine.directory / "homes" / "anna"
    (home / "environment").unlink(missing_ok=True)
    script = "#!/bin/sh\nenv > environment\n"
    job = submit(slurm_machine, script, request_)
    wait_for(slurm_machine, job, "COMPLETED")

    assert (home / "environment").owner() == "anna"
    lines = (home / "environment").read_text().splitlines()
    environment = dict(line.split("=", 1) for line in lines)
    about_gpus = {
        name: value
        for name, value in environment.items()
        if re.search("GPU|SHARD|VISIBLE|AFFINITY", name)
    }
    assert about_gpus == variables
    assert environment["SLURMD_NODENAME"] == node
    assert environment["SLURM_JOB_USER"] == "anna"
    assert environment["SLURM_CONF"] == str(slurm_machine.conf)


def test_two_machines_live_side_by_side(slurm_machine: SlurmMachine) -> None:
    ours = submit(slurm_machine, "#!/bin/sh\nsleep 1000\n")
    wait_for(slurm_machine, ours, "RUNNING")
    with SlurmMachine.start(
        new_directory(), cluster="second", node_prefix="second-", cpus=64
    ) as second:
        second.add_users(["bo"])
        theirs = submit(second, "#!/bin/sh\nsleep 1000\n", "--cpus-per-task=40", user="bo")
        wait_for(second, theirs, "RUNNING")
        users = [
            machine.command("squeue", "--noheader", "-o", "%u").stdout.split()
            for machine in (slurm_machine, second)
        ]
        assert users == [["anna"], ["bo"]]
        assert second.nodes == ("second-1", "second-2", "second-3", "second-4")
        assert set(second.node_states()) == set(second.nodes)

    assert state(slurm_machine, ours) == "RUNNING"
    assert subprocess.run(["getent", "hosts", "gpu1"], check=False).returncode == 0
    slurm_machine.command("scancel", ours)
    wait_for(slurm_machine, ours, "CANCELLED")


def test_jobs_outlive_their_controller(slurm_machine: SlurmMachine) -> None:
    job = submit(slurm_machine, "#!/bin/sh\nsleep 1000\n")
    wait_for(slurm_machine, job, "RUNNING")
    slurm_machine.stop_controller()
    slurm_machine.start_controller()
    assert state(slurm_machine, job) == "RUNNING"
    slurm_machine.command("scancel", job)
    wait_for(slurm_machine, job, "CANCELLED")


def test_a_hanging_controller_does_late_what_it_was_asked(slurm_machine: SlurmMachine) -> None:
    slurm_machine.hang_controller()
    try:
        script = "#!/bin/sh\nsleep 1000\n"
        with pytest.raises(SlurmMachineError, match="Socket timed out"):
            submit(slurm_machine, script, "--job-name=late")
    finally:
        slurm_machine.wake_controller()
    queue = ("squeue", "--noheader", "--name=late", "-o", "%A")
    assert system.until(lambda: slurm_machine.command(*queue).stdout != "")
    slurm_machine.command("scancel", "--name=late")
    # Nodes of a job that is just ending can not be reserved.
    assert system.until(lambda: slurm_machine.command(*queue).stdout == "")


def test_reserved_nodes_are_for_those_whom_the_reservation_names(
    slurm_machine: SlurmMachine,
) -> None:
    script = "#!/bin/sh\nsleep 1000\n"
    slurm_machine.add_users(["bo"])
    slurm_machine.reserve("class", ["gpu1", "gpu2"], users=["bo"])
    slurm_machine.reserve("later", ["gpu4"], users=["bo"], starts="now+1hour", flags=["MAINT"])
    reservations = slurm_machine.command("scontrol", "show", "reservation", "--oneliner").stdout
    assert [re.findall(r"(?:Name|State)=(\S+)", line) for line in reservations.splitlines()] == [
        ["class", "(null)", "ACTIVE"],
        ["later", "(null)", "INACTIVE"],
    ]
    others = submit(slurm_machine, script, "--gres=gpu:h100:1")
    theirs = submit(slurm_machine, script, "--gres=gpu:h100:1", "--reservation=class", user="bo")
    wait_for(slurm_machine, theirs, "RUNNING")
    assert state(slurm_machine, others) == "PENDING"
    with pytest.raises(SlurmMachineError, match="Access denied to requested reservation"):
        submit(slurm_machine, script, "--reservation=class")

    slurm_machine.command("scancel", theirs)
    wait_for(slurm_machine, theirs, "CANCELLED")
    slurm_machine.unreserve("class")
    slurm_machine.unreserve("later")
    wait_for(slurm_machine, others, "RUNNING")
    slurm_machine.command("scancel", others)
    wait_for(slurm_machine, others, "CANCELLED")


def test_a_requeued_job_waits_and_runs_again(slurm_machine: SlurmMachine) -> None:
    job = submit(slurm_machine, "#!/bin/sh\nsleep 1000\n", "--requeue")
    wait_for(slurm_machine, job, "RUNNING")
    slurm_machine.requeue(job)
    wait_for(slurm_machine, job, "PENDING")
    slurm_machine.begin_now(job)
    wait_for(slurm_machine, job, "RUNNING")
    restarts = ("squeue", "--noheader", f"--jobs={job}", "-O", "RestartCnt:.1")
    assert slurm_machine.command(*restarts).stdout.strip() == "1"
    slurm_machine.command("scancel", job)
    wait_for(slurm_machine, job, "CANCELLED")


def test_a_node_fails_and_comes_back(slurm_machine: SlurmMachine) -> None:
    job = submit(slurm_machine, STUBBORN, "--nodelist=gpu2", "--no-requeue")
    wait_for(slurm_machine, job, "RUNNING")
    slurm_machine.fail_node("gpu2")
    wait_for(slurm_machine, job, "NODE_FAIL")
    assert slurm_machine.node_states()["gpu2"].startswith("down")

    slurm_machine.start_node("gpu2")
    # What ended on it may still be cleaned up.
    assert system.until(lambda: slurm_machine.node_states()["gpu2"] == "idle")
    slurm_machine.drain("gpu2")
    assert slurm_machine.node_states()["gpu2"] == "drained"
    slurm_machine.resume("gpu2")
    assert slurm_machine.node_states()["gpu2"] == "idle"


def test_memory_limits_hold_when_asked_for() -> None:
    if not system.MEMORY_CGROUPS.is_dir():
        pytest.skip(f"There are no cgroups (v1) in {system.MEMORY_CGROUPS}.")
    with SlurmMachine.start(new_directory(), limit_memory=True) as machine:
        machine.add_users(["anna"])
        greedy = "#!/bin/sh\nexec python3 -c 'bytearray(400_000_000)'\n"
        job = submit(machine, greedy, "--mem=100M")
        wait_for(machine, job, "OUT_OF_MEMORY")
    assert not list(system.MEMORY_CGROUPS.glob("slurm_*"))


def accounts_and_names() -> list[str]:
    files = ("passwd", "group", "shadow", "gshadow", "subuid", "subgid", "hosts")
    return [Path("/etc", name).read_text() for name in files]


def traces() -> set[Path | psutil.Process]:
    """What a Slurm could leave on this computer: processes, files, cgroups."""
    daemons = {"munged", "slurmctld", "slurmscriptd", "slurmd", "slurmstepd"}
    daemons |= {"slurmdbd", "mariadbd"}
    processes = {
        process
        for process in system.living(psutil.process_iter())
        if system.ask(process.name) in daemons or "1000" in (system.ask(process.cmdline) or ())
    }
    folders = ("/run", "/var/spool", "/var/mail", "/var/log/slurm", "/var/log/munge")
    folders += ("/var/lib/mysql", "/var/log/mysql")
    files = {path for folder in folders for path in Path(folder).rglob("*")}
    # Others make and remove cgroups meanwhile, at which rglob stumbles.
    places = (Path(place) for place, _, _ in os.walk("/sys/fs/cgroup"))
    cgroups = {place for place in places if place.name.startswith("slurm")}
    return {*processes, *files, *cgroups, *Path("/tmp").glob("lesesal-left*")}


@contextlib.contextmanager
def nothing_left_of(directory: Path) -> Iterator[None]:
    before = accounts_and_names(), traces()
    yield
    assert not directory.exists()
    assert accounts_and_names() == before[0]
    assert traces() - before[1] == set()


def test_nothing_is_left_behind() -> None:
    directory = new_directory()
    with nothing_left_of(directory):
        machine = SlurmMachine.start(directory)
        ports = json.loads((directory / "machine.json").read_text())["ports"].values()
        assert all(system.answers(port) for port in ports)
        machine.add_users(["kari", "ola"])
        wait_for(machine, submit(machine, STUBBORN, user="kari"), "RUNNING")
        submit(machine, STUBBORN, "--hold", user="ola")
        machine.stop()
        assert not any(system.answers(port) for port in ports)
        machine.stop()


@pytest.mark.slow
@pytest.mark.skipif(
    bool(SlurmMachine.missing(accounting=True)),
    reason=" ".join(SlurmMachine.missing(accounting=True)),
)
def test_nothing_is_left_of_its_database_though_the_controller_hangs() -> None:
    directory = new_directory()
    with nothing_left_of(directory):
        machine = SlurmMachine.start(directory, accounting=True)
        ports = json.loads((directory / "machine.json").read_text())["ports"]
        database = system.daemons(directory, "slurmdbd", "mariadbd")
        sockets = [each for daemon in database for each in daemon.net_connections()]
        listening = [each.laddr.port for each in sockets if each.status == psutil.CONN_LISTEN]
        assert listening == [ports["slurmdbd"]]
        machine.hang_controller()
        machine.stop()
        assert not any(system.answers(port) for port in ports.values())


def test_a_crashed_starter_is_cleaned_up_after() -> None:
    directory = new_directory()
    crash = f"""
import os, pathlib, sys
sys.path[:0] = {sys.path!r}
from slurm_machine import SlurmMachine
machine = SlurmMachine.start(pathlib.Path({str(directory)!r}))
machine.add_users(["kari"])
machine.command("sbatch", "--export=ALL", user="kari", stdin={STUBBORN!r})
os._exit(1)
"""
    with nothing_left_of(directory):
        subprocess.run([sys.executable, "-c", crash], check=False)
        machine = SlurmMachine.attach(directory)
        assert set(machine.node_states()) == {"gpu1", "gpu2", "gpu3", "gpu4"}
        machine.stop()


def test_a_failed_start_says_why_and_leaves_nothing() -> None:
    directory = new_directory()
    with nothing_left_of(directory), pytest.raises(SlurmMachineError) as failure:
        SlurmMachine.start(directory, cluster="")
    assert "ClusterName needs to be specified" in str(failure.value)


def test_a_directory_that_is_not_a_machines_is_refused() -> None:
    crowded = new_directory()
    (crowded / "thesis.tex").touch()
    with pytest.raises(SlurmMachineError, match="is not empty"):
        SlurmMachine.start(crowded)
    with pytest.raises(SlurmMachineError, match="There is no Slurm machine in"):
        SlurmMachine.attach(crowded)
    with pytest.raises(SlurmMachineError, match="longer than 64 characters"):
        SlurmMachine.start(crowded / ("x" * 64))
    assert [path.name for path in crowded.iterdir()] == ["thesis.tex"]
    system.remove(crowded)

"""CPU and memory that a session may use and uses: by control groups, by Slurm, by the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from lesesal_notebook.machine import processes
from lesesal_notebook.machine.host import Meter
from lesesal_notebook.machine.limits import CpuGroup, Groups, groups

MIB = 1 << 20
NO_LIMIT = "9223372036854771712\n"


def write(folder: Path, **files: str) -> Path:
    """Files of a control group; two underscores in a name are a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_version_2_counts_at_the_tightest_limit_above(tmp_path: Path) -> None:
    """As Slurm 22.05 makes them: the limit is the job's, processes are in groups of the step."""
    job = write(
        tmp_path / "system.slice" / "slurmstepd.scope" / "job_7",
        memory__max=f"{800 * MIB}\n",
        memory__current=f"{500 * MIB}\n",
        memory__stat=f"anon 1\ninactive_file {100 * MIB}\n",
        cpu__stat="usage_usec 2500000\nuser_usec 2000000\n",
        cpu__max="150000 100000\n",
    )
    write(job / "step_batch", memory__max="max\n", cpu__max="max 100000\n")
    write(job / "step_batch" / "user" / "task_0", memory__max="max\n", cpu__max="max 100000\n")
    write(tmp_path / "system.slice", memory__max="max\n")
    found = groups(
        f"31 23 0:28 / {tmp_path} rw,relatime - cgroup2 cgroup2 rw\n",
        "0::/system.slice/slurmstepd.scope/job_7/step_batch/user/task_0\n",
    )
    assert found.memory is not None
    assert found.cpu == CpuGroup(job, 2)
    assert (found.memory.folder, found.memory.limit, found.cores) == (job, 800 * MIB, 1.5)
    assert (found.memory.used(), found.cpu.seconds()) == (400 * MIB, 2.5)

    host = Meter({"SLURM_JOB_ID": "7", "SLURM_MEM_PER_NODE": "64000"}, found).read()
    assert (host.memory_used, host.memory_limit, host.by) == (400 * MIB, 800 * MIB, "cgroup")
    assert host.cores == min(1.5, len(os.sched_getaffinity(0)))
    assert host.cpu_seconds == 2.5


def test_version_1_has_a_folder_for_each_controller(tmp_path: Path) -> None:
    own = "slurm/uid_1000/job_7/step_batch"
    write(tmp_path / "memory", memory__limit_in_bytes=NO_LIMIT)
    job = write(
        (tmp_path / "memory" / own).parent,
        memory__limit_in_bytes=f"{800 * MIB}\n",
        memory__usage_in_bytes=f"{500 * MIB}\n",
        memory__stat=f"inactive_file 1\ntotal_inactive_file {100 * MIB}\n",
    )
    # The step's limit is the same; the job's counts what all steps use.
    write(tmp_path / "memory" / own, memory__limit_in_bytes=f"{800 * MIB}\n")
    cpu = write(tmp_path / "cpuacct" / own).parent
    write(cpu, cpuacct__usage="2500000000\n")
    mounts = "".join(
        f"3 2 0:1 / {tmp_path / name} rw - cgroup cgroup rw,{name}\n"
        for name in ("memory", "cpuacct")
    )
    found = groups(mounts, f"5:memory:/{own}\n3:cpuacct:/{own}\n0::/\n")
    assert found.memory is not None
    assert (found.memory.folder, found.memory.used()) == (job, 400 * MIB)
    assert found.cpu == CpuGroup(cpu, 1)
    assert found.cpu.seconds() == 2.5
    # Where the time is counted for the whole machine only, it is not this job's.
    found = groups(mounts, f"5:memory:/{own}\n3:cpuacct:/\n")
    assert found.memory is not None
    assert found.cpu is None


def test_a_group_seen_from_within_a_container(tmp_path: Path) -> None:
    write(tmp_path, memory__max="1048576\n", memory__current="4096\n")
    found = groups(
        f"31 23 0:28 /docker/abc {tmp_path} rw - cgroup2 cgroup2 rw\n", "0::/docker/abc\n"
    )
    assert found.memory is not None
    assert (found.memory.folder, found.memory.used()) == (tmp_path, 4096)


def test_without_a_limit_there_is_none(tmp_path: Path) -> None:
    write(tmp_path / "a", memory__max="max\n")
    assert groups(f"1 2 0:1 / {tmp_path} rw - cgroup2 cgroup2 rw\n", "0::/a\n") == Groups()
    assert groups("", "0::/a\n") == Groups()


def test_slurm_without_groups_counts_the_jobs_own_processes() -> None:
    """Two processes of a job, and one of another job of the same person."""
    program = "x = bytearray(64 << 20); print(flush=True); input()"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={"SLURM_JOB_ID": job},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for job in ("77001", "77001", "77002")
    ]
    try:
        for each in started:
            assert each.stdout
            each.stdout.readline()
        env = {
            "SLURM_JOB_ID": "77001",
            "SLURM_CPUS_PER_TASK": "1",
            "SLURM_MEM_PER_NODE": "8192",
        }
        host = Meter(env, Groups()).read()
        assert (host.cores, host.memory_limit, host.by) == (1.0, 8192 * MIB, "slurm")
        assert 128 * MIB <= host.memory_used < 190 * MIB
        assert 0 < host.cpu_seconds < 60
    finally:
        for each in started:
            each.communicate(b"\n")


def test_else_it_is_the_machine() -> None:
    host = Meter({}, Groups()).read()
    assert (host.cores, host.by) == (float(os.cpu_count() or 1), "machine")
    assert host.memory_limit == psutil.virtual_memory().total
    assert 0 < host.memory_used < host.memory_limit


def test_a_family_and_its_memory() -> None:
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', "
        "'x = bytearray(32 << 20); print(flush=True); input()'])\n"
        "child.wait()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert parent.stdout
        parent.stdout.readline()
        below = processes.below(os.getpid(), processes.mine())
        assert parent.pid in {each.pid for each in below}
        [child] = [each for each in below if each.parent == parent.pid]
        assert 32 * MIB <= processes.share(child) <= child.resident
    finally:
        parent.communicate(b"\n")


def test_the_peak_is_of_what_came_after_it_was_forgotten() -> None:
    gone = bytearray(200 * MIB)
    del gone
    before = processes.peak()
    assert processes.forget_peak()
    now = processes.peak()
    assert before is not None
    assert now is not None
    assert before - now > 100 * MIB

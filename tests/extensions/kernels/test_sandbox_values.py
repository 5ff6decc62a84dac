"""The filter of system calls and the places of control groups, as values."""

import errno
import os
import struct
from pathlib import Path

import pytest

from lesesal_notebook.kernels import cgroups, syscalls
from lesesal_notebook.kernels.usage import Usage


def verdict(machine: str, number: int, *, argument: int = 0, counted: bool = True) -> int:
    """What the filter returns: 0 for allowed, or the error number (an interpreter of its BPF)."""
    architecture = syscalls.ARCHITECTURES[machine]
    data = struct.pack("iIQ6Q", number, architecture, 0, argument, 0, 0, 0, 0, 0)
    program = syscalls.program(machine, counted)
    place = held = 0
    while True:
        code, true, false, constant = program[place]
        assert true < 256
        assert false < 256
        place += 1
        if code == syscalls.LOAD:
            held = struct.unpack_from("I", data, constant)[0]
        elif code == syscalls.RETURN:
            return 0 if constant == syscalls.ALLOW else constant & 0xFFFF
        else:
            met = {
                syscalls.EQUAL: held == constant,
                syscalls.AT_LEAST: held >= constant,
                syscalls.ANY_BIT: bool(held & constant),
            }[code]
            place += true if met else false


@pytest.mark.parametrize(("machine", "place"), [("x86_64", 0), ("aarch64", 1)])
def test_each_call_has_its_verdict(machine: str, place: int) -> None:
    denied = {numbers[place] for numbers in syscalls.DENIED.values()}
    uncounted = {numbers[place] for numbers in syscalls.UNCOUNTED.values()}
    special = {each[place] for each in (syscalls.CLONE3, syscalls.SOCKET)}
    for number in range(480):
        wanted = errno.EPERM if number in denied else 0
        if number not in special:
            assert verdict(machine, number) == wanted, number
            without = errno.ENOSYS if number in uncounted else wanted
            assert verdict(machine, number, counted=False) == without, number
    assert verdict(machine, syscalls.CLONE3[place]) == errno.ENOSYS
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        for call in (syscalls.CLONE, syscalls.UNSHARE):
            assert verdict(machine, call[place], argument=flag | 17) == errno.EPERM
    thread = 0x3D0F00
    assert verdict(machine, syscalls.CLONE[place], argument=thread) == 0
    families = {
        family
        for family in range(50)
        if verdict(machine, syscalls.SOCKET[place], argument=family) == 0
    }
    assert families == {1, 2, 10, 16}


def test_another_architecture_and_x32_have_no_calls() -> None:
    assert verdict("x86_64", 0x40000000 | 1) == errno.ENOSYS
    program = syscalls.program("x86_64")
    assert program[1] == (syscalls.EQUAL, 1, 0, 0xC000003E)
    assert program[2] == (syscalls.RETURN, 0, 0, syscalls.ERROR | errno.ENOSYS)


V1 = """\
30 25 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:28 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
32 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
33 30 0:30 /docker/abc /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
34 30 0:31 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
OWN_V1 = "9:name=systemd:/\n4:memory:/slurm/job_1\n3:cpu,cpuacct:/\n2:pids:/docker/abc/x\n0::/\n"


def test_places_of_version_1() -> None:
    root = Path("/sys/fs/cgroup")
    found = cgroups.places(V1, OWN_V1)
    assert found == cgroups.Places(
        1,
        {
            "memory": root / "memory/slurm/job_1",
            "cpu": root / "cpu,cpuacct",
            "cpuacct": root / "cpu,cpuacct",
            "pids": root / "pids/x",
        },
    )


def test_controllers_that_share_a_folder_share_a_group(tmp_path: Path) -> None:
    memory, cpu = tmp_path / "memory", tmp_path / "cpu,cpuacct"
    for folder in (memory, cpu):
        folder.mkdir()
    cgroups.Group(cgroups.Places(1, {"memory": memory, "cpu": cpu, "cpuacct": cpu}), 4096, 9)
    limits = [path.read_text() for path in memory.glob("lesesal-kernel-*/memory.limit_in_bytes")]
    assert limits == ["4096"]
    assert len(list(cpu.iterdir())) == 1


def test_places_of_version_2(tmp_path: Path) -> None:
    (tmp_path / "user.slice/grading.service/main").mkdir(parents=True)
    mounts = f"29 24 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw\n"
    own = "0::/user.slice/grading.service/main\n"
    assert cgroups.places(mounts, own) is None
    offered = tmp_path / "user.slice/grading.service"
    (offered / "cgroup.subtree_control").write_text("cpu memory pids\n")
    assert cgroups.places(mounts, own) == cgroups.Places(2, {"memory": offered})
    assert cgroups.places(mounts, "0::/\n") is None
    (tmp_path / "cgroup.subtree_control").write_text("memory\n")
    assert cgroups.places(mounts, "0::/\n") == cgroups.Places(2, {"memory": tmp_path})


def test_version_2_is_set_and_read(tmp_path: Path) -> None:
    group = cgroups.Group.__new__(cgroups.Group)
    group._version, group._folders = 2, {"memory": str(tmp_path)}
    for name, text in {
        "memory.peak": "4096\n",
        "memory.events": "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n",
        "cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
        "pids.events": "max 2\n",
    }.items():
        (tmp_path / name).write_text(text)
    assert group.look() == Usage(1.5, 4096, killed=True, refused=True)
    assert ("memory", "memory.max", "1000") in cgroups.settings(2, 1000, 10)


def test_groups_that_were_left_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "here", lambda: cgroups.Places(2, {"memory": tmp_path}))
    for name in ("lesesal-kernel-1-old", "lesesal-kernel-2-new", "another"):
        (tmp_path / name).mkdir()
    for name in ("lesesal-kernel-1-old", "another"):
        os.utime(tmp_path / name, (0, 0))
    cgroups.sweep()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "lesesal-kernel-2-new"]


def test_a_group_in_use_is_left_for_another_time(tmp_path: Path) -> None:
    group = cgroups.Group(cgroups.Places(1, {"memory": tmp_path, "cpuacct": tmp_path}), 4096, 9)
    written = next(tmp_path.glob("*/memory.limit_in_bytes"))
    assert not group.remove()
    written.unlink()
    assert group.remove()
    assert group.remove()
    assert list(tmp_path.iterdir()) == []


def test_groups_of_a_process_that_was_killed_are_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "here", lambda: cgroups.Places(2, {"memory": tmp_path}))
    ours = cgroups.TOKEN
    # Of another process, and of one that had the same number, or has it in another namespace.
    others = {f"lesesal-kernel-123-{ours}-a", "lesesal-kernel-12-0f0f0f0f-a"}
    for name in (f"lesesal-kernel-12-{ours}-a", f"lesesal-kernel-12-{ours}-b", *others):
        (tmp_path / name).mkdir()
    cgroups.remove_of(12)
    assert {path.name for path in tmp_path.iterdir()} == others


def test_no_memory_controller_means_no_place() -> None:
    assert cgroups.places(V1.replace("memory", "blkio"), OWN_V1) is None

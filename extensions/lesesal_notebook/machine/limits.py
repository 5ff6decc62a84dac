"""Control groups, version 1 and 2 (cgroups(7)), as one who is in them reads them.

A job's group lies some way above a process's own, so all groups upwards are looked at: what counts
is the tightest limit, and what is used is what counts against that limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Version 1 writes a number of this size where nothing is limited.
NO_LIMIT = 1 << 60


@dataclass(frozen=True)
class MemoryGroup:
    """The group whose limit on memory is the tightest.

    Attributes:
        folder: of its controller.
        limit: bytes.
        version: 1 or 2.
    """

    folder: Path
    limit: int
    version: int

    def used(self) -> int | None:
        """Bytes that count, without files that can be dropped at once; None when it is gone."""
        file = "memory.current" if self.version == 2 else "memory.usage_in_bytes"
        name = "inactive_file" if self.version == 2 else "total_inactive_file"
        used = _number(self.folder / file)
        return None if used is None else max(0, used - _table(self.folder / "memory.stat", name))


@dataclass(frozen=True)
class CpuGroup:
    """A group that counts processors' time.

    Attributes:
        folder: of its controller.
        version: 1 or 2.
    """

    folder: Path
    version: int

    def seconds(self) -> float | None:
        """CPU seconds since the group was made; None when it is gone."""
        if self.version == 2:
            used = _table(self.folder / "cpu.stat", "usage_usec")
            return used / 1e6 if used else None
        nanoseconds = _number(self.folder / "cpuacct.usage")
        return None if nanoseconds is None else nanoseconds / 1e9


@dataclass(frozen=True)
class Groups:
    """What limits this process.

    Attributes:
        memory: None where no group limits it.
        cpu: the group of the same job; None where nothing counts it.
        cores: the tightest quota of processors; None without one.
    """

    memory: MemoryGroup | None = None
    cpu: CpuGroup | None = None
    cores: float | None = None


def groups(mountinfo: str, own: str) -> Groups:
    """What limits a process, by its /proc/PID/mountinfo and /proc/PID/cgroup."""
    paths: dict[str, str] = {}
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        paths |= dict.fromkeys(controllers.split(","), path)
    found = Groups()
    for kind, mounted, root, _options in _mounts(mountinfo):
        if kind == "cgroup2" and "" in paths:
            places = list(_upwards(mounted, root, paths[""]))
            if memory := _tightest(places, 2):
                found = Groups(memory, CpuGroup(memory.folder, 2), _quota(places, 2))
    by_name = {
        name: list(_upwards(mounted, root, paths[name]))
        for kind, mounted, root, options in _mounts(mountinfo)
        if kind == "cgroup"
        for name in {"memory", "cpu", "cpuacct"} & set(options.split(",")) & set(paths)
    }
    if found.memory is None and (memory := _tightest(by_name.get("memory", []), 1)):
        # The same job's group of the other controller has the same name; else it counts others'.
        depth = len(by_name["memory"]) - by_name["memory"].index(memory.folder) - 1
        cpu = by_name.get("cpuacct", [])
        same = cpu[-depth - 1] if 0 < depth < len(cpu) else None
        is_same = same is not None and same.name == memory.folder.name
        found = Groups(
            memory,
            CpuGroup(same, 1) if same and is_same else None,
            _quota(by_name.get("cpu", []), 1),
        )
    return found


def here() -> Groups:
    """What limits this process."""
    me = Path("/proc/self")
    try:
        return groups((me / "mountinfo").read_text("utf-8"), (me / "cgroup").read_text("utf-8"))
    except OSError:
        return Groups()


def _mounts(mountinfo: str) -> Iterator[tuple[str, Path, str, str]]:
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, mounted = before.split()[3:5]
        yield kind, Path(mounted), root, options


def _upwards(mounted: Path, root: str, path: str) -> Iterator[Path]:
    """The group's folder and those above it, innermost first; what is seen of them here."""
    relative = Path(path)
    if root != "/":
        inside = relative.is_relative_to(root)
        relative = Path("/") / (relative.relative_to(root) if inside else "")
    folder = mounted / str(relative).lstrip("/")
    yield folder
    while folder != mounted:
        folder = folder.parent
        yield folder


def _tightest(places: list[Path], version: int) -> MemoryGroup | None:
    file = "memory.max" if version == 2 else "memory.limit_in_bytes"
    limits = [(limit, folder) for folder in places if (limit := _number(folder / file)) is not None]
    real = [(limit, folder) for limit, folder in limits if limit < NO_LIMIT]
    if not real:
        return None
    # Of equal ones the outermost: it counts all that share the limit.
    least = min(limit for limit, _ in real)
    return MemoryGroup([folder for limit, folder in real if limit == least][-1], least, version)


def _quota(places: list[Path], version: int) -> float | None:
    found = []
    for folder in places:
        if version == 2:
            words = _text(folder / "cpu.max").split()
            quota, period = words if len(words) == 2 else ("max", "0")
        else:
            quota = _text(folder / "cpu.cfs_quota_us").strip()
            period = _text(folder / "cpu.cfs_period_us").strip()
        if quota.isdigit() and period.isdigit() and int(period):
            found.append(int(quota) / int(period))
    return min(found, default=None)


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdigit() else None


def _table(file: Path, name: str) -> int:
    for line in _text(file).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.strip().isdigit():
            return int(value)
    return 0


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii")
    except OSError:
        return ""

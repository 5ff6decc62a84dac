"""What an environment is made from: a Python that everybody may run, and this release's session
side."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from courses.environment import Pin, read_pins
from courses.environments.run import run
from courses.errors import BuildFailed, SetupError

# The distribution's own goes before one that may be in somebody's home, as in the Makefile.
CANDIDATES = (
    "/usr/bin/python3",
    "python3",
    *(f"python3.{minor}" for minor in range(14, 10, -1)),
)
OLDEST = (3, 11)
_ASK = """
import json, os, platform, sys
print(json.dumps({
    "version": platform.python_version(),
    "executable": os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
    "library": os.path.realpath(os.path.dirname(os.__file__)),
    "markers": {
        "implementation_name": sys.implementation.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "os_name": os.name,
        "sys_platform": sys.platform,
    },
}))
"""


@dataclass(frozen=True)
class Base:
    """The Python that an environment is made from.

    Attributes:
        executable: its path; the nodes must have the same there.
        version: ``"3.11.2"``.
        markers: values of requirements' markers.
    """

    executable: Path
    version: str
    markers: dict[str, str]

    @property
    def minor(self) -> str:
        """``"3.11"``."""
        return self.markers["python_version"]


@dataclass(frozen=True)
class SessionSide:
    """The session side of this release.

    Attributes:
        pins_file: its requirements, with hashes.
        package: the folder of the distribution lesesal-notebook.
    """

    pins_file: Path
    package: Path

    def pins(self) -> list[Pin]:
        """What its requirements file pins."""
        pins, problems = read_pins(self.pins_file.name, self.pins_file.read_text("utf-8"))
        if problems:
            raise SetupError("\n".join(problems))
        return pins

    def digest(self) -> str:
        """Of its requirements and of all files of the package."""
        total = hashlib.sha256(self.pins_file.read_bytes())
        for path in sorted(self.package.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                name = path.relative_to(self.package).as_posix().encode()
                total.update(name + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()


def session_side(release: Path | None) -> SessionSide:
    """The session side in a folder of Lesesal's release, by default the checkout of this code.

    Raises `SetupError`.
    """
    folder = release or Path(__file__).resolve().parents[2]
    side = SessionSide(folder / "requirements" / "session.txt", folder / "extensions")
    if not side.pins_file.is_file() or not (side.package / "pyproject.toml").is_file():
        raise SetupError(
            f"There is no session side in {folder}. Name the release's folder, with requirements/ "
            "and extensions/ in it, with --release-folder."
        )
    return side


def find_base(wanted: str, python: Path | None, *, only_mine: bool) -> Base:
    """The Python to build with.

    Args:
        wanted: ``"3.11"``, or empty for the first that is new enough.
        python: the only one to consider; None to look where Pythons are.
        only_mine: whether it need not be one that other accounts can run.

    Raises `BuildFailed` with what is wrong with each that was found.
    """
    names = [str(python)] if python else [*_of(wanted), *CANDIDATES]
    problems: dict[str, None] = {}
    for executable in _found(names):
        base, library = _ask(executable)
        if base is None:
            problems[f"{executable} cannot be run."] = None
        elif problem := _unfit(base, wanted):
            problems[problem] = None
        elif not only_mine and (shut := shut_to_others(base.executable, library)):
            problems[f"{base.executable}: other accounts cannot enter {shut}."] = None
        else:
            return base
    what = f"Python {wanted}" if wanted else "Python 3.11 or newer"
    found = "\n".join(f"  | {problem}" for problem in problems) or "  | None was found."
    raise BuildFailed(
        f"There is no {what} here that everybody can run. Install the distribution's, on this "
        f"machine and on the nodes, or name one with --python.\n{found}"
    )


def _of(wanted: str) -> list[str]:
    return [f"/usr/bin/python{wanted}", f"python{wanted}"] if wanted else []


def _found(names: Sequence[str]) -> Iterator[str]:
    seen = set()
    for name in names:
        path = shutil.which(name)
        if path and path not in seen:
            seen.add(path)
            yield path


def _ask(executable: str) -> tuple[Base | None, Path]:
    try:
        said = json.loads(run([executable, "-I", "-c", _ASK]))
    except (BuildFailed, ValueError):  # a name in PATH that is no Python, or a broken one
        return None, Path()
    base = Base(Path(said["executable"]), said["version"], said["markers"])
    return base, Path(said["library"])


def _unfit(base: Base, wanted: str) -> str:
    if wanted and base.minor != wanted:
        return f"{base.executable} is Python {base.version}."
    if tuple(map(int, base.minor.split("."))) < OLDEST:
        return f"{base.executable} is Python {base.version}, too old for Lesesal."
    return ""


def shut_to_others(*places: Path) -> Path | None:
    """The first thing on the way to these that accounts other than its owner cannot enter."""
    for place in places:
        for path in (*reversed(place.absolute().parents), place):
            wanted = 0o005 if path.is_file() or path == place else 0o001
            if path.stat().st_mode & wanted != wanted:
                return path
    return None


def uv() -> Path:
    """uv, which the hub side brings. Raises `SetupError`."""
    from uv import find_uv_bin

    try:
        return Path(os.fspath(find_uv_bin()))
    except FileNotFoundError:
        raise SetupError("uv is missing here. Install the hub side again.") from None

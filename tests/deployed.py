"""Both sides installed where every account of this machine can read them, as an operator has it.

A checkout may lie in a folder that only its owner can enter; a hub under its own account, and
sessions of other accounts, need copies outside. They are wheels there, not editable installs: so
the packaging is tested too.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Deployed:
    """Where the two sides are.

    Attributes:
        hub: the interpreter of the hub side.
        session: the interpreter of the session side.
        config: the copied jupyterhub_config.py.
    """

    hub: Path
    session: Path
    config: Path


def deploy(directory: Path) -> Deployed:
    """Install both sides into the directory, which is made if it is missing."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    venv = CHECKOUT / ".venv"
    hub, session = directory / "hub", directory / "session"
    copy(venv / "session", session)
    hub.mkdir()
    for part in venv.iterdir():
        if part.name not in {"session", "stock", "ngshare", "torch", ".stamps"}:
            copy(part, hub / part.name)
    subprocess.run(
        [
            venv / "bin" / "uv", "pip", "install", "--quiet", "--compile-bytecode", "--no-deps",
            "--no-build-isolation", "--reinstall-package", "lesesal",
            "--python", hub / "bin" / "python", CHECKOUT,
        ],
        check=True,
    )  # fmt: skip
    config = directory / "jupyterhub_config.py"
    shutil.copy(CHECKOUT / "jupyterhub_config.py", config)
    return Deployed(hub / "bin" / "python", session / "bin" / "python", config)


def copy(source: Path, target: Path) -> None:
    """Copy a folder, by hard links where the file system allows: no second gigabyte, and a second
    instead of ten. What is changed there must be written anew, not in place."""
    linked = subprocess.run(["cp", "-al", source, target], capture_output=True, check=False)
    if linked.returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", source, target], check=True)

"""nbgrader's work in a process of its own: it changes the working directory and the environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from courses.errors import CourseError

_LEFTOVERS = (".jupyter", ".ipython", ".local", ".cache")


def environment(home: Path) -> dict[str, str]:
    """What such a process may know: no token, and no configuration of nbgrader's or Jupyter's.

    They read configuration from the home and from ``JUPYTER_*``; ``home`` has none.
    """
    return {
        # nbgrader calls `alembic` by its name.
        "PATH": os.pathsep.join(
            [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        ),
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
        "IPYTHONDIR": str(home / ".ipython"),
        "JUPYTER_NO_CONFIG": "1",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


def ask(module: str, folder: Path, wanted: object, error: type[CourseError]) -> Any:
    """Run ``python -m module FOLDER``: JSON on its standard input, its answer on the output.

    Raises ``error`` with a sentence when it does not end well.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, str(folder)],
        input=json.dumps(wanted),
        env=environment(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    for leftover in _LEFTOVERS:
        shutil.rmtree(folder / leftover, ignore_errors=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise error(f"nbgrader could not be run: {last}")
    return json.loads(done.stdout)

"""git(1), asked about a folder that somebody else may own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from courses.errors import CatalogueError
from courses.language import gettext as _

# Seconds until a remote that does not answer is given up.
PATIENCE = 60.0
# What a folder's own configuration could have run is turned off: hooks, and a monitor of files.
# Without a terminal there is nobody to type a password, so git must not ask for one.
_SAFE = (
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "protocol.ext.allow=never",
)


def revision(folder: Path) -> str:
    """The commit that the folder's files are at, 40 hex digits, with ``+`` when some are changed.

    Empty when the folder is in no repository, or git is not installed.
    """
    if _git(folder, "rev-parse", "--is-inside-work-tree").stdout.strip() != "true":
        return ""
    head = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD").stdout.strip()
    changed = _git(folder, "status", "--porcelain", "--untracked-files=normal", "--", ".").stdout
    return f"{head}+" if head and changed.strip() else head


def pull(folder: Path) -> bool:
    """Bring the folder to what its branch's remote has; return whether there is such a remote.

    Raises `CatalogueError` when it cannot, also when that would need a merge; then the folder is as
    it was.
    """
    if _git(folder, "rev-parse", "--verify", "--quiet", "@{upstream}").returncode != 0:
        return False
    done = _git(folder, "pull", "--quiet", "--ff-only", "--no-rebase")
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [_("it did not say why")])[-1]
        raise CatalogueError(
            [
                _(
                    "{folder}: git cannot bring in what is new: {reason}. Ask the people who run "
                    "this service to look at the folder.",
                    folder=folder,
                    reason=reason.rstrip("."),
                )
            ]
        )
    return True


def _git(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME", "/"),
        "LC_ALL": "C.UTF-8",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
        "GIT_OPTIONAL_LOCKS": "0",
    }
    try:
        return subprocess.run(
            [shutil.which("git") or "git", *_SAFE, "-C", str(folder), *argv],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(argv, 1, "", f"git: {error}")

"""The one program that acts in a user's name: JSON in on stdin, JSON out on stdout.

The hub runs it as ``sudo -n -u USER -- PYTHON -I -m spawners.unix.launcher`` (docs/operators.md has
the sudo rule). It takes no arguments and no environment: what it may do is in `ACTIONS`, and the
token that it is given goes from stdin to a 0600 file and nowhere else.

Request: ``{"action": …, "hub": …, "server": …}`` with the fields of the action:

- ``submit``: ``files`` {name: text}, ``options`` [sbatch's long options], ``script``, ``slurm``
  -> ``{"job": id}``
- ``cancel``: ``job``, ``slurm`` -> ``{}``
- ``log``: ``lines`` -> ``{"text": …}``
- ``forget`` -> ``{}``

``slurm`` is ``{"bin": folder of Slurm's programs, "conf": slurm.conf or ""}``. What fails answers
``{"error": sentence, "detail": the program's own words, "code": its exit code or null}``.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import files

# What sbatch may be asked for. Anything else in a request is a mistake, or worse.
SBATCH_OPTIONS = frozenset(
    "account comment constraint cpus-per-task gres job-name mem no-requeue nodes ntasks open-mode "
    "partition qos reservation time".split()
)
SUBMIT_SECONDS = 60


class Failed(Exception):
    """An action could not be done: a sentence, the program's words, its exit code."""

    def __init__(self, sentence: str, detail: str = "", code: int | None = None) -> None:
        super().__init__(sentence)
        self.answer = {"error": sentence, "detail": detail, "code": code}


def submit(request: Mapping[str, Any], account: pwd.struct_passwd) -> dict[str, str]:
    """Write the session's files, then hand the job to sbatch; take the files back if it refuses."""
    hub, server = request["hub"], request["server"]
    options = [str(option) for option in request["options"]]
    for option in options:
        name = re.match(r"--([a-z-]+)(=|$)", option)
        if name is None or name[1] not in SBATCH_OPTIONS:
            raise Failed(f"The launcher does not pass {option.split('=')[0]} to sbatch.")
    state = _state(account)
    directory = files.prepare(state, hub, server, request["files"])
    environment = {
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "SHELL": account.pw_shell or "/bin/sh",
        "LANG": "C.UTF-8",
        "LESESAL_SESSION_DIR": str(directory),
    }
    log = files.log_file(state, hub, server)
    try:
        out = _run(
            request["slurm"],
            ["sbatch", "--parsable", f"--output={log}", f"--chdir={account.pw_dir}", *options],
            environment,
            request["script"],
        )
    except Failed:
        files.remove(state, hub, server)
        raise
    # --parsable prints "id" or "id;cluster".
    return {"job": out.strip().split(";")[0]}


def cancel(request: Mapping[str, Any], account: pwd.struct_passwd) -> dict[str, str]:
    """Ask scancel to end the job; a job that is gone is no error."""
    job = str(request["job"])
    if not re.fullmatch(r"[0-9]+", job):
        raise Failed(f"{job!r} is no job id.")
    try:
        _run(request["slurm"], ["scancel", job], {})
    except Failed as failed:
        if "Invalid job id" not in str(failed.answer["detail"]):
            raise
    return {}


def log(request: Mapping[str, Any], account: pwd.struct_passwd) -> dict[str, str]:
    """The tail of the session's log."""
    text = files.log_tail(_state(account), request["hub"], request["server"], int(request["lines"]))
    return {"text": text}


def forget(request: Mapping[str, Any], account: pwd.struct_passwd) -> dict[str, str]:
    """Remove the session's files."""
    files.remove(_state(account), request["hub"], request["server"])
    return {}


ACTIONS: Mapping[str, Callable[[Mapping[str, Any], pwd.struct_passwd], dict[str, str]]] = {
    "submit": submit,
    "cancel": cancel,
    "log": log,
    "forget": forget,
}


def main() -> None:
    """Do the one thing that stdin asks for."""
    try:
        request = json.load(sys.stdin)
        account = pwd.getpwuid(os.getuid())
        answer: Mapping[str, Any] = ACTIONS[request["action"]](request, account)
    except Failed as failed:
        answer = failed.answer
    except OSError as error:
        answer = {"error": f"{error.strerror}: {error.filename}.", "detail": "", "code": None}
    except (KeyError, TypeError, ValueError) as error:
        answer = {"error": f"The launcher was asked wrongly: {error}.", "detail": "", "code": None}
    json.dump(answer, sys.stdout)


def _state(account: pwd.struct_passwd) -> Path:
    return files.state_directory(Path(account.pw_dir))


def _run(
    slurm: Mapping[str, str], argv: list[str], environment: Mapping[str, str], stdin: str = ""
) -> str:
    program = Path(slurm["bin"]) / argv[0]
    env = {"PATH": f"{slurm['bin']}:/usr/bin:/bin", **environment}
    if slurm["conf"]:
        env["SLURM_CONF"] = slurm["conf"]
    try:
        done = subprocess.run(
            [str(program), *argv[1:]],
            input=stdin,
            env=env,
            text=True,
            capture_output=True,
            timeout=SUBMIT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise Failed(f"{program} is not installed on this machine.") from None
    except subprocess.TimeoutExpired:
        raise Failed(f"{argv[0]} did not answer within {SUBMIT_SECONDS} s.") from None
    if done.returncode != 0:
        raise Failed(f"{argv[0]} refused.", done.stderr.strip(), done.returncode)
    return done.stdout


if __name__ == "__main__":
    main()

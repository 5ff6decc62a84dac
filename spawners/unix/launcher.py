"""The one program that acts in a user's name: JSON in on stdin, JSON out on stdout.

The hub runs it as ``sudo -n -u USER -- PYTHON -I -m spawners.unix.launcher [GROUP]``; the sudo rule
(docs/operators.md) fixes all of that. It drops its environment, and acts for people's accounts
only, where a GROUP is named for its members only (`accounts`). What it may do is in `ACTIONS`, and
the token that it is given goes from stdin to a 0600 file and nowhere else.

Request: ``{"action": …, "hub": …, "server": …}`` with the fields of the action:

- ``submit``: ``attempt``, ``inherit``, ``files`` {name: text}, ``options`` [sbatch's long
  options], ``script``, ``slurm`` -> ``{"job": id}``
- ``estimate``: ``options``, ``slurm`` -> ``{"text": what sbatch --test-only says}``
- ``cancel``: ``job``, ``slurm`` -> ``{}``
- ``log``: ``attempt``, ``task`` (0 unless of an array), ``lines`` -> ``{"text": …}``
- ``forget`` -> ``{}``

``slurm`` is ``{"bin": folder of Slurm's programs, "conf": slurm.conf or ""}``. What fails answers
``{"error": sentence, "detail": the program's own words, "code": its exit code}``; the code is null
where no program refused but the launcher itself: then the sentence is meant for the user. The exit
code is 0 in any case.
"""

from __future__ import annotations

import errno
import json
import os
import pwd
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import accounts, files

# One launcher a session, and a whole class at once: what only some actions need is imported there.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from types import FrameType
    from typing import Any, BinaryIO, TypeVar

    T = TypeVar("T")

# What sbatch may be asked for. Anything else in a request is a mistake, or worse.
SBATCH_OPTIONS = frozenset(
    "account array comment constraint cpus-per-task dependency gres job-name mem nodes ntasks "
    "open-mode partition qos requeue reservation signal time".split()
)
# These have no value; all others must have one, so that none takes the next option for it.
SBATCH_FLAGS = frozenset({"requeue"})
SUBMIT_SECONDS = 60
# For all of it: less than the hub waits, which can't end what runs as somebody else.
SECONDS = 80
LARGEST_REQUEST = 1 << 20

# The hub tells these in the person's language.
_ = str
HOME_FULL = _(
    "Your home on the cluster is full. Delete files that you don't need, then start the session "
    "again."
)
HOME_UNUSABLE = _(
    "The session's files can't be written in your home on the cluster. Please tell the operators, "
    "with the words below."
)
ASKED_WRONGLY = _("The hub asked the launcher wrongly. Please tell the operators.")


class Failed(Exception):
    """An action could not be done: a sentence, the program's words, its exit code."""

    def __init__(self, sentence: str, detail: str = "", code: int | None = None) -> None:
        super().__init__(sentence)
        self.answer = {"error": sentence, "detail": detail, "code": code}


def submit(request: Mapping[str, Any], account: pwd.struct_passwd) -> dict[str, str]:
    """Write the session's files, then hand the job to sbatch; take the files back if it refuses."""
    hub, server = _field(request, "hub", str), _field(request, "server", str)
    attempt, script = _field(request, "attempt", int), _field(request, "script", str)
    inherit = _field(request, "inherit", int)
    texts = _field(request, "files", dict)
    options = _options(request)
    if not Path(account.pw_dir).is_dir():
        raise Failed(
            f"Your account has no home on this cluster yet: there is no {account.pw_dir}. Log in "
            "to the cluster once, or ask the operators."
        )
    state = _state(account)
    directory = files.attempt_directory(state, hub, server, attempt)
    environment = {
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "SHELL": account.pw_shell or "/bin/sh",
        "LANG": "C.UTF-8",
        "LESESAL_SESSION_DIR": str(directory),
    }
    # Each task of an array writes its own; "%a" is its number (sbatch(1)).
    array = any(option.startswith("--array=") for option in options)
    log = files.log_file(state, hub, server, attempt, "%a" if array else 0)
    try:
        files.prepare(
            state, hub, server, attempt, {name: _field(texts, name, str) for name in texts}, inherit
        )
        done = _run(
            request["slurm"],
            ["sbatch", "--parsable", f"--output={log}", f"--chdir={account.pw_dir}", *options],
            environment,
            script,
        )
    except BaseException:
        files.remove(state, hub, server, attempt)
        raise
    # --parsable prints "id" or "id;cluster".
    return {"job": done.stdout.strip().split(";")[0]}


def estimate(request: Mapping[str, Any], account: pwd.struct_passwd) -> dict[str, str]:
    """Ask sbatch when such a job would start; nothing is submitted and nothing written."""
    argv = ["sbatch", "--test-only", *_options(request)]
    done = _run(request["slurm"], argv, {"SLURM_TIME_FORMAT": "%s"}, "#!/bin/sh\n")
    # sbatch tells it where errors go.
    return {"text": done.stderr.strip()}


def cancel(request: Mapping[str, Any], account: pwd.struct_passwd) -> dict[str, str]:
    """Ask scancel to end the job; a job that is gone is no error."""
    job = _field(request, "job", str)
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
    hub, server = _field(request, "hub", str), _field(request, "server", str)
    attempt, lines = _field(request, "attempt", int), _field(request, "lines", int)
    task = _field({"task": 0, **request}, "task", int)
    return {"text": files.log_tail(_state(account), hub, server, attempt, lines, task)}


def forget(request: Mapping[str, Any], account: pwd.struct_passwd) -> dict[str, str]:
    """Remove the session's files."""
    hub, server = _field(request, "hub", str), _field(request, "server", str)
    files.remove(_state(account), hub, server)
    return {}


ACTIONS: Mapping[str, Callable[[Mapping[str, Any], pwd.struct_passwd], dict[str, str]]] = {
    "submit": submit,
    "estimate": estimate,
    "cancel": cancel,
    "log": log,
    "forget": forget,
}


def answer(
    arguments: Sequence[str], stdin: BinaryIO, account: pwd.struct_passwd
) -> Mapping[str, Any]:
    """What the launcher answers; nothing is raised, so that the hub always has a sentence.

    Args:
        arguments: those of the sudo rule: none, or the group.
        stdin: the request.
        account: who it runs as.
    """
    try:
        return _act(arguments, stdin, account)
    except Failed as failed:
        return failed.answer
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return Failed(HOME_FULL if full else HOME_UNUSABLE, str(error)).answer
    except Exception as error:
        return Failed(ASKED_WRONGLY, f"{type(error).__name__}: {error}").answer


def main() -> None:
    """Do the one thing that stdin asks for."""
    os.environ.clear()
    # Where the hub was started is the hub's business; sbatch would tell the job.
    os.chdir("/")
    signal.signal(signal.SIGALRM, _too_late)
    signal.alarm(SECONDS)
    reply: Mapping[str, Any]
    try:
        account = pwd.getpwuid(os.getuid())
    except KeyError:
        reply = Failed(f"The account number {os.getuid()} has no name on this machine.").answer
    else:
        reply = answer(sys.argv[1:], sys.stdin.buffer, account)
    json.dump(reply, sys.stdout)


def _act(
    arguments: Sequence[str], stdin: BinaryIO, account: pwd.struct_passwd
) -> Mapping[str, Any]:
    if len(arguments) > 1:
        raise Failed(f"The launcher takes one argument, the group, and got {len(arguments)}.")
    group = arguments[0] if arguments else None
    if refused := accounts.refusal(account, accounts.uid_min(), group):
        raise Failed(refused)
    text = stdin.read(LARGEST_REQUEST + 1)
    if len(text) > LARGEST_REQUEST:
        raise Failed(f"The request is larger than {LARGEST_REQUEST} bytes.")
    request = json.loads(text.decode("utf-8"))
    return ACTIONS[request["action"]](request, account)


def _too_late(_: int, __: FrameType | None) -> None:
    raise Failed(f"The launcher did not answer within {SECONDS} s.")


def _field(request: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = request[name]
    # Not isinstance: True is an int.
    if type(value) is not kind:
        raise TypeError(f"{name} is no {kind.__name__}")
    return value


def _options(request: Mapping[str, Any]) -> list[str]:
    options = _field(request, "options", list)
    for option in options:
        found = re.fullmatch(r"--([a-z-]+)(=.*)?", option, re.DOTALL)
        name = found[1] if found else None
        if (
            found is None
            or name not in SBATCH_OPTIONS
            or (found[2] is None) != (name in SBATCH_FLAGS)
        ):
            raise Failed(f"The launcher does not pass {option.split('=')[0]!r} to sbatch.")
    return options


def _state(account: pwd.struct_passwd) -> Path:
    return files.state_directory(Path(account.pw_dir))


def _run(
    slurm: Mapping[str, str], argv: list[str], environment: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    import subprocess

    program = Path(slurm["bin"]) / argv[0]
    env = {"PATH": f"{slurm['bin']}:/usr/bin:/bin", **environment}
    if slurm["conf"]:
        env["SLURM_CONF"] = slurm["conf"]
    try:
        done = subprocess.run(
            [str(program), *argv[1:]],
            input=stdin,
            env=env,
            encoding="utf-8",
            errors="replace",
            capture_output=True,
            timeout=SUBMIT_SECONDS,
            check=False,
        )
    except OSError as error:
        raise Failed(f"{program} can't be run on the hub's machine.", str(error)) from None
    except subprocess.TimeoutExpired:
        raise Failed(f"{argv[0]} did not answer within {SUBMIT_SECONDS} s.") from None
    if done.returncode != 0:
        raise Failed(f"{argv[0]} refused.", done.stderr.strip(), done.returncode)
    return done


if __name__ == "__main__":
    main()

"""What the launcher answers; the real sudo, sbatch and accounts are in test_rights.py."""

import io
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spawners.unix import files, launcher

ASKED_WRONGLY = "The hub asked the launcher wrongly. Please tell the operators."
# Stands in for sbatch and scancel, to see all that they are given.
TELLS = """#!/usr/bin/python3 -I
import json, os, sys
with open({told!r}, "w") as file:
    json.dump({{"argv": sys.argv[1:], "environment": dict(os.environ), "stdin": sys.stdin.read(),
               "folder": os.getcwd()}}, file)
print({out!r}, end="")
print({err!r}, end="", file=sys.stderr)
sys.exit({code})
"""


def account(home: Path) -> pwd.struct_passwd:
    return pwd.struct_passwd(("kim", "x", 1000, 1000, "", str(home), "/bin/zsh"))


class Machine:
    """A home, and programs that note what they are given."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.told = folder / "told"

    @property
    def state(self) -> Path:
        return files.state_directory(self.home)

    def program(self, name: str, out: str = "", err: str = "", code: int = 0) -> None:
        text = TELLS.format(told=str(self.told), out=out, err=err, code=code)
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def ask(self, **request: Any) -> Mapping[str, Any]:
        request = {
            "hub": "uio",
            "server": "ai",
            "slurm": {"bin": str(self.bin), "conf": "/etc/a.conf"},
            **request,
        }
        return self.send(json.dumps(request).encode())

    def send(self, text: bytes) -> Mapping[str, Any]:
        return launcher.answer([], io.BytesIO(text), account(self.home))

    def submit(self, **request: Any) -> Mapping[str, Any]:
        return self.ask(
            **{
                "action": "submit",
                "attempt": 1,
                "inherit": 0,
                "files": {"token": "secret", "session.json": "{}"},
                "options": ["--time=60", "--requeue", "--comment=a --wrap=b\n--c"],
                "script": "#!/bin/bash\nexec true\n",
                **request,
            }
        )

    def files(self) -> list[str]:
        return [str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_sbatch_gets_the_options_the_script_and_an_environment_without_a_secret(
    machine: Machine,
) -> None:
    machine.program("sbatch", out="7;olivia\n")
    assert machine.submit() == {"job": "7"}
    told = json.loads(machine.told.read_text())
    del told["folder"]
    told["environment"].pop("LC_CTYPE", None)  # Python's own, in the program that stands in
    assert told == {
        "argv": [
            "--parsable",
            f"--output={machine.state}/logs/uio/ai.1.log",
            f"--chdir={machine.home}",
            "--time=60",
            "--requeue",
            "--comment=a --wrap=b\n--c",
        ],
        "environment": {
            "HOME": str(machine.home),
            "USER": "kim",
            "LOGNAME": "kim",
            "SHELL": "/bin/zsh",
            "LANG": "C.UTF-8",
            "LESESAL_SESSION_DIR": f"{machine.state}/sessions/uio/ai/1",
            "PATH": f"{machine.bin}:/usr/bin:/bin",
            "SLURM_CONF": "/etc/a.conf",
        },
        "stdin": "#!/bin/bash\nexec true\n",
    }
    assert (machine.state / "sessions/uio/ai/1/token").read_text() == "secret"


def test_each_task_of_an_array_has_a_log_of_its_own(machine: Machine) -> None:
    machine.program("sbatch", out="7\n")
    name = {"server": f"{'a' * 30}.{'b' * 40}", "attempt": 2}
    assert machine.submit(options=["--array=1-6%2"], **name) == {"job": "7"}
    argv = json.loads(machine.told.read_text())["argv"]
    log = machine.state / "logs/uio" / f"{name['server']}.2.%a.log"
    assert argv == [
        "--parsable", f"--output={log}", f"--chdir={machine.home}", "--array=1-6%2"
    ]  # fmt: skip
    log.with_name(log.name.replace("%a", "3")).write_text("the third\n")
    asked = {"action": "log", "lines": 5, **name}
    assert machine.ask(**asked, task=3) == {"text": "the third\n"}
    assert machine.ask(**asked, task=4) == machine.ask(**asked) == {"text": ""}


def test_what_sbatch_refuses_is_told_in_its_words_and_leaves_no_token(machine: Machine) -> None:
    machine.program("sbatch", err="sbatch: error: no\n", code=3)
    assert machine.submit() == {
        "error": "sbatch refused.",
        "detail": "sbatch: error: no",
        "code": 3,
    }
    assert machine.files() == []


def test_without_sbatch_no_token_is_left_either(machine: Machine) -> None:
    program = machine.bin / "sbatch"
    assert machine.submit() == {
        "error": f"{program} can't be run on the hub's machine.",
        "detail": f"[Errno 2] No such file or directory: '{program}'",
        "code": None,
    }
    assert machine.files() == []


@pytest.mark.parametrize(
    "option",
    [
        "",
        "job.sh",
        "-J",
        "--wrap=id",
        "--uid=0",
        "--export=ALL",
        "--output=/etc/passwd",
        "--get-user-env",
        "--part=gpu",
        "--time",
        "--requeue=1",
        "--requeue\n",
        "--requeue --wrap=id",
        " --time=1",
        "--tıme=1",
    ],
)
def test_sbatch_gets_no_option_that_is_not_listed(machine: Machine, option: str) -> None:
    machine.program("sbatch", out="7\n")
    assert machine.submit(options=["--time=60", option]) == {
        "error": f"The launcher does not pass {option.split('=')[0]!r} to sbatch.",
        "detail": "",
        "code": None,
    }
    assert not machine.told.exists()
    assert machine.files() == []


def test_scancel_gets_a_number_and_a_job_that_is_gone_is_no_error(machine: Machine) -> None:
    machine.program("scancel")
    assert machine.ask(action="cancel", job="12") == {}
    assert json.loads(machine.told.read_text())["argv"] == ["12"]
    machine.program("scancel", err="scancel: error: Invalid job id 12\n", code=1)
    assert machine.ask(action="cancel", job="12") == {}
    machine.told.unlink()
    for job in ("", "-u kim", "12\n", "1_2", "--user=kim"):
        assert machine.ask(action="cancel", job=job)["error"] == f"{job!r} is no job id."
    assert not machine.told.exists()


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (b"", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        (b"\xff", "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: "
                  "invalid start byte"),
        (b"[" * 200_000, "RecursionError: maximum recursion depth exceeded while decoding a JSON "
                         "array from a unicode string"),
        (b"[]", "TypeError: list indices must be integers or slices, not str"),
        (b"{}", "KeyError: 'action'"),
        (b'{"action": "shell"}', "KeyError: 'shell'"),
        (b'{"action": ["log"]}', "TypeError: unhashable type: 'list'"),
        (b'{"action": "log", "hub": 1}', "TypeError: hub is no str"),
        (b'{"action": "log", "hub": "h", "server": "s", "attempt": true}',
         "TypeError: attempt is no int"),
        (b'{"action": "log", "hub": "h", "server": "s", "attempt": 1e999}',
         "TypeError: attempt is no int"),
        (b'{"action": "forget", "hub": "..", "server": "s"}',
         "ValueError: '..' can't be part of a session's path"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_answered(machine: Machine, text: bytes, detail: str) -> None:
    assert machine.send(text) == {"error": ASKED_WRONGLY, "detail": detail, "code": None}


def test_a_request_is_at_most_a_mebibyte(machine: Machine) -> None:
    assert machine.send(b" " * (1 << 20) + b"{}") == {
        "error": "The request is larger than 1048576 bytes.",
        "detail": "",
        "code": None,
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = "hub server attempt inherit files options script job lines task slurm".split()


@settings(max_examples=200)
@given(
    st.sampled_from([*launcher.ACTIONS, "shell"]),
    st.dictionaries(st.sampled_from(FIELDS), JSON),
)
def test_whatever_is_asked_the_answer_is_json_and_no_file_is_left(
    tmp_path_factory: pytest.TempPathFactory, action: str, fields: dict[str, Any]
) -> None:
    # Not the fixture: one folder for each example.
    machine = Machine(tmp_path_factory.mktemp("machine"))
    good = {"attempt": 1, "inherit": 0, "lines": 5, "job": "1"} | {
        "files": {"token": "t"},
        "options": [],
        "script": "",
    }
    before = sorted(machine.home.parent.rglob("*"))
    reply = machine.ask(**{**good, "action": action, **fields})
    assert json.loads(json.dumps(reply)) == reply
    # There is no Slurm here, so nothing can have been submitted or cancelled.
    assert set(reply) == {"error", "detail", "code"} or reply in ({}, {"text": ""})
    left = {path for path in machine.home.parent.rglob("*") if not path.is_dir()}
    assert left <= set(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can mount a file system to fill.")
def test_a_full_home_and_a_missing_one_are_told_in_words(machine: Machine) -> None:
    machine.program("sbatch", out="7\n")
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(machine.home)], check=True
    )
    try:
        # The folders and the first file fit, and the second does not.
        assert machine.submit(files={"session.json": "{}", "token": "t" * 100_000}) == {
            "error": "Your home on the cluster is full. Delete files that you don't need, then "
            "start the session again.",
            "detail": "[Errno 28] No space left on device",
            "code": None,
        }
        assert machine.files() == []
    finally:
        subprocess.run(["umount", str(machine.home)], check=True)
    machine.home.rmdir()
    assert machine.submit() == {
        "error": f"Your account has no home on this cluster yet: there is no {machine.home}. Log "
        "in to the cluster once, or ask the operators.",
        "detail": "",
        "code": None,
    }
    assert not machine.home.exists()
    assert not machine.told.exists()


def test_a_home_that_can_not_be_used_is_told_with_the_systems_words(machine: Machine) -> None:
    (machine.home / ".local").write_text("a file")
    assert machine.submit() == {
        "error": "The session's files can't be written in your home on the cluster. Please tell "
        "the operators, with the words below.",
        "detail": f"[Errno 20] Not a directory: '{machine.state}/logs/uio'",
        "code": None,
    }


def test_it_takes_the_group_of_the_rule_and_no_other_argument(tmp_path: Path) -> None:
    def answer(*arguments: str) -> str:
        return str(launcher.answer(arguments, io.BytesIO(b"{}"), account(tmp_path))["error"])

    assert answer() == ASKED_WRONGLY
    assert answer("no-such-group").startswith("The launcher's rule names the group no-such-group")
    assert answer("a", "b") == "The launcher takes one argument, the group, and got 2."


@pytest.mark.timeout(60)
def test_the_program_answers_json_whatever_its_environment_says(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "spawners.unix.launcher", "one", "two"],
        input=b"\xff",
        capture_output=True,
        cwd=tmp_path,
        env={"LC_ALL": "en_US.ISO-8859-1", "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
        check=True,
    )
    assert done.stderr == b""
    assert json.loads(done.stdout) == {
        "error": "The launcher takes one argument, the group, and got 2.",
        "detail": "",
        "code": None,
    }


@pytest.mark.timeout(60)
def test_it_answers_in_time_also_when_nothing_comes_or_a_home_does_not_answer() -> None:
    # Of the program only its patience and who may run it is another; the pipe is never closed.
    program = (
        "from spawners.unix import launcher\n"
        "launcher.SECONDS = 1\n"
        "launcher.accounts.refusal = lambda *_: ''\n"
        "launcher.main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        assert json.load(process.stdout) == {
            "error": "The launcher did not answer within 1 s.",
            "detail": "",
            "code": None,
        }
    assert process.returncode == 0


def test_it_starts_with_little() -> None:
    # One for each session of a class, at once: 27 ms of CPU instead of 46 (2 cores, Python 3.11).
    program = "import sys, spawners.unix.launcher; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True)
    heavy = {"subprocess", "tempfile", "shutil", "typing", "random", "threading", "inspect", "ssl"}
    assert heavy & set(done.stdout.split()) == set()

"""Where there can be no sandbox, and the one without namespaces."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sandboxes

from lesesal_notebook.kernels.sandbox import JOB, Limits, Sandbox, SandboxError

pytestmark = pytest.mark.skipif(bool(sandboxes.missing()), reason=sandboxes.missing())
ASK = "from lesesal_notebook.kernels import sandbox; print(sandbox.possible())"
MB = 1_000_000


def ask(*before: str) -> str:
    argv = ["timeout", "60", *before, sys.executable, "-c", ASK]
    env = {"PYTHONPATH": str(sandboxes.EXTENSIONS)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.strip()


AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def test_here_it_is_possible() -> None:
    assert ask() == ask(*AS_NOBODY) == ""


def test_no_user_namespaces_are_said() -> None:
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    said = ask("unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh")
    assert (
        said == "This machine allows no user namespaces: set the sysctl user.max_user_namespaces."
    )


def test_another_refusal_is_named() -> None:
    covered = 'mount --bind /dev/null /proc/uptime && exec "$@"'
    said = ask("unshare", "--mount", "sh", "-c", covered, "sh", *AS_NOBODY)
    assert said == (
        "This machine does not let a sandbox be made: mount /proc gave “Operation not permitted”."
        " docs/sandbox.md says what it needs."
    )


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SandboxError, match="no sandbox of the kind 'none'"):
        Sandbox.from_dict({"kind": "none"})
    with pytest.raises(SandboxError, match="no description"):
        Sandbox.from_dict({"walls": 4})


def test_a_description_comes_back_as_it_was() -> None:
    full = Sandbox(
        JOB, Limits(3.0, processes=7), "/a", "/b", (("/c", "/d"),), ("/e",), 2, (("A", "1"),)
    )
    assert Sandbox.from_dict(json.loads(json.dumps(full.to_dict()))) == full
    others = {"limits": {"seconds": 3, "cell_seconds": 30.0, "output_bytes": 5}}
    assert Sandbox.from_dict(others) == Sandbox(limits=Limits(seconds=3))


def test_a_job_has_limits_and_leaves_nothing(tmp_path: Path) -> None:
    user = sandboxes.NOBODY
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o055)
    scratch = tmp_path / "scratch"
    files = tmp_path / "files"
    for folder in (scratch, files):
        folder.mkdir()
        os.chown(folder, user, user)
    (files / "mine.txt").write_text("mine")
    (files / "link").symlink_to("/etc/passwd")
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "data.csv").write_text("1,2")
    code = """
    import ctypes, json, os, time
    said = [sorted(os.listdir(".")), open("data.csv").read(), os.getcwd() == os.environ["HOME"]]
    said.append([name for name in os.environ if "TOKEN" in name])
    said.append(ctypes.CDLL(None).unshare(0x10000000))
    print(json.dumps(said), flush=True)
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(1000)
            os._exit(0)
    # More than it may have, and less than it can get, however late that is seen.
    kept = [bytearray(b"x") * (1 << 22) for _ in range(75)]
    time.sleep(1000)
    """
    sandbox = Sandbox(JOB, Limits(memory_bytes=200 * MB, processes=200), str(files), str(shared))
    ended = sandboxes.one(
        sandbox, code, user=user, environment={"TMPDIR": str(scratch), "HUB_TOKEN": "x"}
    )
    said = json.loads(ended.output.splitlines()[0])
    assert said == [["data.csv", "mine.txt"], "1,2", True, [], -1]
    assert (ended.account["limit"], ended.status) == ("memory", -signal.SIGKILL)
    assert list(scratch.iterdir()) == []


def test_a_job_cannot_move_data_sets_or_be_root() -> None:
    user = sandboxes.NOBODY
    moved = sandboxes.one(Sandbox(JOB, datasets=(("/usr", "/data"),)), "print(1)", user=user)
    assert moved.account == {
        "error": "Without namespaces the data set /usr can't be seen at /data."
    }
    root = sandboxes.one(Sandbox(JOB), "print(1)")
    assert root.account == {
        "error": "A kernel without namespaces needs a user of its own: it can't be root."
    }
    there = sandboxes.one(Sandbox(JOB, datasets=(("/usr", "/usr"),)), "print(1)", user=user)
    assert there.output == "1\n"


def test_a_job_finds_data_sets_in_its_home() -> None:
    """As courses name them; a link, since nothing can be mounted."""
    code = """
    from lesesal_notebook.datasets import dataset
    print(dataset("programs"), (dataset("programs") / "bin").is_dir())
    """
    user = sandboxes.NOBODY
    wanted = ("/usr", "/home/student/datasets/optics/programs")
    there = sandboxes.one(Sandbox(JOB, datasets=(wanted,)), code, user=user)
    assert there.output.endswith("/datasets/optics/programs True\n")
    gone = sandboxes.one(Sandbox(JOB, datasets=(("/gone", wanted[1]),)), code, user=user)
    assert gone.account == {"error": "The data set /gone is not on this machine."}

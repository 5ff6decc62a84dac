"""What code in a sandbox finds: files, data sets, libraries; and that a notebook's tools work."""

import json
import os
from pathlib import Path

import pytest
import sandboxes

from lesesal_notebook.kernels.sandbox import Limits, Sandbox

pytestmark = pytest.mark.skipif(bool(sandboxes.missing()), reason=sandboxes.missing())
TREE = """
import json, os
found = {}
for folder, _, names in os.walk("."):
    for name in names:
        path = os.path.join(folder, name)[2:]
        try:
            with open(path, "r+") as file:
                writable = True
        except OSError:
            writable = False
        found[path] = [os.path.islink(path), open(path).read(), writable, os.stat(path).st_uid]
print(json.dumps(found))
"""


@pytest.fixture(params=[0, sandboxes.NOBODY], ids=["root", "nobody"])
def user(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def place(tmp_path: Path, user: int) -> Path:
    """A folder that only the user who makes the sandbox can enter."""
    for folder in tmp_path.parents[:-1]:
        folder.chmod(folder.stat().st_mode | 0o011)
    os.chown(tmp_path, user, user)
    tmp_path.chmod(0o700)
    return tmp_path


def given(place: Path, user: int, **files: str) -> str:
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    for folder, _, names in os.walk(place):
        for name in (".", *names):
            os.chown(Path(folder, name), user, user)
    return str(place)


def test_regular_files_are_copied_and_links_are_not(user: int, place: Path) -> None:
    files = given(place / "files", user, **{"notes.txt": "mine", "sub/deep/more.txt": "too"})
    secret = place / "secret"
    secret.write_text("secret")
    secret.chmod(0o644)
    Path(files, "to-file").symlink_to(secret)
    Path(files, "to-folder").symlink_to(place)
    Path(files, "sub", "out").symlink_to("../../secret")
    os.link(secret, Path(files, "hard"))
    os.mkfifo(Path(files, "pipe"))
    os.mknod(Path(files, "device"), 0o020666, os.makedev(1, 3))
    ended = sandboxes.one(Sandbox(files=files), TREE, user=user)
    assert json.loads(ended.output) == {
        "notes.txt": [False, "mine", True, 1000],
        "sub/deep/more.txt": [False, "too", True, 1000],
        "hard": [False, "secret", True, 1000],
    }
    assert Path(files, "notes.txt").read_text() == "mine"


def test_the_assignments_own_files_are_in_front_and_read_only(user: int, place: Path) -> None:
    files = given(
        place / "files",
        user,
        **{
            "data.csv": "forged",
            "sub/table.csv": "forged",
            "sub/mine.txt": "mine",
            "lib": "forged",
        },
    )
    shared = given(
        place / "shared",
        user,
        **{
            "data.csv": "1,2",
            "sub/table.csv": "3,4",
            "lib/helper.py": "x = 1",
            "more/a/b.txt": "b",
        },
    )
    Path(shared, "link").symlink_to("/etc/passwd")
    ended = sandboxes.one(Sandbox(files=files, shared=shared), TREE, user=user)
    found = json.loads(ended.output)
    assert {path: each[1:3] for path, each in found.items()} == {
        "data.csv": ["1,2", False],
        "sub/table.csv": ["3,4", False],
        "sub/mine.txt": ["mine", True],
        "lib/helper.py": ["x = 1", False],
        "more/a/b.txt": ["b", False],
    }


def test_data_sets_are_seen_where_they_are_wanted(user: int, place: Path) -> None:
    folder = given(place / "images", user, **{"one.txt": "1"})
    file = str(Path(given(place / "single", user, **{"table.csv": "2"}), "table.csv"))
    sandbox = Sandbox(
        datasets=((folder, "/data/images"), (file, "/home/student/data/table.csv")),
        readable=(folder,),
    )
    code = f"""
    print(open("/data/images/one.txt").read(), open("data/table.csv").read(),
          open("{folder}/one.txt").read())
    for path in ("/data/images/one.txt", "/data/new", "/data/images/new", "data/table.csv"):
        try:
            open(path, "a")
            print("wrote", path)
        except OSError:
            pass
    """
    assert sandboxes.one(sandbox, code, user=user).output == "1 2 1\n"


@pytest.mark.parametrize(
    ("dataset", "says"),
    [
        (("/nowhere/at/all", "/data"), "The data set /nowhere/at/all is not on this machine."),
        (("/usr", "data"), "A data set can't be seen at 'data': it is no absolute path."),
        (
            ("/usr/share", "/usr/data"),
            "/usr/share can't be seen at /usr/data: Read-only file system.",
        ),
    ],
)
def test_what_cannot_be_shown_is_said(user: int, dataset: tuple[str, str], says: str) -> None:
    ended = sandboxes.one(Sandbox(datasets=(dataset,)), "print('ran')", user=user)
    assert ended.account == {"error": says}
    assert ended.output == ""


def test_files_beyond_the_scratch_size_are_said(user: int, place: Path) -> None:
    files = given(place / "files", user, large="x" * 3_000_000)
    sandbox = Sandbox(files=files, limits=Limits(scratch_bytes=1_000_000))
    ended = sandboxes.one(sandbox, "print('ran')", user=user)
    assert "No space left on device" in ended.account["error"]


def test_numbers_plots_programs_and_time(user: int) -> None:
    code = """
    import datetime, os, pwd, socket, subprocess, sys, tempfile
    import numpy
    import matplotlib
    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    print(float(numpy.linalg.norm(numpy.ones((200, 200)) @ numpy.ones((200, 200)))))
    plt.plot([1, 2]); plt.title("åøæ"); plt.savefig("plot.png")
    print(os.path.getsize("plot.png") > 1000)
    done = subprocess.run([sys.executable, "-c", "import numpy; print(6 * 7)"],
        capture_output=True, text=True)
    print(done.stdout.strip() or done.stderr)
    with open("run.sh", "w") as file:
        file.write("#!/bin/sh\\necho $HOME $(whoami) $(hostname)")
    os.chmod("run.sh", 0o755)
    print(subprocess.run(["./run.sh"], capture_output=True, text=True).stdout.strip())
    print(pwd.getpwuid(os.getuid()).pw_dir, socket.gethostbyname("localhost"))
    print(datetime.datetime(2026, 7, 1, tzinfo=datetime.UTC).astimezone().utcoffset())
    from multiprocessing import get_context
    with get_context("fork").Pool(2) as pool:
        print(pool.map(abs, [-1, -2]))
    print(os.path.dirname(tempfile.mkstemp()[1]))
    import lesesal_notebook
    """
    ended = sandboxes.one(
        Sandbox(),
        code,
        user=user,
        preload=("numpy", "matplotlib.font_manager"),
        environment={"TZ": "Europe/Oslo", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert ended.output.splitlines() == [
        "40000.0",
        "True",
        "42",
        "/home/student student sandbox",
        "/home/student 127.0.0.1",
        "2:00:00",
        "[1, 2]",
        "/tmp",
    ]
    assert ended.account["status"] == 0

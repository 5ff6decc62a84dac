"""What code in a sandbox can't see, reach or become; made by root and by an ordinary user."""

import ctypes
import json
import os
import socket
from pathlib import Path

import pytest
import sandboxes

from lesesal_notebook.kernels.sandbox import Sandbox

pytestmark = pytest.mark.skipif(bool(sandboxes.missing()), reason=sandboxes.missing())
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(params=[0, sandboxes.NOBODY], ids=["root", "nobody"])
def user(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_nothing_of_the_machine_is_there(user: int, tmp_path: Path) -> None:
    secret = tmp_path / "gradebook.db"
    secret.write_text("secret")
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o055)
    places = [str(secret), str(REPOSITORY / "tests"), str(REPOSITORY / ".git"), "/etc/shadow"]
    places += ["/root", "/srv", "/var", "/run", "/sys", "/boot", "/mnt", "/dev/pts", "/dev/vda"]
    places += ["/.old", "/.scratch", "/proc/1/root", "/proc/1/environ", "/proc/sysrq"]
    ended = sandboxes.one(
        Sandbox(environment=(("NBGRADER_EXECUTION", "autograde"),)),
        f"""
        import json, os
        descriptors = sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1]
        found = [path for path in {places!r} if os.path.lexists(path)]
        names = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
        shown = []
        for name in names:
            shown += open(f"/proc/{{name}}/environ", "rb").read().split(bytes(1))
        print(json.dumps(dict(
            found=found,
            others=[name for name in names if name != os.getpid()],
            token=[line.decode() for line in shown if b"TOKEN" in line or b"hub" in line],
            environment=dict(os.environ), libc=os.popen("env").read(),
            who=[os.getuid(), os.getgid(), os.getgroups(), os.getcwd(), os.listdir(".")],
            root=sorted(os.listdir("/")), home=os.listdir("/home"), sids=os.getsid(0),
            descriptors=descriptors,
        )))
        """,
        user=user,
        environment={"JUPYTERHUB_API_TOKEN": "TOKEN", "SLURM_JOB_ID": "hub", "TZ": "Europe/Oslo"},
    )
    said = json.loads(ended.output)
    assert said["found"] == said["others"] == said["token"] == []
    assert "TOKEN" not in said["libc"]
    assert "TZ=Europe/Oslo" in said["libc"]
    assert said["environment"]["NBGRADER_EXECUTION"] == "autograde"
    assert not [name for name in said["environment"] if name.startswith(("JUPYTER", "SLURM"))]
    home = "/home/student"
    assert said["who"] == [1000, 1000, said["who"][2], home, []]
    assert set(said["who"][2]) <= {1000}
    assert said["home"] == ["student"]
    assert {"proc", "dev", "etc", "usr", "tmp", "home"} <= set(said["root"])
    assert said["descriptors"] == [0, 1, 2]


ATTEMPTS = """
import ctypes, glob, os, signal, socket, sys

libc = ctypes.CDLL(None, use_errno=True)
here = os.getpid()

def call(*words):
    if libc.syscall(*words) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def write(path):
    with open(path, "w") as file:
        file.write("0")

def changed(flags):
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")

attempts = {
    "mount": lambda: call(165, b"x", b"/tmp", b"tmpfs", 0, None),
    "umount": lambda: call(166, b"/tmp", 2),
    "mount_setattr": lambda: call(442, -100, b"/usr", 0, bytes(32), 32),
    "user": lambda: changed(0x10000000), "mounts": lambda: changed(0x20000),
    "network": lambda: changed(0x40000000), "clone": lambda: call(56, 0x10000011, 0, 0, 0, 0),
    "clone3": lambda: call(435, bytes(64), 64),
    "setns": lambda: call(308, os.open("/proc/self/ns/user", os.O_RDONLY), 0),
    "ptrace": lambda: call(101, 16, 1, None, None),
    "keys": lambda: call(250, 0, -3, 1), "bpf": lambda: call(321, 0, bytes(72), 72),
    "perf": lambda: call(298, bytes(128), 0, -1, -1, 0),
    "io_uring": lambda: call(425, 8, bytes(120)),
    "uffd": lambda: call(323, 0), "by handle": lambda: call(304, -100, bytes(16), 0),
    "setuid": lambda: os.setuid(0), "setgid": lambda: os.setgid(0),
    "groups": lambda: os.setgroups([0]), "chroot": lambda: os.chroot("/tmp"),
    "chown": lambda: os.chown("/home/student", 0, 0),
    "device": lambda: os.mknod("/tmp/vda", 0o60666, os.makedev(254, 0)),
    "priority": lambda: os.nice(-5), "hostname": lambda: socket.sethostname("x"),
    "vsock": lambda: socket.socket(40, socket.SOCK_STREAM),
    "packets": lambda: socket.socket(17, socket.SOCK_RAW),
    "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "resources": lambda: __import__("resource").setrlimit(6, (9999, 9999)),
    "sysctl": lambda: write("/proc/sys/kernel/core_pattern"),
    "namespaces": lambda: write("/proc/sys/user/max_user_namespaces"),
    "map": lambda: write("/proc/self/uid_map"), "oom": lambda: write("/proc/self/oom_score_adj"),
    "sysrq": lambda: write("/proc/sysrq-trigger"), "memory": lambda: open("/proc/1/mem", "rb"),
    "init's files": lambda: os.listdir("/proc/1/fd"), "kcore": lambda: open("/proc/kcore", "rb"),
}
for folder in {*sys.path, sys.prefix, "/", "/usr/bin", "/etc", "/dev", "/home", "/work"}:
    # Above what is shown below /tmp, folders of the sandbox's own are made.
    if os.path.isdir(folder) and not folder.startswith("/tmp/"):
        attempts[f"write {folder}"] = lambda folder=folder: write(f"{folder}/sitecustomize.py")
for name, attempt in attempts.items():
    try:
        attempt()
    except (OSError, ValueError):
        continue
    if os.getpid() == here:
        print("could:", name)
    else:
        os._exit(0)
os.kill(1, signal.SIGKILL)
print("Cap", {line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")})
print("the end")
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="Its numbers are of x86_64.")
def test_nothing_can_be_changed_or_become(user: int) -> None:
    ended = sandboxes.one(Sandbox(), ATTEMPTS, user=user)
    assert ended.output == "Cap {'0000000000000000'}\nthe end\n"
    assert ended.account["status"] == 0


def test_set_user_id_programs_give_nothing(user: int) -> None:
    ended = sandboxes.one(
        Sandbox(),
        """
        import subprocess
        for words in ("su -c id", "mount -t tmpfs x /tmp", "unshare -r id", "newgrp root"):
            program = words.split()
            try:
                print(subprocess.run(program, capture_output=True, timeout=5, input=b"").returncode)
            except FileNotFoundError:
                print(127)
        """,
        user=user,
    )
    assert "0" not in ended.output.split()


def test_no_socket_of_the_machine_answers(user: int) -> None:
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0lesesal-test-{os.getpid()}")
    abstract.listen()
    with abstract, socket.create_server(("127.0.0.1", 0)) as listener:
        ended = sandboxes.one(
            Sandbox(),
            f"""
            import socket
            for family, address in (
                (socket.AF_INET, ("127.0.0.1", {listener.getsockname()[1]})),
                (socket.AF_INET, ("192.0.2.1", 80)),
                (socket.AF_UNIX, {abstract.getsockname()!r}),
            ):
                try:
                    socket.socket(family).connect(address)
                    print("reached", address)
                except OSError as error:
                    print(error.errno)
            for name, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                with socket.create_server((address, 0), family=name) as server:
                    socket.create_connection(server.getsockname()[:2]).close()
            """,
            user=user,
        )
    assert ended.output.split() == ["111", "101", "111"]


def test_shared_memory_of_the_machine_is_not_there() -> None:
    libc = ctypes.CDLL(None)
    key, create, remove = os.getpid(), 0o1666, 0
    segment = libc.shmget(key, 4096, create)
    assert segment >= 0
    try:
        code = f"import ctypes; print(ctypes.CDLL(None).shmget({key}, 4096, 0))"
        assert sandboxes.one(Sandbox(), code).output == "-1\n"
    finally:
        libc.shmctl(segment, remove, None)


def test_another_sandbox_is_not_there(user: int) -> None:
    look = """
    import os, pathlib, time
    mine = pathlib.Path("/tmp/mine"), pathlib.Path("/dev/shm/mine"), pathlib.Path("mine")
    print([path for path in mine if path.exists()])
    for path in mine:
        path.touch()
    print([name for name in os.listdir("/proc") if name.isdigit()] == [str(os.getpid())])
    time.sleep(0.5)
    """
    done = sandboxes.run((Sandbox(), look), (Sandbox(), look), user=user)
    assert done.left == []
    assert [each.output for each in done.ended] == ["[]\nTrue\n"] * 2


def test_nothing_outlives_the_kernel(user: int) -> None:
    ended = sandboxes.one(
        Sandbox(),
        """
        import os, signal, time
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        for _ in range(5):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True:
                        time.sleep(1)
                os._exit(0)
        time.sleep(0.1)
        raise SystemExit(7)
        """,
        user=user,
    )
    assert (ended.status, ended.account["status"]) == (7, 7)

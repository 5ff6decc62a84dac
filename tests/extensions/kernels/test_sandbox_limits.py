"""How much code in a sandbox may use, by control groups (root) and by watching (others)."""

import signal

import pytest
import sandboxes

from lesesal_notebook.kernels.sandbox import Limits, Sandbox

pytestmark = pytest.mark.skipif(bool(sandboxes.missing()), reason=sandboxes.missing())
MB = 1_000_000
SMALL = Limits(memory_bytes=200 * MB, processes=30, scratch_bytes=50 * MB, file_bytes=20 * MB)

# Three hundred megabytes: more than they may have, however late that is seen.
HOARDS = {
    "one": """
        kept = [bytearray(b"x") * (1 << 22) for _ in range(72)]
        time.sleep(100)
        """,
    "at once": "bytearray(b'x') * (2000 << 20)",
    "children": """
        for _ in range(28):
            if os.fork() == 0:
                block = bytearray(b"x") * (10 << 20)
                time.sleep(100)
            time.sleep(0.05)
        time.sleep(100)
        """,
    "shared": """
        kept = []
        for _ in range(36):
            kept.append(mmap.mmap(-1, 8 << 20))
            kept[-1].write(b"x" * (8 << 20))
        time.sleep(100)
        """,
    "in no process": """
        kept = []
        for _ in range(36):
            kept.append(os.memfd_create("x"))
            os.write(kept[-1], b"x" * (8 << 20))
        time.sleep(100)
        """,
}


@pytest.fixture(params=[0, sandboxes.NOBODY], ids=["cgroup", "watch"])
def user(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.parametrize("way", HOARDS)
def test_memory_of_all_together(user: int, way: str) -> None:
    code = f"import mmap, os, time\n{HOARDS[way]}"
    text = "\n".join(line.removeprefix(" " * 8) for line in code.splitlines())
    ended = sandboxes.one(Sandbox(limits=SMALL), text, user=user)
    assert ended.account["by"] == ("watch" if user else "cgroup")
    if user and way in ("at once", "in no process"):
        # The one asks for more than a process may have, the other does not exist here.
        assert ended.status == 1
        assert "MemoryError" in ended.output or "Function not implemented" in ended.output
        return
    assert (ended.account["limit"], ended.status) == ("memory", -signal.SIGKILL)
    assert 100 * MB < ended.account["memory_bytes"] < 400 * MB


def test_cpu_time_of_all_together(user: int) -> None:
    limits = Limits(cpu_seconds=0.5)
    code = """
    import os
    for _ in range(3):
        os.fork()
    while True:
        pass
    """
    ended = sandboxes.one(Sandbox(limits=limits), code, user=user)
    assert (ended.account["limit"], ended.status) == ("cpu", -signal.SIGKILL)
    # Before each of the eight has come to its own limit, which is two.
    assert 0.5 < ended.account["cpu_seconds"] < 8 * 2


def test_cpu_time_of_short_lives_counts(user: int) -> None:
    code = """
    import os, resource, time
    for _ in range(10):
        if os.fork() == 0:
            end = time.process_time() + 0.06
            while time.process_time() < end:
                pass
            os._exit(0)
        os.wait()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(sum(each.ru_utime + each.ru_stime for each in used))
    """
    ended = sandboxes.one(Sandbox(), code, user=user)
    assert ended.account["limit"] == ""
    # Once: twice would be so much more.
    assert 0.6 < ended.account["cpu_seconds"] < float(ended.output) + 0.5


def test_a_fork_bomb_stays_where_it_is(user: int) -> None:
    bomb = """
    import os
    while True:
        try:
            os.fork()
        except OSError:
            pass
    """
    honest = """
    import time
    began = time.monotonic()
    for _ in range(20):
        time.sleep(0.01)
        sum(range(10_000))
    print(time.monotonic() - began < 30)
    """
    limits = Limits(processes=30, cpu_seconds=1.0)
    done = sandboxes.run(
        (Sandbox(limits=limits), bomb), (Sandbox(), honest), (Sandbox(), honest), user=user
    )
    assert done.left == []
    assert [each.output for each in done.ended[1:]] == ["True\n", "True\n"]
    assert done.ended[0].account["limit"] == "cpu"


def test_threads_are_counted(user: int) -> None:
    code = """
    import threading
    waiting = threading.Event()
    made = []
    try:
        while len(made) < 200:
            made.append(threading.Thread(target=waiting.wait, daemon=True))
            made[-1].start()
    except RuntimeError:
        pass
    print(len(made), flush=True)
    """
    ended = sandboxes.one(Sandbox(limits=SMALL), code, user=user)
    assert 25 <= int(ended.output) <= 31
    assert ended.account["limit"] == ("" if user else "processes")


def test_files_have_their_size_and_number(user: int) -> None:
    code = """
    import errno, os
    def fill(path, size, count=1):
        try:
            for number in range(count):
                with open(f"{path}{number}", "wb", buffering=0) as file:
                    for _ in range(size >> 16):
                        file.write(b"x" * (1 << 16))
        except OSError as error:
            return errno.errorcode[error.errno]
        return "fine"
    print(fill("a", 30 << 20))
    os.unlink("a0")
    print(fill("b", 9 << 20), fill("/tmp/c", 9 << 20), fill("/dev/shm/d", 25 << 20, 2))
    os.unlink("b0")
    print(fill("/tmp/e", 0, 30_000))
    """
    ended = sandboxes.one(Sandbox(limits=SMALL), code, user=user)
    assert ended.output.split() == ["EFBIG", "fine", "fine", "EFBIG", "ENOSPC"]
    assert ended.account["limit"] == ""


def test_a_full_disk_is_an_error_and_not_the_end(user: int) -> None:
    limits = Limits(memory_bytes=200 * MB, scratch_bytes=1000 * MB)
    code = """
    try:
        with open("filling", "wb") as file:
            while True:
                file.write(b"x" * (1 << 22))
    except OSError as error:
        print(error.strerror)
    """
    ended = sandboxes.one(Sandbox(limits=limits), code, user=user)
    assert (ended.output, ended.account["limit"]) == ("No space left on device\n", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_all_ends_with_the_keeper(user: int, number: int) -> None:
    code = """
    import os, signal, time
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        os.fork()
    print("ready", flush=True)
    time.sleep(100)
    """
    done = sandboxes.run((Sandbox(), code), user=user, kill=number)
    assert done.seconds < sandboxes.SECONDS
    assert done.left == []
    if number == signal.SIGTERM:
        assert done.ended[0].account["status"] == -signal.SIGKILL
    assert done.ended[0].status == -signal.SIGKILL


def test_an_interrupt_reaches_the_kernel(user: int) -> None:
    code = """
    import time
    try:
        print("ready", flush=True)
        time.sleep(100)
    except KeyboardInterrupt:
        print("interrupted")
        raise SystemExit(3)
    """
    done = sandboxes.run((Sandbox(), code), user=user, kill=signal.SIGINT)
    assert done.ended[0].output == "ready\ninterrupted\n"
    assert done.ended[0].status == 3


def test_the_keeper_ends_as_the_kernel_did(user: int) -> None:
    ended = sandboxes.one(Sandbox(), "import os; os.abort()", user=user)
    assert (ended.status, ended.account["status"]) == (-signal.SIGABRT, -signal.SIGABRT)


def test_it_does_not_live_for_ever(user: int) -> None:
    code = """
    import time
    time.sleep(100)
    """
    ended = sandboxes.one(Sandbox(limits=Limits(seconds=-29.5)), code, user=user)
    assert ended.account["limit"] == "time"

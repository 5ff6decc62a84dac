"""What `sandboxes.run` starts inside the outer walls: forks, enters, runs the code, reports.

Reads one JSON object from stdin: ``sandboxes`` (several run beside each other), for each its
``sandbox`` and ``code``, and ``preload``. In the code, ``kept`` is a list of what was preloaded.
After ``kill``, a signal's number, it is sent to the keeper when the code has printed "ready".
"""

import contextlib
import importlib
import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from lesesal_notebook.kernels import sandbox


def start(wanted):
    told, report = os.pipe()
    output, out = os.pipe()
    pid = os.fork()
    if pid:
        os.close(report)
        os.close(out)
        return pid, told, output
    status = 1
    try:
        os.setsid()
        for each in (told, output):
            os.close(each)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.close(out)
        sandbox.enter(sandbox.Sandbox.from_dict(wanted["sandbox"]), report)
        sys.stdout = os.fdopen(1, "w", buffering=1)
        exec(compile(wanted["code"], "cell", "exec"), {"__name__": "__main__"})
        status = 0
    except sandbox.SandboxError as error:
        os.write(report, json.dumps({"error": str(error)}).encode() + b"\n")
    except SystemExit as error:
        status = error.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def end(started, kill):
    pid, told, output = started
    said = b""
    while block := os.read(output, 1 << 16):
        said += block
        if kill and b"ready" in said:
            os.kill(pid, kill)
            kill = None
    account = b""
    while block := os.read(told, 1 << 16):
        account += block
    used = os.wait4(pid, 0)
    return {
        "output": said.decode(errors="replace"),
        "account": json.loads(account or b"{}"),
        "status": os.waitstatus_to_exitcode(used[1]),
    }


def traces():
    """What a sandbox could leave behind."""
    with contextlib.suppress(ChildProcessError):  # this is process 1 here: orphans are its children
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    processes = [path.name for path in Path("/proc").glob("[0-9]*")]
    groups = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kind, path = line.split(":", 2)
        if kind in ("memory", "pids", "cpu", "cpuacct"):  # the outer walls' own group in each
            groups += map(str, Path(f"/sys/fs/cgroup/{kind}{path}").glob("lesesal-kernel-*"))
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    temporary = [str(path) for path in Path(tempfile.gettempdir()).glob("lesesal-kernel-*")]
    return sorted([*processes, *groups, *mounts, *temporary])


wanted = json.load(sys.stdin)
for name in wanted["preload"]:
    importlib.import_module(name)
sandbox.prepare()
before = traces()
began = time.monotonic()
started = [start(each) for each in wanted["sandboxes"]]
ended = [end(each, wanted["kill"]) for each in reversed(started)][::-1]
last = time.monotonic() + 30
while (left := sorted(set(traces()) - set(before))) and time.monotonic() < last:
    time.sleep(0.02)
print(json.dumps({"ended": ended, "left": left, "seconds": time.monotonic() - began}))

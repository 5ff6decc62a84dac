"""Stands in for `python -P -m lesesal_notebook.execution`, in the place of the interpreter.

A task's `task.json` says what comes of it: ``seconds`` that it takes, ``gate``, a file without
which it does not come to its end, and ``kills`` to end the worker that takes it.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-P", action="store_true")
    parser.add_argument("-m")
    parser.add_argument("run", type=Path)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--keys", type=Path)
    options = parser.parse_args()
    results = options.run / "results"
    results.mkdir(exist_ok=True)
    for key in options.keys.read_text().split():
        if (results / f"{key}.json").exists():
            continue
        task = json.loads((options.run / "tasks" / key / "task.json").read_text())
        print(json.dumps({"key": key, "event": "started"}), flush=True)
        if task.get("kills"):
            os.kill(os.getpid(), signal.SIGKILL)
        while "gate" in task and not Path(task["gate"]).exists():
            time.sleep(0.05)
        time.sleep(task.get("seconds", 0))
        with (options.run / "took").open("a") as took:
            took.write(f"{key} {os.environ['SLURMD_NODENAME']}\n")
        (results / f"{key}.tmp").write_text(json.dumps({"state": "graded", "gpus": gpus()}))
        (results / f"{key}.tmp").rename(results / f"{key}.json")
        print(json.dumps({"key": key, "event": "ended", "state": "graded"}), flush=True)


def gpus() -> str:
    return os.environ.get("CUDA_VISIBLE_DEVICES", "")


if __name__ == "__main__":
    sys.exit(main())

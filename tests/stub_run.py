"""A batch run that is no notebook: notes what it finds, and ends as its run's name says.

``fails-…`` ends with exit code 3, ``long-…`` waits to be ended and notes a warning before, any
other ends at once. Only the standard library: it starts in 50 ms.
"""

import json
import os
import pathlib
import signal
import sys
import time

folder = pathlib.Path(os.environ["LESESAL_SESSION_DIR"])
settings = json.loads((folder / "session.json").read_text())
run = settings["LESESAL_BATCH_RUN"]
seen = pathlib.Path.home() / "stub-runs" / run
task = os.environ.get("SLURM_ARRAY_TASK_ID", "1")


def note(name: str, text: str) -> None:
    """Write a file that is there whole or not at all."""
    temporary = seen / f".{name}"
    temporary.write_text(text)
    temporary.rename(seen / name)


print(f"task {task} of {run}", flush=True)  # before anybody knows that it runs
seen.mkdir(parents=True, exist_ok=True)
signal.signal(signal.SIGUSR1, lambda *_: note(f"{task}.warned", str(time.time())))
found = {
    "settings": settings,
    "files": sorted(path.name for path in folder.iterdir()),
    "environment": dict(os.environ),
    "arguments": sys.argv[1:],
    "pid": os.getpid(),
}
note(f"{task}.json", json.dumps(found))
if run.startswith("fails-"):
    sys.exit(3)
while run.startswith("long-"):
    time.sleep(0.2)

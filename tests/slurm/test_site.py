"""`make slurm` takes away all that it brought."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from classrooms import free_port
from deployed import CHECKOUT
from slurm_site import missing

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(600)]


def traces() -> dict[str, object]:
    """What a site could leave: accounts, names, rules, folders."""
    return {
        "accounts": Path("/etc/passwd").read_text(),
        "names": Path("/etc/hosts").read_text(),
        "rules": sorted(path.name for path in Path("/etc/sudoers.d").iterdir()),
        "folders": sorted(path.name for path in Path("/tmp").glob("lesesal-site-*")),
    }


def daemons() -> set[tuple[int, str]]:
    """Slurm's, munge's and MariaDB's processes of all sites on this machine."""
    return {
        (process.pid, process.info["name"])
        for process in psutil.process_iter(["name"])
        if process.info["name"].startswith(("slurm", "munge", "mariadb"))
    }


@pytest.mark.skipif(bool(missing()), reason="No real Slurm here: " + " ".join(missing()))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ending_it_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    before, others = traces(), daemons()
    output = tmp_path / "output"
    with output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, CHECKOUT / "tests" / "slurm_classroom.py"],
            env={**os.environ, "PORT": str(free_port())},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    deadline = time.monotonic() + 240
    while "Ctrl-C ends it all" not in output.read_text():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.2)
    assert traces() != before
    assert daemons() - others
    process.send_signal(number)
    assert process.wait(240) == 0
    assert traces() == before
    # Another site's may have ended meanwhile.
    assert daemons() <= others
    assert "Traceback" not in output.read_text()
    assert output.read_text().endswith("Everything is ended.\n")

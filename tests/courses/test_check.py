"""`lesesal check` on the embedded classroom: no Slurm, and no hub that runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from classrooms import free_port


def lesesal_check(*argv: object, code: int) -> str:
    """What it prints; its log does not matter."""
    done = subprocess.run(
        [sys.executable, "-m", "courses.cli", "check", *map(str, argv)],
        env={**os.environ, "PORT": str(free_port())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_no_configuration(tmp_path: Path) -> None:
    config = tmp_path / "nowhere.py"
    assert lesesal_check("--config", config, code=1) == (
        "\n"
        "this machine\n"
        f"failed    configuration: there is no {config}.\n"
        "          -> Name the hub's configuration with --config.\n"
        "\n"
        "0 ok, 0 warning, 1 failed, 0 skipped\n"
    )


def test_a_classroom_whose_hub_does_not_run(tmp_path: Path) -> None:
    said = lesesal_check("--json", "--home", tmp_path, "--user=kari", code=1)
    document = json.loads(said)
    here, job = "cluster here", "a job in here, as kari"
    # Whose account the tests run as, its limits, and how quick all is, are this machine's.
    own = {"account", "open files"}
    quick = re.compile(r"a session's imports take [0-9.]+ s\.")
    assert [
        (each["where"], each["name"], "ok" if quick.fullmatch(each["sentence"]) else each["state"])
        for each in document["findings"]
        if each["name"] not in own
    ] == [
        ("this machine", "configuration", "ok"),
        ("this machine", "proxy", "ok"),
        ("this machine", "cookie secret", "ok"),
        ("this machine", "database", "ok"),
        ("this machine", "hub", "warning"),
        (here, "answers", "ok"),
        (here, "nodes", "ok"),
        (here, "address", "ok"),
        ("offers of here, as kari", "offer cpu-small", "ok"),
        (job, "probe", "ok"),
        (job, "hub to node", "ok"),
        (job, "clock", "ok"),
        (job, "node to hub", "failed"),
        (job, "node to classroom", "failed"),
        (job, "home", "ok"),
        (job, "temporary files", "ok"),
        (job, "versions", "ok"),
        (job, "environment", "ok"),
        (job, "more hours", "ok"),
    ]
    assert not list((tmp_path / "sessions").glob("homes/*/.local/state/lesesal/sessions/*/*"))
    assert not list((tmp_path / "sessions").glob("jobs/*.json"))

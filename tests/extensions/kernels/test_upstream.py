"""ipykernel's own tests of its kernels, over forked ones; `make proof` gets them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from deployed import CHECKOUT

UPSTREAM = CHECKOUT / ".venv" / "upstream"
# Those that talk to a kernel of its own process; the rest is of ipykernel's parts.
ABOUT_KERNELS = (
    *("async", "comm", "connect", "debugger", "kernel", "message_spec", "subshell_wedge"),
    "subshells",
)


@pytest.mark.slow
@pytest.mark.skipif(not UPSTREAM.is_dir(), reason="make .venv/.stamps/upstream gets them")
@pytest.mark.timeout(900)
def test_ipykernels_own_tests_pass(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "upstream_plugin", "-c", os.devnull),
            *("--rootdir", str(UPSTREAM), "--timeout", "120", "-p", "no:cacheprovider"),
            *(str(UPSTREAM / "tests" / f"test_{name}.py") for name in ABOUT_KERNELS),
        ],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": f"{CHECKOUT / 'extensions'}:{Path(__file__).parent}:{UPSTREAM}",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    # 100 of ipykernel 7.4.0; six are for other systems.
    assert passed is not None
    assert int(passed[1]) > 80, done.stdout[-500:]

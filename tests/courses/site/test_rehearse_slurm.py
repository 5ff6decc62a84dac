"""A rehearsal as an operator runs it: the hub's account, a real Slurm, one account a student."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from hubs import until
from slurm_classroom import slurm_classroom
from slurm_site import missing, slurm_site

from courses.rehearsal import Step, synthetic

STUDENTS = 8


@pytest.mark.slurm
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(bool(missing()), reason=" ".join(missing()))
def test_a_class_on_a_real_slurm() -> None:
    with slurm_site(users=synthetic(STUDENTS)) as site, slurm_classroom(site) as classroom:

        def rehearse(*options: str) -> subprocess.CompletedProcess[str]:
            command = [site.deployed.hub, "-m", "courses.cli", "rehearse", f"--url={classroom.url}"]
            where = [f"--home={classroom.home}", "--course=ai-foundations"]
            return subprocess.run(
                [*site.as_hub(), *command, *where, *options],
                cwd=site.home,
                env={**os.environ, "HOME": str(site.home)},
                capture_output=True,
                text=True,
                check=False,
                timeout=400,
            )

        def nothing_runs() -> bool:
            return not site.machine.command("squeue", "--noheader").stdout.strip()

        done = rehearse(f"--students={STUDENTS}", "--within=4")
        assert done.returncode == 0, (
            done.stdout + done.stderr + classroom.output.read_text()[-6000:]
        )
        assert f"{STUDENTS} of {STUDENTS} students were in their notebooks" in done.stdout
        [path] = (classroom.home / "rehearsals").glob("*/report.json")
        report = json.loads(path.read_text())
        assert {step: each["count"] for step, each in report["steps"].items()} == dict.fromkeys(
            Step, STUDENTS
        )
        until(nothing_runs, "all jobs have ended")

        # One more than there are accounts: the site's own words say which is missing.
        one_more = rehearse(f"--students={STUDENTS + 1}", "--within=4")
        assert one_more.returncode == 1, one_more.stdout + one_more.stderr
        print(one_more.stdout)
        assert "1 failed to start: " in one_more.stdout
        assert f"{STUDENTS} of {STUDENTS + 1} students were in their notebooks" in one_more.stdout
        until(nothing_runs, "all jobs have ended")

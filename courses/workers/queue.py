"""Slurm, asked about one grading run, patiently: sbatch, squeue, scancel."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from courses.errors import WorkersError
from courses.language import gettext as _
from spawners.errors import ClusterSilent
from spawners.slurm.run import Answer, run

from . import arrays

Say = Callable[[str], None]


class Queue:
    """What Slurm has of a run.

    Args:
        run: the run's folder.
        conf: the cluster's slurm.conf; empty for Slurm's own default.
        bin: folder of Slurm's programs; empty for where ``squeue`` is on the PATH.
        say: takes a sentence when Slurm is silent, and when it answers again.
    """

    def __init__(self, run: Path, conf: str, bin: str, say: Say) -> None:  # noqa: A002
        self._run, self._conf, self._say = run, conf, say
        found = shutil.which("squeue")
        self._bin = bin or (str(Path(found).parent) if found else "/usr/bin")
        self._account = pwd.getpwuid(os.geteuid())
        self._silent = False

    def tasks(self) -> list[arrays.Task] | None:
        """All tasks of the run, in one question; None when Slurm does not answer."""
        try:
            answer = self._ask(arrays.squeue_argv(self._run, self._account.pw_name))
        except ClusterSilent as silent:
            self._is_silent(silent.detail)
            return None
        if answer.code != 0:
            self._is_silent(answer.err.strip())
            return None
        if self._silent:
            self._silent = False
            self._say(_("Slurm answers again."))
        return arrays.parse_squeue(answer.out)

    def submit(self, argv: Sequence[str], script: str, home: Path) -> str | None:
        """An array's job id; None when Slurm does not answer, and may have it all the same.

        Raises `WorkersError` when it is refused.
        """
        try:
            # A worker reads no configuration of the person's who has it started.
            answer = self._ask(argv, script, home)
        except ClusterSilent as silent:
            self._is_silent(silent.detail)
            return None
        if answer.code != 0:
            raise WorkersError(
                _(
                    "Slurm does not take the grading run: {detail} Choose another offer, or ask "
                    "the operators.",
                    detail=answer.err.strip().removeprefix("sbatch: "),
                )
            )
        # --parsable prints "id" or "id;cluster".
        return answer.out.strip().split(";")[0]

    def cancel(self, names: Iterable[str]) -> None:
        """End arrays, or single tasks; it is said when Slurm does not answer."""
        jobs = sorted(names)
        if not jobs:
            return
        try:
            self._ask(arrays.scancel_argv(jobs))
        except ClusterSilent:
            self._say(
                _(
                    "Slurm does not answer, so its jobs {jobs} are not cancelled. Cancel them with "
                    "scancel when it does.",
                    jobs=" ".join(jobs),
                )
            )

    def _is_silent(self, detail: str) -> None:
        if not self._silent:
            self._silent = True
            self._say(
                _(
                    "Slurm does not answer ({detail}). What it has begun goes on; the rest waits "
                    "until it answers.",
                    detail=detail,
                )
            )

    def _ask(self, argv: Sequence[str], stdin: str = "", home: Path | None = None) -> Answer:
        # sbatch hands its environment on to the tasks, so there is nothing else in it.
        environment = {
            "PATH": f"{self._bin}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home or self._account.pw_dir),
            "USER": self._account.pw_name,
            "LANG": "C.UTF-8",
            **({"SLURM_CONF": self._conf} if self._conf else {}),
        }
        program, *options = argv
        return asyncio.run(run([str(Path(self._bin, program)), *options], environment, stdin))

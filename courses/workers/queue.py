"""Slurm, asked about a grading run, patiently: sbatch, squeue, scancel."""

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
from spawners.slurm.words import waiting

from . import arrays

Say = Callable[[str], None]
# Reasons of a job at which Slurm has not looked yet, and of one that waits for its own array.
JUST_SUBMITTED = {"", "None", "WaitingForScheduling", "SchedDefer", "JobArrayTaskLimit"}


class Queue:
    """What Slurm has of a run.

    Args:
        conf: the cluster's slurm.conf; empty for Slurm's own default.
        bin: folder of Slurm's programs; empty for where ``squeue`` is on the PATH.
        say: takes a sentence when Slurm is silent, and when it answers again.
    """

    def __init__(self, conf: str, bin: str, say: Say) -> None:  # noqa: A002
        self._conf, self.say = conf, say
        found = shutil.which("squeue")
        self._bin = bin or (str(Path(found).parent) if found else "/usr/bin")
        self._account = pwd.getpwuid(os.geteuid())
        self._silent = False
        self._why = self._seen = ""

    def tasks(self, run: Path) -> list[arrays.Task] | None:
        """All tasks of a run's arrays, in one question; None when Slurm does not answer."""
        answer = self.ask(arrays.squeue_argv(run, self._account.pw_name))
        return None if answer is None else arrays.parse_squeue(answer)

    def ask(self, argv: Sequence[str]) -> str | None:
        """What Slurm answers; None when it does not."""
        try:
            answer = self._ask(argv)
        except ClusterSilent as silent:
            self.is_silent(silent.detail)
            return None
        if answer.code != 0:
            self.is_silent(answer.err.strip())
            return None
        if self._silent:
            self._silent = False
            self.say(_("Slurm answers again."))
        return answer.out

    def say_why(self, words: Iterable[str], *, runs: bool) -> None:
        """Say why what is left of a run waits, once it was seen so twice, and that it goes on.

        Args:
            words: Slurm's reasons of the jobs that wait.
            runs: whether some run: then the others are no news.
        """
        found = {str(waiting(word)) or word for word in words if word not in JUST_SUBMITTED}
        why = "" if runs else "; ".join(sorted(found))
        if why and why == self._seen and why != self._why:
            self._why = why
            self.say(_("What is left waits with Slurm: {why}.", why=why))
        elif runs and self._why:
            self._why = ""
            self.say(_("Slurm goes on with it."))
        self._seen = why

    def submit(self, argv: Sequence[str], script: str, home: Path) -> str | None:
        """An array's job id; None when Slurm does not answer, and may have it all the same.

        Raises `WorkersError` when it is refused.
        """
        try:
            # A worker reads no configuration of the person's who has it started.
            answer = self._ask(argv, script, home)
        except ClusterSilent as silent:
            self.is_silent(silent.detail)
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
            self.say(
                _(
                    "Slurm does not answer, so its jobs {jobs} are not cancelled. Cancel them with "
                    "scancel when it does.",
                    jobs=" ".join(jobs),
                )
            )

    def is_silent(self, detail: str) -> None:
        """Say that Slurm does not answer, once."""
        if not self._silent:
            self._silent = True
            self.say(
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

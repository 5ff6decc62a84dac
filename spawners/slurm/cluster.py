"""The product's cluster: the port over Slurm."""

from __future__ import annotations

import secrets
import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..errors import ClusterSilent, Refused, SubmitRefused
from ..jobs import Cluster, Job, JobId, JobSpec, SessionKey
from ..language import Sentence
from ..language import Sentence as _
from ..names import UNIX_ACCOUNT
from ..overview import Overview
from ..unix import files
from . import argv, words
from .parse import parse_squeue, refusal
from .parse_overview import parse_estimate, parse_overview
from .run import SILENT, Answer, launch, run

LAUNCHER = (
    "sudo",
    "-n",
    "-u",
    "{user}",
    "--",
    sys.executable,
    "-I",
    "-m",
    "spawners.unix.launcher",
)

# What sbatch --test-only refuses although sbatch would take it, and let it wait.
NOT_NOW = ("node configuration is not available", "invalid time specified")

ENDED = _("This session has ended. Start it again.")
DENIED = _(
    "This cluster does not let the hub lengthen sessions. Save your work, and start a new session "
    "after this one."
)
NO_MORE = {
    "permission denied": DENIED,
    "invalid user id": DENIED,
    "invalid job id": ENDED,
    "already finished": ENDED,
    "already complet": ENDED,
}
NOT_LONGER = _("The cluster did not lengthen the session. Save your work before it ends.")

_templates = Environment(
    loader=PackageLoader("spawners.slurm", "."),
    autoescape=False,  # noqa: S701 - a job script is no page; shlex quotes what goes in
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)


class SlurmCluster(Cluster):
    """Runs sessions as Slurm jobs of their users.

    Args:
        hub: the hub's id.
        conf: path of the cluster's slurm.conf; empty for Slurm's own default.
        bin: folder of Slurm's programs; empty for where ``squeue`` is on the hub's PATH.
        launcher: how to run the launcher in a user's name; ``{user}`` is the Unix account.
        group: the Unix group whose members it acts for, as the sudo rule says it; empty for none.
        prologue: shell lines that each job runs before its session, such as ``module load cuda``.
    """

    def __init__(
        self,
        hub: str,
        conf: str = "",
        bin: str = "",  # noqa: A002 - the operator's word for it
        launcher: Sequence[str] = LAUNCHER,
        group: str = "",
        prologue: str = "",
    ) -> None:
        self._hub = hub
        found = shutil.which("squeue")
        folder = bin or (str(Path(found).parent) if found else "/usr/bin")
        self._slurm = {"bin": folder, "conf": conf}
        self._launcher = (*launcher, *([group] if group else []))
        self._prologue = prologue

    async def submit(self, spec: JobSpec) -> JobId:
        """See `Cluster.submit`."""
        reply = await self._as_user(
            spec.username,
            spec.key,
            action="submit",
            attempt=spec.attempt,
            inherit=spec.inherit,
            files={**spec.files, **files.of(spec.token, spec.environment)},
            options=argv.sbatch_options(spec),
            script=job_script(spec, self._prologue),
        )
        if "error" in reply:
            raise _refused(reply)
        return str(reply["job"])

    async def snapshot(self) -> Mapping[JobId, Job]:
        """See `Cluster.snapshot`: one squeue, whatever the number of jobs."""
        mark = f"m{secrets.token_hex(8)}"  # a digit first would be the field's width
        answer = await self._ask(argv.squeue_argv(self._hub), argv.squeue_environment(mark))
        return parse_squeue(answer, self._hub, mark)

    async def overview(self) -> Overview:
        """See `Cluster.overview`: three questions, whatever the number of jobs and nodes."""
        at = time.time()
        nodes = await self._ask(argv.nodes_argv())
        reservations = await self._ask(argv.reservations_argv())
        queue = await self._ask(argv.queue_argv())
        return parse_overview(nodes, reservations, queue, at)

    async def expected_start(self, spec: JobSpec) -> float | None:
        """See `Cluster.expected_start`. Slurm looks past a partition that is DOWN."""
        reply = await self._as_user(
            spec.username, spec.key, action="estimate", options=argv.sbatch_options(spec)
        )
        if "error" not in reply:
            return parse_estimate(reply["text"])
        # These it says also of machines that are only closed just now, or not yet open.
        not_now = any(words in reply["detail"].lower() for words in NOT_NOW)
        if not_now and (await self.overview()).exists(spec.offer):
            return None
        raise _refused(reply)

    async def extend(self, job: JobId, username: str, hours: float) -> None:
        """See `Cluster.extend`. The hub's own account must be a Slurm operator."""
        answer = await self._run(argv.extend_argv(job, hours))
        if answer.code != 0:
            detail = answer.err.strip()
            raise Refused(refusal(detail, NO_MORE, NOT_LONGER), detail)

    async def cancel(self, job: JobId, username: str) -> None:
        """See `Cluster.cancel`."""
        key = SessionKey(self._hub, username, "-")
        reply = await self._as_user(username, key, action="cancel", job=job)
        if "error" in reply:
            raise ClusterSilent(_("The cluster did not end the session."), reply["detail"])

    async def log_tail(
        self, key: SessionKey, attempt: int, username: str, lines: int = 20, task: int = 0
    ) -> str:
        """See `Cluster.log_tail`."""
        reply = await self._as_user(
            username, key, action="log", attempt=attempt, lines=lines, task=task
        )
        return str(reply.get("text", ""))

    async def forget(self, key: SessionKey, username: str) -> None:
        """See `Cluster.forget`."""
        await self._as_user(username, key, action="forget")

    async def _ask(
        self, question: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> str:
        answer = await self._run(question, environment or {})
        if answer.code != 0:
            raise ClusterSilent(SILENT, answer.err.strip())
        return answer.out

    async def _run(self, command: Sequence[str], more: Mapping[str, str] | None = None) -> Answer:
        """Run one of Slurm's programs as the hub's own account."""
        environment = {"SLURM_TIME_FORMAT": "%s", "PATH": self._slurm["bin"], **(more or {})}
        if self._slurm["conf"]:
            environment["SLURM_CONF"] = self._slurm["conf"]
        program, *options = command
        return await run([str(Path(self._slurm["bin"]) / program), *options], environment)

    async def _as_user(self, username: str, key: SessionKey, **request: Any) -> dict[str, Any]:
        if not UNIX_ACCOUNT.fullmatch(username):
            raise SubmitRefused(
                _(
                    "The name '{name}' can't be an account on this cluster. Please tell the "
                    "operators.",
                    name=username,
                )
            )
        command = [part.format(user=username) for part in self._launcher]
        return await launch(
            command, {"hub": key.hub, "server": key.folder, "slurm": self._slurm, **request}
        )


def _refused(reply: Mapping[str, Any]) -> SubmitRefused:
    if reply["code"] is None:  # no program of Slurm's refused: the launcher has its own sentences
        return SubmitRefused(Sentence(reply["error"]), reply["detail"])
    return SubmitRefused(refusal(reply["detail"], words.REFUSALS, words.REFUSED), reply["detail"])


def job_script(spec: JobSpec, prologue: str = "") -> str:
    """The whole script of a job: the operator's lines, then the session or the batch run."""
    template = _templates.get_template("job.sh.j2")
    return template.render(prologue=prologue.strip(), command=shlex.join(spec.argv))

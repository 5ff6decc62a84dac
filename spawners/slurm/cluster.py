"""The product's cluster: the port over Slurm."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..errors import ClusterSilent, SubmitRefused
from ..jobs import Cluster, Job, JobId, JobSpec, SessionKey
from ..names import UNIX_ACCOUNT
from ..unix import files
from . import argv, words
from .parse import parse_squeue, refusal
from .run import SILENT, launch, run

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
        prologue: shell lines that each job runs before its session, such as ``module load cuda``.
    """

    def __init__(
        self,
        hub: str,
        conf: str = "",
        bin: str = "",  # noqa: A002 - the operator's word for it
        launcher: Sequence[str] = LAUNCHER,
        prologue: str = "",
    ) -> None:
        self._hub = hub
        found = shutil.which("squeue")
        folder = bin or (str(Path(found).parent) if found else "/usr/bin")
        self._slurm = {"bin": folder, "conf": conf}
        self._launcher = tuple(launcher)
        self._prologue = prologue

    async def submit(self, spec: JobSpec) -> JobId:
        """See `Cluster.submit`."""
        reply = await self._as_user(
            spec.username,
            spec.key,
            action="submit",
            files={files.TOKEN: spec.token, files.SETTINGS: json.dumps(dict(spec.environment))},
            options=argv.sbatch_options(spec),
            script=job_script(spec, self._prologue),
        )
        if "error" in reply:
            detail = f"{reply['error']} {reply['detail']}".strip()
            raise SubmitRefused(refusal(detail, words.REFUSALS, words.REFUSED), reply["detail"])
        return str(reply["job"])

    async def snapshot(self) -> Mapping[JobId, Job]:
        """See `Cluster.snapshot`: one squeue, whatever the number of jobs."""
        environment = {"SLURM_TIME_FORMAT": "%s", "PATH": self._slurm["bin"]}
        if self._slurm["conf"]:
            environment["SLURM_CONF"] = self._slurm["conf"]
        program, *options = argv.squeue_argv(self._hub)
        answer = await run([str(Path(self._slurm["bin"]) / program), *options], environment)
        if answer.code != 0:
            raise ClusterSilent(SILENT, answer.err.strip())
        return parse_squeue(answer.out, self._hub)

    async def cancel(self, job: JobId, username: str) -> None:
        """See `Cluster.cancel`."""
        key = SessionKey(self._hub, username, "-")
        reply = await self._as_user(username, key, action="cancel", job=job)
        if "error" in reply:
            raise ClusterSilent("The cluster did not end the session.", reply["detail"])

    async def log_tail(self, key: SessionKey, username: str, lines: int = 20) -> str:
        """See `Cluster.log_tail`."""
        reply = await self._as_user(username, key, action="log", lines=lines)
        return str(reply.get("text", ""))

    async def forget(self, key: SessionKey, username: str) -> None:
        """See `Cluster.forget`."""
        await self._as_user(username, key, action="forget")

    async def _as_user(self, username: str, key: SessionKey, **request: Any) -> dict[str, Any]:
        if not UNIX_ACCOUNT.fullmatch(username):
            raise SubmitRefused(
                f"The name {username!r} can't be an account on this cluster. Please tell the "
                "operators."
            )
        command = [part.format(user=username) for part in self._launcher]
        return await launch(
            command, {"hub": key.hub, "server": key.server, "slurm": self._slurm, **request}
        )


def job_script(spec: JobSpec, prologue: str = "") -> str:
    """The whole batch script of a session: the operator's lines, then the session."""
    template = _templates.get_template("job.sh.j2")
    return template.render(prologue=prologue.strip(), command=shlex.join(spec.argv))

"""Grading under accounts that are not believed: what sbatch runs, what squeue is asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from spawners.jobs import JobSpec, SessionKey
from spawners.offers import Limits, Offer
from spawners.slurm.parse import ENDED

BOX = "box"
"""The file, of a job's own, with the path of its box."""
RESULT = "result.tar"
FORMAT = "%A|%u|%T|%r"
# The box's path is a secret: it is in no command line, which everybody on a machine may read. What
# an earlier submission left on the node, perhaps in a job that was cancelled, is for nobody's eyes.
SCRIPT = f"""\
set -eu
umask 077
box=$(<"$LESESAL_SESSION_DIR/{BOX}")
for place in "${{TMPDIR:-/tmp}}" /tmp /var/tmp /dev/shm; do
    find "$place" -mindepth 1 -maxdepth 1 -user "$(id -u)" -exec rm -rf {{}} + 2>/dev/null || true
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder" TMPDIR="$folder"
cd "$box"
cp -r run "$folder/run"
cd "$folder"
"$1" -s -P -m lesesal_notebook.execution "$folder/run" --keys run/keys
cd "$box"
umask 022
tar --create --file=result.new --directory="$folder/run" results
mv -f result.new {RESULT}
"""


@dataclass(frozen=True)
class Seen:
    """A job of one of the accounts, as squeue has it.

    Attributes:
        word: Slurm's word for its state.
        reason: Slurm's word for why it waits.
    """

    job: str
    account: str
    word: str
    reason: str

    @property
    def alive(self) -> bool:
        """Whether it waits, runs, or is just ending."""
        return self.word not in ENDED


def job(
    hub: str, account: str, key: str, box: Path, python: Path, offer: Offer, asked: Limits
) -> JobSpec:
    """The job that executes one task under an account."""
    return JobSpec(
        key=SessionKey(hub, account, key),
        username=account,
        offer=replace(offer, limits=asked),
        hours=asked.hours,
        argv=("/bin/bash", "-c", SCRIPT, "lesesal", str(python)),
        environment={},
        token="",
        files={BOX: str(box)},
    )


def squeue_argv(accounts: Iterable[str]) -> list[str]:
    """All jobs of these accounts, whoever submitted them, ended ones while Slurm has them."""
    return [
        *("squeue", "--noheader", "--all", "--states=all"),
        *(f"--user={','.join(sorted(accounts))}", f"--format={FORMAT}"),
    ]


def parse_squeue(text: str) -> list[Seen]:
    """The jobs in an answer to `squeue_argv`."""
    lines = [line.split("|") for line in text.splitlines()]
    return [Seen(*fields) for fields in lines if len(fields) == 4 and fields[0].isdecimal()]

"""Record what another Slurm answers to our questions, for the parsers' tests. Needs root.

    debootstrap --variant=minbase --include=slurmctld,slurmd,slurm-client bullseye /tmp/bullseye
    .venv/bin/python tests/spawners/slurm/record.py /tmp/bullseye    # or / for this machine's own

Starts a machine with the Slurm of that folder, plays the scenario, and writes `recorded/<version>`.
Nothing runs this by itself.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

import psutil  # noqa: E402
import slurm_machine  # noqa: E402
from slurm import system  # noqa: E402
from slurm_machine import SlurmMachine  # noqa: E402

from spawners.jobs import SessionKey, write_comment  # noqa: E402
from spawners.slurm import argv  # noqa: E402

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "scancel", "scontrol", "sinfo", "squeue")
KEY = SessionKey("uio", "kim", "ai")


class Machine(SlurmMachine):
    """A machine whose Slurm is another Debian's."""

    root: Path | None = None
    shards = True

    def _lay_out(self, values: Any) -> None:
        super()._lay_out(values)
        if self.root is not None:
            _mount(self.directory, self.root)
            # What a newer Slurm asks for where there is no systemd.
            self._write("cgroup.conf", "CgroupPlugin=disabled\n" if self.shards else "")
        if not self.shards:  # Slurm 22.05 is the first that has them; 21.08 that has MultipleFiles
            conf, gres = self.conf, self.directory / "gres.conf"
            conf.write_text(re.sub(r",shard(:\d+)?", "", conf.read_text()))
            text = re.sub(r".*Name=shard.*\n| Flags=\S+", "", gres.read_text())
            gres.write_text(re.sub(r"MultipleFiles=[^,]+,([^,]+),\S+", r"File=\1", text))

    def _daemons(self, *names: str) -> list[psutil.Process]:
        # One that runs in another root tells its folder from here.
        return [
            process
            for process in system.living(psutil.process_iter())
            if system.ask(process.name) in names
            and (system.ask(process.cwd) or "").endswith(str(self.directory))
        ]


def _mount(source: Path, root: Path) -> None:
    target = root / source.relative_to("/")
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.touch()
    subprocess.run(["mount", "--rbind", source, target], check=True)


def enter(root: Path, programs: Path) -> None:
    """Let the Slurm in a folder be the one that is found first."""
    for source in ("/proc", "/dev", "/sys", "/etc/hosts"):
        _mount(Path(source), root)
    for name in PROGRAMS:
        (programs / name).write_text(f'#!/bin/sh\nexec chroot {root} {name} "$@"\n')
        (programs / name).chmod(0o755)
    slurm_machine.PATH = f"{programs}:{slurm_machine.PATH}"  # type: ignore[misc]


def play(machine: Machine) -> dict[str, str]:
    """The scenario, and the answers to our questions at its end."""

    def submit(*options: str, script: str = "exec sleep 600") -> str:
        words = ("sbatch", "--parsable", "--output=/dev/null", "--chdir=/", "--time=60")
        return machine.command(*words, *options, stdin=f"#!/bin/sh\n{script}\n").stdout.strip()

    def ours(attempt: int, *options: str, script: str = "exec sleep 600") -> str:
        name = f"--job-name={argv.job_name(KEY.hub)}"
        comment = f"--comment={write_comment(KEY, attempt)}"
        return submit(name, comment, "--mem=1000", *options, script=script)

    def states() -> list[str]:
        return machine.command("squeue", "--noheader", "-t", "all", "-o", "%T").stdout.split()

    def answer(words: list[str], script: str = "") -> str:
        done = machine.command("env", "SLURM_TIME_FORMAT=%s", *words, stdin=script, check=False)
        return done.stdout + done.stderr

    running = [
        ours(1, "--gres=gpu:h100:1", "--nodelist=gpu1"),
        ours(2, "--gres=gpu:1g.10gb:2"),
        submit("--gres=gpu:1", "--nodelist=gpu3"),
        submit("--partition=cpu", "--cpus-per-task=10", "--mem=20000"),
    ]
    if machine.shards:
        running.append(submit("--gres=shard:3", "--nodelist=gpu1"))
        running.append(submit("--gres=shard:1", "--nodelist=gpu1"))
    ended = [ours(3, script="exit 3"), ours(4, "--hold")]
    machine.command("scancel", ended[1])
    assert system.until(lambda: states().count("RUNNING") == len(running)), states()
    assert system.until(lambda: {"FAILED", "CANCELLED"} <= set(states())), states()
    machine.drain("gpu2")
    machine.reserve("class", ["gpu4"], users=["root"], flags=["IGNORE_JOBS"])
    machine.reserve("upkeep", ["gpu1", "gpu3"], users=["root"], starts="now+7days", flags=["MAINT"])
    ours(5, "--gres=gpu:h100:2", "--nodelist=gpu1")
    submit("--partition=down")
    submit("--hold")
    reason = ("squeue", "--noheader", "-t", "PENDING", "-o", "%r")
    assert system.until(lambda: "Resources" in machine.command(*reason).stdout)
    test = ["sbatch", "--test-only", "--chdir=/"]
    return {
        "squeue": answer([*argv.squeue_argv(KEY.hub), argv._format(argv.FIELDS)]),
        "nodes": answer(argv.nodes_argv()),
        "reservations": answer(argv.reservations_argv()),
        "queue": answer(argv.queue_argv()),
        "estimate": answer([*test, "--gres=gpu:1g.10gb:1", "--time=5"], "#!/bin/sh\n"),
        "refused": answer([*test, "--gres=gpu:none:1"], "#!/bin/sh\n"),
    }


def main(root: Path) -> None:
    """Record the Slurm that is installed in a folder."""
    with tempfile.TemporaryDirectory() as programs:
        if root != Path("/"):
            enter(root, Path(programs))
            Machine.root = root
        version = subprocess.run(
            ["slurmctld", "-V"], env={"PATH": slurm_machine.PATH}, text=True, capture_output=True,
            check=True,
        ).stdout.split()[-1]  # fmt: skip
        Machine.shards = tuple(map(int, version.split(".")[:2])) >= (22, 5)
        with Machine.start(Path(tempfile.mkdtemp(prefix="ls-"))) as machine:
            answers = play(machine)
    target = HERE / "recorded" / version
    target.mkdir(parents=True, exist_ok=True)
    for name, text in answers.items():
        (target / f"{name}.txt").write_text(text)


if __name__ == "__main__":
    # In a mount namespace of its own, which takes all mounts with it when it ends.
    if os.environ.get("LESESAL_RECORDS") != "apart":
        own = ("unshare", "--mount", "--propagation=private", sys.executable, *sys.argv)
        os.execvpe(own[0], own, {**os.environ, "LESESAL_RECORDS": "apart"})
    main(Path(sys.argv[1]).resolve())

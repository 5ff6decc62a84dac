"""The whole classroom on a one-machine Slurm: `make slurm` runs this; tests use it too."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from classrooms import Classroom, running_classroom
from slurm_site import SlurmSite, missing, slurm_site

CONFIG = Path(__file__).with_name("slurm_hub_config.py")


@contextlib.contextmanager
def slurm_classroom(site: SlurmSite, port: int | None = None) -> Iterator[Classroom]:
    """`lesesal run` under the hub's account, with the configuration of a site with Slurm."""
    config = site.deployed.config.with_name(CONFIG.name)
    shutil.copy(CONFIG, config)
    with running_classroom(
        site.home / "classroom",
        python=site.deployed.hub,
        prefix=site.as_hub(),
        options=[f"--config={config}"],
        environment={
            "HOME": str(site.home),
            "LESESAL_SLURM_CONF": str(site.machine.conf),
            "LESESAL_SESSION_PYTHON": str(site.deployed.session),
        },
        port=port,
    ) as classroom:
        yield classroom


def _interrupt(number: int, frame: object) -> None:
    # A second one must not cut the taking away short.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def _serve(port: int) -> None:
    print("Starting a Slurm of four nodes on this machine ...", flush=True)
    with slurm_site() as site, slurm_classroom(site, port) as classroom:
        print(f"\nLesesal is open on {classroom.url}, sessions are Slurm jobs.\n")
        for name, password in classroom.passwords.items():
            print(f"  {name:<10}  {password}")
        print(f"\nLook at the cluster with: SLURM_CONF={site.machine.conf} squeue")
        print("Ctrl-C ends it all and leaves nothing behind.", flush=True)
        classroom.process.wait()


def main() -> None:
    """Serve until Ctrl-C."""
    if sentences := missing():
        sys.exit("No Slurm can be started here. " + " ".join(sentences))
    # However it is ended (Ctrl-C, a closed terminal, kill), what it started is taken away.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with contextlib.suppress(KeyboardInterrupt):
        _serve(int(os.environ["PORT"]))
    print("Everything is ended.")


if __name__ == "__main__":
    main()

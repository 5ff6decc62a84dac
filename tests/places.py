"""The places that the contract of `Cluster` is tested at: an adapter and a session for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spawners.jobs import Cluster, JobSpec, SessionKey
from spawners.local import LocalCluster
from spawners.offers import Limits, Offer
from spawners.slurm import SlurmCluster

HUB = "contract"


@dataclass(frozen=True)
class Place:
    """An adapter of this hub, one of another hub at the same place, and a session to run."""

    cluster: Cluster
    elsewhere: Cluster
    spec: JobSpec
    node: tuple[str, ...]
    refuses_at_once: bool

    def running(self, program: str) -> JobSpec:
        """The session, running this Python program."""
        return replace(self.spec, argv=("/usr/bin/python3", "-c", program))


def spec(user: str) -> JobSpec:
    """A small session of this user."""
    return JobSpec(
        key=SessionKey(HUB, user, "ai-foundations"),
        username=user,
        offer=Offer("small", "Small", "here", Limits(1, 256)),
        hours=1,
        argv=(),
        environment={"COLOUR": "blue"},
        token="0123456789abcdef" * 2,
    )


def local_place(root: Path) -> Place:
    """Processes of this machine."""
    return Place(
        LocalCluster(HUB, str(root)),
        LocalCluster("another", str(root / "another")),
        spec("kim lee@example.org"),
        ("127.0.0.1",),
        refuses_at_once=True,
    )


def slurm_place(site: Any) -> Place:
    """The real Slurm of `slurm_site`."""
    return Place(
        SlurmCluster(HUB, **site.cluster),
        SlurmCluster("another", **site.cluster),
        spec(site.users[0]),
        ("gpu1", "gpu2", "gpu3", "gpu4"),
        refuses_at_once=False,
    )

"""The workers of a cluster that the hub's configuration names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from courses.errors import WorkersError
from courses.language import gettext as _
from spawners.hub.settings import make_cluster
from spawners.offers import Person
from spawners.site.hubconfig import ConfigError, read_site

from .accounts import AccountWorkers
from .queue import Queue, Say
from .slurm import WORKERS, SlurmWorkers

_SLURM = "slurm"
# Of what a cluster of sessions needs, what a grading run needs too.
_SHARED = ("conf", "bin", "prologue")


def on_cluster(
    config: Path,
    cluster: str,
    offer: str = "",
    *,
    python: Path,
    say: Say,
    workers: int = 0,
    course: str = "",
    accounts: Sequence[str] = (),
) -> SlurmWorkers | AccountWorkers:
    """The workers of a configured Slurm cluster. Raises `WorkersError` where there are none.

    Args:
        config: the hub's configuration.
        cluster: a key of ``c.ClusterSpawner.clusters``.
        offer: a key of ``c.ClusterSpawner.offers``: what each task of an array gets; the cluster's
            first when empty.
        python: the interpreter with lesesal_notebook, as the nodes see it.
        say: takes a sentence about what Slurm does with a run.
        workers: how many notebooks run at once, in all tasks together; 0 for 32.
        course: the slug of the course, where offers depend on it.
        accounts: Unix accounts under which submissions are executed, one each at a time, instead
            of in sandboxes under this one.
    """
    try:
        site = read_site(config, Person("", course, "instructor"))
    except ConfigError as error:
        raise WorkersError(f"{error.sentence} {error.advice}") from error
    configured = site.clusters.get(cluster)
    if configured is None or configured.get("type") != _SLURM:
        names = [name for name, each in site.clusters.items() if each.get("type") == _SLURM]
        raise WorkersError(
            _(
                "There is no Slurm cluster {cluster} in {config}. There is: {names}.",
                cluster=cluster,
                config=config,
                names=", ".join(names) or "–",
            )
        )
    offers = {name: each for name, each in site.offers.items() if each.cluster == cluster}
    found = offers.get(offer or next(iter(offers), ""))
    if found is None:
        raise WorkersError(
            _(
                "The cluster {cluster} has no offer {offer}. Choose one of: {names}.",
                cluster=cluster,
                offer=offer,
                names=", ".join(offers) or "–",
            )
        )
    options: dict[str, Any] = {
        name: str(configured[name]) for name in _SHARED if configured.get(name)
    }
    if accounts:
        hub = f"{site.hub_id}-grading"
        return AccountWorkers(
            make_cluster(cluster, configured, hub),
            Queue(options.get("conf", ""), options.get("bin", ""), say),
            *(hub, python, found, tuple(dict.fromkeys(accounts))),
        )
    return SlurmWorkers(python, found, say, workers or WORKERS, **options)

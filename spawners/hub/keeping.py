"""What the hub does by itself, as long as it runs: notes what became of batch runs, and ends jobs
that no session and no run owns."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING

from jupyterhub import orm
from jupyterhub.app import JupyterHub
from sqlalchemy import Text, type_coerce

from ..errors import ClusterSilent, LaunchError
from ..jobs import Job
from ..keeper import Keeper
from ..watcher import Watched
from . import held, metrics, runs

if TYPE_CHECKING:
    from .spawner import ClusterSpawner

# Seconds from one look for orphans to the next, at most; while there are sessions they share it.
INTERVAL = 15.0
# The loop itself holds tasks weakly.
_running: set[asyncio.Task[None]] = set()

_init_spawners = JupyterHub.init_spawners


async def _init_runs(app: JupyterHub) -> None:
    """First hold the spawners whose batch runs the database knows: nobody else asks for them, and
    what is not held is ended."""
    noted = type_coerce(orm.Spawner.state, Text).contains('"batch"')
    for orm_spawner in app.db.query(orm.Spawner).filter(noted).all():
        # Made where it is missing.
        app.users[orm_spawner.user].spawners[orm_spawner.name]
    await _init_spawners(app)


def install() -> None:
    """Let a hub that starts again look after its batch runs at once. Idempotent."""
    JupyterHub.init_spawners = _init_runs


def start(spawner: ClusterSpawner) -> None:
    """Begin with the hub's first spawner; nothing when it runs already, or outside a hub.

    JupyterHub has no other moment for a spawner class. A hub that starts again makes a spawner for
    each session of its database before it serves, and the home page asks for one.
    """
    if not _running and JupyterHub.initialized():
        # What a hub has imported stays: a third of a second less each time that all is looked at
        # for what is not needed any more, in which no page is answered.
        gc.freeze()
        _running.add(asyncio.get_running_loop().create_task(_keep(spawner)))


async def _keep(site: ClusterSpawner) -> None:
    """Look at every configured cluster, for as long as the hub runs."""
    keepers = {name: Keeper(site.orphan_grace) for name in site.clusters}
    while True:
        for name, keeper in keepers.items():
            try:
                await _look(site.watched(name), keeper)
            except LaunchError as error:
                site.log.warning("Looking for jobs without a session on %s: %s", name, error)
            except Exception:
                site.log.exception("Looking for jobs without a session on %s", name)
        await asyncio.sleep(min(INTERVAL, site.orphan_grace))


async def _look(watched: Watched, keeper: Keeper) -> None:
    log = JupyterHub.instance().log
    look = await watched.jobs.fresh(max_age=1.0)
    for spawner in held.with_runs():
        runs.settle(spawner)
    of_a_run = runs.owner(watched.name)

    def owned(job: Job) -> bool:
        return of_a_run(job) if job.key.run else _owned(job)

    orphans = keeper.orphans(look.seen.values(), owned, time.monotonic())
    # An array is ended as a whole.
    for id_, job in {job.whole: job for job in orphans}.items():
        log.warning(
            "Job %s on %s belongs to no session (%s); ending it", id_, watched.name, job.key
        )
        try:
            await watched.cluster.cancel(id_, job.username or job.key.user)
        except ClusterSilent:
            raise
        except LaunchError as error:
            # An account that the hub may not act for has written our name on a job of its own.
            log.warning("Job %s on %s is not ended: %s", id_, watched.name, error)
        else:
            metrics.ORPHANS.labels(cluster=watched.name).inc()


def _owned(job: Job) -> bool:
    return any(
        (spawner.user.name, spawner.name) == (job.key.user, job.key.server)
        and spawner.session.owns(job.id)
        for spawner in held.sessions()
    )

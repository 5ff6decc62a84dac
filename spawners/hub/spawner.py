"""ClusterSpawner: JupyterHub's spawner over the Cluster port."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from batchspawner import BatchSpawnerBase
from jinja2 import Environment, PackageLoader, StrictUndefined
from jupyterhub.spawner import SpawnException
from sqlalchemy.orm import object_session
from traitlets import Callable as CallableTrait
from traitlets import Dict, Float, Integer, Unicode, Union, default
from traitlets.utils.importstring import import_item

from ..errors import ClusterSilent, LaunchError, Refused
from ..jobs import Cluster, JobSpec, JobState, SessionKey
from ..launch import Launch
from ..names import HUB_ID
from ..offers import Offer, Terms
from ..watcher import Watcher
from . import settings, wish

# In the environment of stock sessions; ours get the token as a file.
SECRET = ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN")
_templates = Environment(
    loader=PackageLoader("spawners.hub"), autoescape=True, undefined=StrictUndefined
)


class ClusterSpawner(BatchSpawnerBase):
    """Runs a named server, which is a session of the course of that name, as a cluster's job.

    From batchspawner it has the job-id state, and ``req_partition`` and ``req_account`` for offers
    that name none; what of batchspawner runs a shell or logs an environment is not used.
    """

    clusters = Dict(
        help="""The clusters that run sessions, by name.

        ``type`` is ``slurm``, ``local`` or what a package adds to the entry points
        ``lesesal.clusters``; all else goes to that class::

            c.ClusterSpawner.clusters = {
                "olivia": {"type": "slurm", "conf": "/etc/slurm/slurm.conf"},
                "laptop": {"type": "local", "root": "/var/lib/lesesal/local"},
            }
        """,
    ).tag(config=True)

    offers = Dict(
        help="""The kinds of session that one can ask for, by name.

        A GPU is asked for by the kind that gres.conf names and a count, a MIG slice likewise, a
        share by ``shards``::

            c.ClusterSpawner.offers = {
                "cpu-small": {"title": "Two cores", "cluster": "olivia", "partition": "small",
                              "cpus": 2, "memory_mb": 4096, "hours": 8},
                "gpu": {"title": "A whole H100", "cluster": "olivia", "partition": "gpu",
                        "gpus": {"h100": 1}, "cpus": 8, "memory_mb": 65536, "hours": 4},
                "gpu-slice": {"title": "A tenth of an H100", "cluster": "olivia",
                              "gpus": {"1g.10gb": 1}, "hours": 2},
                "gpu-share": {"title": "A shared H100", "cluster": "olivia", "shards": 2},
            }
        """,
    ).tag(config=True)

    terms = Union(
        [CallableTrait(), Unicode()],
        allow_none=True,
        default_value=None,
        help="""Who may have which offers in which course.

        A callable ``(user_name, server_name) -> spawners.offers.Terms | None``, sync or async, or
        its import path; None as its answer refuses. Without it, everybody may have every offer
        under any name::

            c.ClusterSpawner.terms = "mysite.policy.terms"
        """,
    ).tag(config=True)

    hub_id = Unicode(
        help="""The name by which this hub knows its jobs among those of other hubs.

        It must stay the same when the hub starts again, and differ from that of other hubs on the
        same cluster::

            c.ClusterSpawner.hub_id = "uio-courses"
        """,
    ).tag(config=True)

    boot_timeout = Float(
        120.0,
        help="""Seconds that a session may take from its job's start to its first word.

        Time in the queue does not count::

            c.ClusterSpawner.boot_timeout = 300
        """,
    ).tag(config=True)

    # The queue may be long; boot_timeout is what catches a session that does not come up.
    start_timeout = Integer(
        24 * 3600,
        help="""Seconds that a session may wait in the queue and boot, together::

            c.ClusterSpawner.start_timeout = 3600
        """,
    ).tag(config=True)

    # All sessions of a cluster share one look, so asking often costs nothing.
    poll_interval = Integer(
        5,
        help="""Seconds from one question whether a session still runs to the next::

            c.ClusterSpawner.poll_interval = 10
        """,
    ).tag(config=True)

    cluster_name = Unicode(help="The name of the cluster that has the job.")

    _watchers: ClassVar[dict[str, tuple[Cluster, Watcher]]] = {}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._plan: wish.Plan | None = None
        self.launch: Launch | None = None

    @default("hub_id")
    def _hub_id_default(self) -> str:
        port = self.hub.port if self.hub else 0
        return f"{socket.gethostname().split('.')[0]}-{port}"

    @default("apply_user_options")
    def _apply_user_options_default(self) -> Callable[..., Any]:
        return _apply_user_options

    @default("options_form")
    def _options_form_default(self) -> Callable[..., Any]:
        return _options_form

    @default("options_from_form")
    def _options_from_form_default(self) -> Callable[..., Any]:
        return _options_from_form

    # What was asked for

    async def plan(self, options: Mapping[str, Any]) -> wish.Plan:
        """Resolve user options against what this user may have. Raises `Refused`."""
        return wish.resolve(options, await self._terms(), self._offers(), self.name)

    def _offers(self) -> dict[str, Offer]:
        return settings.read_offers(self.offers, self.clusters)

    async def _terms(self) -> Terms | None:
        if self.terms is None:
            return Terms(self.name, self.name, tuple(self.offers), "student") if self.name else None
        ask = import_item(self.terms) if isinstance(self.terms, str) else self.terms
        answer = ask(self.user.name, self.name)
        return await answer if inspect.isawaitable(answer) else answer

    def _spec(self, plan: wish.Plan) -> JobSpec:
        environment = {
            name: value for name, value in self.get_env().items() if name not in SECRET
        } | {
            "LESESAL_COURSE": plan.terms.course,
            "LESESAL_ROLE": plan.terms.role,
            "LESESAL_OFFER": plan.offer.title,
            "LESESAL_GPU_KINDS": ",".join(
                kind for kind, count in plan.offer.limits.gpus.items() for _ in range(count)
            ),
            "LESESAL_BIND": "127.0.0.1" if self._is_local(plan.offer) else "0.0.0.0",  # noqa: S104
        }
        return JobSpec(
            key=self._key(),
            username=self.user.name,
            offer=replace(
                plan.offer,
                partition=plan.offer.partition or self.req_partition,
                account=plan.offer.account or self.req_account,
            ),
            hours=plan.hours,
            argv=(*self.cmd, *self.get_args()),
            environment=environment,
            token=self.api_token,
        )

    def _is_local(self, offer: Offer) -> bool:
        return self.clusters[offer.cluster].get("type") == "local"

    def _key(self) -> SessionKey:
        if not HUB_ID.fullmatch(self.hub_id):
            raise ValueError(
                f"c.ClusterSpawner.hub_id is {self.hub_id!r}; it may have letters, digits, dots, "
                "dashes and underscores, at most 64."
            )
        return SessionKey(self.hub_id, self.user.name, self.name)

    # The job

    def _cluster(self, name: str) -> tuple[Cluster, Watcher]:
        if name not in self._watchers:
            if name not in self.clusters:
                raise ClusterSilent(f"The cluster {name!r} is not configured any more.")
            cluster = settings.make_cluster(name, self.clusters[name], self.hub_id)
            self._watchers[name] = (cluster, Watcher(cluster.snapshot))
        return self._watchers[name]

    async def start(self) -> tuple[str, int]:
        """Submit the job, wait until its session reports its port, and return where it listens."""
        try:
            return await self._start()
        except LaunchError as error:
            self.log.warning("%s: %s", self._log_name, error)
            raise _exception(error) from error

    async def _start(self) -> tuple[str, int]:
        plan = self._plan or await self.plan(self.user_options)
        self.cluster_name = plan.offer.cluster
        cluster, watcher = self._cluster(plan.offer.cluster)
        self.launch = launch = Launch(cluster, watcher, self._spec(plan), self.boot_timeout)
        try:
            self.job_id = await launch.submit()
            # At once: a hub that dies now must find the job again.
            self.orm_spawner.state = self.get_state()
            if (session := object_session(self.orm_spawner)) is not None:
                session.commit()
            self.log.info("%s is job %s on %s", self._log_name, self.job_id, self.cluster_name)
            return await launch.up(self.job_id)
        finally:
            self.launch = None

    async def poll(self) -> int | None:
        """None while the job waits or runs, or while nobody can tell; else how it ended."""
        if not self.job_id:
            return 0
        try:
            cluster, watcher = self._cluster(self.cluster_name)
            snapshot = await watcher.fresh(max_age=5.0)
            if self.job_id not in snapshot.jobs:
                snapshot = await watcher.next()
        except ClusterSilent:
            return None
        job = snapshot.jobs.get(self.job_id)
        if job is not None and job.state is not JobState.ENDED:
            return None
        # The hub does not call stop() for what has ended by itself.
        with contextlib.suppress(LaunchError):
            await cluster.forget(self._key(), self.user.name)
        return job.exit_code if job and job.exit_code is not None else 1

    async def stop(self, now: bool = False) -> None:
        """End the job, wait until it has ended, and remove what it left."""
        if not self.job_id:
            return
        cluster, watcher = self._cluster(self.cluster_name)
        await cluster.cancel(self.job_id, self.user.name)
        while not now:
            job = (await watcher.next(hurry=True)).jobs.get(self.job_id)
            if job is None or job.state is JobState.ENDED:
                break
            await asyncio.sleep(0.2)
        await cluster.forget(self._key(), self.user.name)

    # What the hub remembers and shows

    def get_state(self) -> dict[str, Any]:
        """The job's id and cluster."""
        state: dict[str, Any] = super().get_state()
        if self.job_id:
            state["cluster_name"] = self.cluster_name
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """See `get_state`."""
        super().load_state(state)
        self.cluster_name = state.get("cluster_name", "")

    def clear_state(self) -> None:
        """See `get_state`."""
        super().clear_state()
        self.cluster_name = ""
        self._plan = None

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the pending page shows: a sentence whenever there is a new one."""
        shown = ""
        while launch := self.launch:
            if launch.news != shown:
                shown = launch.news
                running = launch.job is not None and launch.job.state is JobState.RUNNING
                yield {"progress": 60 if running else 20, "message": shown}
            await asyncio.sleep(0.5)


async def _apply_user_options(spawner: ClusterSpawner, options: Mapping[str, Any]) -> None:
    try:
        spawner._plan = await spawner.plan(options)
    except Refused as refused:
        raise _exception(refused) from refused


async def _options_form(spawner: ClusterSpawner) -> str:
    terms = await spawner._terms()
    try:
        plan = wish.resolve({}, terms, spawner._offers(), spawner.name)
    except Refused as refused:
        return _templates.get_template("refused.html").render(sentence=refused.sentence)
    return _templates.get_template("offers.html").render(
        course=plan.terms, offers=wish.offers_of(plan.terms, spawner._offers()), chosen=plan.offer
    )


def _options_from_form(form: Mapping[str, list[str]]) -> dict[str, Any]:
    try:
        return wish.from_form(form)
    except Refused as refused:
        raise _exception(refused) from refused


def _exception(error: LaunchError) -> SpawnException:
    html = _templates.get_template("failure.html").render(error=error)
    exception = SpawnException(
        error.sentence, reason=error.reason, message_html=html, status_code=error.status
    )
    # The pages read these attributes where they don't know SpawnException.
    exception.jupyterhub_message = error.sentence
    exception.jupyterhub_html_message = html
    return exception

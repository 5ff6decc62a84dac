"""What the operator configured of `ClusterSpawner`, and what it says of a person in a course."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from batchspawner import BatchSpawnerBase
from traitlets import Callable as CallableTrait
from traitlets import Dict, Float, Integer, List, Unicode, Union, default
from traitlets.utils.importstring import import_item

from .. import limits
from ..errors import NoAccount
from ..jobs import SessionKey
from ..language import Sentence as _
from ..limits import Quotas
from ..names import HUB_ID
from ..offers import Account, Offer, Person, Terms
from ..watcher import Watched
from . import held, settings


class ConfiguredSpawner(BatchSpawnerBase):
    """The settings of `ClusterSpawner`, which are checked when they are first used."""

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

    offers = Union(
        [CallableTrait(), Dict(), Unicode()],
        help="""The kinds of session that one can ask for, by name.

        A GPU is asked for by the kind that gres.conf names and a count, a MIG slice likewise, a
        share by ``shards``. ``more_hours`` is by how much a session may be lengthened while it
        runs::

            c.ClusterSpawner.offers = {
                "cpu-small": {"title": "Two cores", "cluster": "olivia", "partition": "small",
                              "cpus": 2, "memory_mb": 4096, "hours": 8, "more_hours": 4},
                "gpu": {"title": "A whole H100", "cluster": "olivia", "partition": "gpu",
                        "gpus": {"h100": 1}, "cpus": 8, "memory_mb": 65536, "hours": 4},
                "gpu-slice": {"title": "A tenth of an H100", "cluster": "olivia",
                              "gpus": {"1g.10gb": 1}, "hours": 2},
                "gpu-share": {"title": "A shared H100", "cluster": "olivia", "shards": 2},
            }

        Also a callable ``(spawners.offers.Person) -> such a dict``, or its import path, where
        offers depend on the person's course, role or groups::

            c.ClusterSpawner.offers = "mysite.policy.offers"
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

    limits = Union(
        [CallableTrait(), Dict(), Unicode()],
        help="""The most that one person, and one course, may have at once.

        ``sessions`` (waiting ones too), ``batch`` (batch runs, which count as sessions where this
        is not set), ``gpus`` (slices and shares count as one each) and ``hours`` (of one session,
        with what it may be lengthened by, or of a batch run)::

            c.ClusterSpawner.limits = {
                "person": {"sessions": 2, "batch": 2, "gpus": 2, "hours": 8},
                "course": {"sessions": 60, "gpus": 16},
            }

        Also a callable ``(spawners.offers.Person) -> such a dict``, or its import path.
        """,
    ).tag(config=True)

    account = Union(
        [CallableTrait(), Unicode()],
        allow_none=True,
        default_value=None,
        help="""Who a person is on a cluster.

        A callable ``(user_name, cluster_name) -> spawners.offers.Account | None``, sync or async,
        or its import path; None says that the person has no account there yet. Without it, the
        Unix account has the hub's name of the user::

            c.ClusterSpawner.account = "mysite.policy.account"
        """,
    ).tag(config=True)

    account_help = Unicode(
        _("Ask the course's instructor how to get one."),
        help="""What to do for who has no account on a cluster yet, as a sentence::

            c.ClusterSpawner.account_help = "Apply for one on https://www.example.org/account."
        """,
    ).tag(config=True)

    hub_id = Unicode(
        help="""The name by which this hub knows its jobs among those of other hubs.

        It must stay the same when the hub starts again, and differ from that of other hubs on the
        same cluster::

            c.ClusterSpawner.hub_id = "uio-courses"
        """,
    ).tag(config=True)

    start_timeout = Integer(
        120,
        help="""Seconds that a session may take from its job's start to its first answer.

        Time in the queue does not count::

            c.ClusterSpawner.start_timeout = 300
        """,
    ).tag(config=True)

    # All sessions of a cluster share one look, so asking often costs nothing.
    poll_interval = Integer(
        2,
        help="""Seconds from one question whether a session still runs to the next::

            c.ClusterSpawner.poll_interval = 10
        """,
    ).tag(config=True)

    orphan_grace = Float(
        60.0,
        help="""Seconds that a job of this hub may run without a session before it is ended.

        Such a job is left when the hub dies between the cluster's answer and its note of it::

            c.ClusterSpawner.orphan_grace = 300
        """,
    ).tag(config=True)

    batch_command = List(
        ["-P", "-m", "lesesal_notebook.batch.job"],
        help="""What a batch run runs, after the course's interpreter, or else the first word of
        ``cmd``::

            c.ClusterSpawner.batch_command = ["-P", "-m", "mysite.batch"]
        """,
    ).tag(config=True)

    batch_tasks = Integer(
        64,
        help="""The most tasks that one batch run may have, such as the points of a sweep::

            c.ClusterSpawner.batch_tasks = 200
        """,
    ).tag(config=True)

    batch_tasks_at_once = Integer(
        8,
        min=1,
        help="""The most tasks of one batch run that run at a time; a limit of GPUs makes it fewer::

            c.ClusterSpawner.batch_tasks_at_once = 4
        """,
    ).tag(config=True)

    @default("hub_id")
    def _hub_id_default(self) -> str:
        port = self.hub.port if self.hub else 0
        return f"{socket.gethostname().split('.')[0]}-{port}"

    async def find_terms(self) -> Terms | None:
        """The person's terms in this server's course; None when there are none."""
        if self.terms is None:
            if not self.name:
                return None
            offers = settings.read_offers(self._by_person(self.offers, None), self.clusters)
            return Terms(self.name, self.name, tuple(offers), "student")
        found: Terms | None = await _ask(self.terms, self.user.name, self.name)
        return found

    def find_offers(self, terms: Terms | None) -> dict[str, Offer]:
        """All offers of the site to this person, each for as long as the limits allow."""
        found = settings.read_offers(self._by_person(self.offers, terms), self.clusters)
        quotas = self.quotas(terms)
        return {
            name: replace(offer, limits=replace(offer.limits, hours=limits.longest(offer, quotas)))
            for name, offer in found.items()
        }

    def quotas(self, terms: Terms | None) -> Quotas:
        """The limits that hold for this person in this course."""
        return settings.read_limits(self._by_person(self.limits, terms))

    def _by_person(self, configured: Any, terms: Terms | None) -> Mapping[str, Any]:
        ask = import_item(configured) if isinstance(configured, str) and configured else configured
        if not callable(ask):
            return ask or {}
        groups = frozenset(group.name for group in self.user.groups)
        role = terms.role if terms else "student"
        found: Mapping[str, Any] = ask(Person(self.user.name, self.name, role, groups))
        return found

    async def find_account(self, cluster: str) -> Account:
        """Who the person is on a cluster. Raises `NoAccount`."""
        if self.account is None:
            return Account(self.user.name)
        found: Account | None = await _ask(self.account, self.user.name, cluster)
        if found is None:
            raise NoAccount(
                _(
                    "You have no account on {cluster} yet. {help}",
                    cluster=cluster,
                    help=_(self.account_help),
                )
            )
        return found

    def key(self, run: str = "") -> SessionKey:
        """Whose session this is, or whose batch run of this name, as its jobs say it."""
        if not HUB_ID.fullmatch(self.hub_id):
            raise ValueError(
                f"c.ClusterSpawner.hub_id is {self.hub_id!r}; it may have letters, digits, dots, "
                "dashes and underscores, at most 64."
            )
        return SessionKey(self.hub_id, self.user.name, self.name, run)

    def watched(self, cluster: str) -> Watched:
        """A configured cluster, shared with all other spawners."""
        return held.clusters.get(cluster, self.clusters, self.hub_id)


async def _ask(configured: Any, *args: str) -> Any:
    ask = import_item(configured) if isinstance(configured, str) else configured
    answer = ask(*args)
    return await answer if inspect.isawaitable(answer) else answer

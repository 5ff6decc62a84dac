"""Offers: the kinds of session that one can ask for, and who may ask for which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# The name of a GPU, a MIG profile or a share, as Slurm's gres.conf spells it.
GresName = str


@dataclass(frozen=True)
class Limits:
    """What one session gets.

    Attributes:
        cpus: processor cores, at least 1.
        memory_mb: main memory in MiB.
        gpus: GPUs by kind, as gres.conf names the type, and count: ``{"h100": 1}``; a MIG slice is
            such a kind (``{"1g.10gb": 1}``); the kind ``""`` is any GPU.
        shards: shares of a GPU (Slurm's gres ``shard``), 0 for none.
        hours: the longest time that a session may ask for.
        more_hours: by how much a session may be lengthened in all, once it runs; 0 for not at all.
    """

    cpus: int
    memory_mb: int
    gpus: Mapping[GresName, int] = field(default_factory=dict)
    shards: int = 0
    hours: float = 2.0
    more_hours: float = 0.0


@dataclass(frozen=True)
class Offer:
    """A kind of session that one can ask for.

    Attributes:
        name: what configuration and ``user_options`` call it.
        title: what people read.
        cluster: the name of the cluster that runs it.
        limits: what a session of it gets.
        partition, account, qos, reservation, constraint: Slurm's words, in their meaning; empty
            leaves the choice to the cluster.
        description: a sentence for those who choose.
    """

    name: str
    title: str
    cluster: str
    limits: Limits
    description: str = ""
    partition: str = ""
    account: str = ""
    qos: str = ""
    reservation: str = ""
    constraint: str = ""


@dataclass(frozen=True)
class Person:
    """Who asks for a session, and in what part.

    Attributes:
        name: the hub's name.
        course: the course's slug.
        role: the person's role in the course: ``student`` or ``instructor``.
        groups: the hub's groups that the person is in.
    """

    name: str
    course: str
    role: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Account:
    """Who a person is on a cluster.

    Attributes:
        unix: the Unix account that the session runs as.
        slurm: the Slurm account that is charged, where the offer names none; empty for the
            account's own default.
    """

    unix: str
    slurm: str = ""


@dataclass(frozen=True)
class ClassTime:
    """Hours of a course for which something is kept for it.

    Attributes:
        starts, ends: in seconds since 1970.
        reservation: the cluster's reservation for these hours; empty for none.
        qos: the service level that sessions have in these hours; empty for none.
    """

    starts: float
    ends: float
    reservation: str = ""
    qos: str = ""


def class_time(times: Iterable[ClassTime], now: float) -> ClassTime | None:
    """The class that is on; None when there is none."""
    return next((each for each in times if each.starts <= now < each.ends), None)


@dataclass(frozen=True)
class Dataset:
    """What a course's sessions see read-only.

    Attributes:
        name: the file name by which they see it.
        source: its path on the cluster's machines.
        size: in bytes.
    """

    name: str
    source: str
    size: int


@dataclass(frozen=True)
class Terms:
    """What one person may have in one course: the answer of ``ClusterSpawner.terms``.

    Attributes:
        course: the course's slug, which is also the named server's name.
        title: the course's title.
        offers: names of the offers that may be chosen; the first is the default.
        role: the person's role in the course: ``student`` or ``instructor``.
        classes: the hours for which the course has a reservation or a QOS.
        interpreter: what runs Python for the course's sessions, in the place of the first word of
            ``ClusterSpawner.cmd``; empty for that.
        refusal: why nobody may start a session of the course now, as a sentence; empty when one
            may.
        datasets: what the course's sessions see read-only.
        preload: modules that sessions import ahead of their kernels, ``("numpy",)``.
    """

    course: str
    title: str
    offers: tuple[str, ...]
    role: str
    classes: tuple[ClassTime, ...] = ()
    interpreter: tuple[str, ...] = ()
    refusal: str = ""
    datasets: tuple[Dataset, ...] = ()
    preload: tuple[str, ...] = ()

"""What the operator configured, checked: ``c.ClusterSpawner.offers`` and ``.clusters``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..jobs import Cluster
from ..limits import Quota, Quotas
from ..offers import Limits, Offer

T = TypeVar("T")

ENTRY_POINTS = "lesesal.clusters"
_SLURM_WORD = r"^[A-Za-z0-9_.,:&|*+-]*$"


class OfferModel(BaseModel):
    """One entry of ``c.ClusterSpawner.offers``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: str
    cluster: str
    description: str = ""
    cpus: int = Field(default=1, ge=1)
    memory_mb: int = Field(default=2048, ge=64)
    gpus: dict[str, int] = Field(default_factory=dict)
    shards: int = Field(default=0, ge=0)
    hours: float = Field(default=2.0, gt=0)
    more_hours: float = Field(default=0.0, ge=0)
    partition: str = Field(default="", pattern=_SLURM_WORD)
    account: str = Field(default="", pattern=_SLURM_WORD)
    qos: str = Field(default="", pattern=_SLURM_WORD)
    reservation: str = Field(default="", pattern=_SLURM_WORD)
    constraint: str = Field(default="", pattern=_SLURM_WORD)

    def offer(self, name: str) -> Offer:
        """The frozen value."""
        return Offer(
            name=name,
            title=self.title,
            cluster=self.cluster,
            description=self.description,
            limits=Limits(
                self.cpus,
                self.memory_mb,
                dict(self.gpus),
                self.shards,
                self.hours,
                self.more_hours,
            ),
            partition=self.partition,
            account=self.account,
            qos=self.qos,
            reservation=self.reservation,
            constraint=self.constraint,
        )


# What was read before: every page reads the offers, and the limits, several times.
_read: dict[str, Any] = {}
# A site whose offers depend on the person has a few of each, as a rule.
READ = 100


def _once(read: Callable[..., T], *values: Any) -> T:
    """What `read` makes of these values, which are told apart by how they are written."""
    key = repr((read.__name__, values))
    if key not in _read:
        if len(_read) >= READ:
            _read.clear()
        _read[key] = read(*values)
    found: T = _read[key]
    return found


def read_offers(configured: Mapping[str, Any], clusters: Mapping[str, Any]) -> dict[str, Offer]:
    """The offers by name, in the order configured.

    Raises ValueError with a sentence that names the offer and the field.
    """
    return dict(_once(_read_offers, configured, sorted(clusters)))


def _read_offers(configured: Mapping[str, Any], clusters: Sequence[str]) -> dict[str, Offer]:
    offers = {}
    for name, fields in configured.items():
        try:
            offer = OfferModel.model_validate(fields).offer(name)
        except ValidationError as error:
            raise ValueError(
                f"c.ClusterSpawner.offers: in the offer {name!r}, {_first(error)}."
            ) from None
        if offer.cluster not in clusters:
            known = ", ".join(clusters) or "none"
            raise ValueError(
                f"c.ClusterSpawner.offers: the offer {name!r} names the cluster "
                f"{offer.cluster!r}, which is not in c.ClusterSpawner.clusters ({known})."
            )
        offers[name] = offer
    return offers


class QuotaModel(BaseModel):
    """One part of ``c.ClusterSpawner.limits``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sessions: int | None = Field(default=None, ge=0)
    batch: int | None = Field(default=None, ge=0)
    gpus: int | None = Field(default=None, ge=0)
    hours: float | None = Field(default=None, gt=0)


class LimitsModel(BaseModel):
    """``c.ClusterSpawner.limits``."""

    model_config = ConfigDict(extra="forbid")

    person: QuotaModel = QuotaModel()
    course: QuotaModel = QuotaModel()


def read_limits(configured: Mapping[str, Any]) -> Quotas:
    """The limits of a person and of a course. Raises ValueError with a sentence."""
    return _once(_read_limits, configured)


def _read_limits(configured: Mapping[str, Any]) -> Quotas:
    try:
        model = LimitsModel.model_validate(configured)
    except ValidationError as error:
        raise ValueError(f"c.ClusterSpawner.limits: {_first(error)}.") from None
    return Quotas(
        person=Quota(**model.person.model_dump()), course=Quota(**model.course.model_dump())
    )


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'it'}: {first['msg']}"


def make_cluster(name: str, configured: Mapping[str, Any], hub: str) -> Cluster:
    """The adapter of a configured cluster.

    ``type`` names an entry point of the group ``lesesal.clusters``; all else goes to its class.
    Raises ValueError with a sentence that names the cluster.
    """
    fields = dict(configured)
    kind = fields.pop("type", None)
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if kind not in found:
        raise ValueError(
            f"c.ClusterSpawner.clusters: the cluster {name!r} has the type {kind!r}; "
            f"there is {', '.join(sorted(found))}."
        )
    try:
        cluster: Cluster = found[kind].load()(hub=hub, **fields)
    except TypeError as error:
        raise ValueError(f"c.ClusterSpawner.clusters: in the cluster {name!r}, {error}.") from None
    return cluster

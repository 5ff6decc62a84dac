"""What the operator configured, checked: ``c.ClusterSpawner.offers`` and ``.clusters``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..jobs import Cluster
from ..offers import Limits, Offer

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
            limits=Limits(self.cpus, self.memory_mb, dict(self.gpus), self.shards, self.hours),
            partition=self.partition,
            account=self.account,
            qos=self.qos,
            reservation=self.reservation,
            constraint=self.constraint,
        )


def read_offers(configured: Mapping[str, Any], clusters: Mapping[str, Any]) -> dict[str, Offer]:
    """The offers by name, in the order configured.

    Raises ValueError with a sentence that names the offer and the field.
    """
    offers = {}
    for name, fields in configured.items():
        try:
            offer = OfferModel.model_validate(fields).offer(name)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "it"
            raise ValueError(
                f"c.ClusterSpawner.offers: in the offer {name!r}, {where}: {first['msg']}."
            ) from None
        if offer.cluster not in clusters:
            known = ", ".join(sorted(clusters)) or "none"
            raise ValueError(
                f"c.ClusterSpawner.offers: the offer {name!r} names the cluster "
                f"{offer.cluster!r}, which is not in c.ClusterSpawner.clusters ({known})."
            )
        offers[name] = offer
    return offers


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

"""The spawn page's form: what one can choose from, ranked by what would start first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ClusterSilent, LaunchError, Refused
from ..language import Sentence as _
from ..language import told
from ..offers import Offer, Terms
from . import wish
from .failures import exception
from .kept import in_class
from .rendering import render

if TYPE_CHECKING:
    from .spawner import ClusterSpawner

# Seconds that what is told of a cluster may be old, and that an answer may keep the page waiting.
AGE = 15.0
PATIENCE = 4.0
RANK = ("now", "wait", "unknown", "refused")
SILENT = _("The cluster does not answer just now.")


@dataclass(frozen=True)
class Choice:
    """One offer on the spawn page.

    Attributes:
        offer: what it is.
        state: ``now`` (could start now), ``wait``, ``unknown`` (the cluster does not say), or
            ``refused``.
        gpus: kind, free and in all, for each kind that the offer asks for.
        starts: the expected start, in seconds since 1970, when it is ``wait``.
        sentence: why it is refused or unknown; may be empty.
        notes: what its person should know besides, as sentences.
        chosen: whether it is the one to start with.
    """

    offer: Offer
    state: str
    gpus: tuple[tuple[str, int, int], ...] = ()
    starts: float | None = None
    sentence: str = ""
    notes: tuple[str, ...] = ()
    chosen: bool = False

    @property
    def hours(self) -> float:
        """The longest time that this person may ask for."""
        return self.offer.limits.hours

    def live(self) -> dict[str, Any]:
        """What changes while the page is open."""
        fields = asdict(self)
        return {"name": self.offer.name} | {
            name: fields[name] for name in ("state", "gpus", "starts", "sentence")
        }


async def choices(spawner: ClusterSpawner, terms: Terms) -> list[Choice]:
    """All offers of the course to this person, what would start first first."""
    offers = wish.offers_of(terms, spawner.find_offers(terms))
    found = await asyncio.gather(*(_choice(spawner, terms, offer) for offer in offers))
    return sorted(found, key=lambda each: (RANK.index(each.state), each.starts or 0.0))


async def _choice(spawner: ClusterSpawner, terms: Terms, offer: Offer) -> Choice:
    try:
        async with asyncio.timeout(PATIENCE):
            return await _look(spawner, terms, offer)
    except (TimeoutError, ClusterSilent) as error:
        says = error.sentence if isinstance(error, LaunchError) else ""
        return Choice(offer, "unknown", sentence=told(says or SILENT))
    except LaunchError as refused:
        return Choice(offer, "refused", sentence=told(refused.sentence))


async def _look(spawner: ClusterSpawner, terms: Terms, offer: Offer) -> Choice:
    watched = spawner.watched(offer.cluster)
    if watched.jobs.silent_since or watched.overview.silent_since:
        raise ClusterSilent(SILENT)
    plan = await spawner.granted(wish.Plan(offer, offer.limits.hours, terms))
    found = await in_class(plan, watched)
    kept, notes = found.plan, found.notes
    overview = (await watched.overview.fresh(max_age=AGE)).seen
    gpus = tuple(
        (kind, count.free, count.total) for kind, count in overview.gpus(kept.offer).items()
    )
    starts = await spawner.expected_start(kept)
    if starts is None:
        return Choice(offer, "unknown", gpus, notes=notes)
    # A cluster plans in steps; what begins within a minute begins now.
    now = starts <= time.time() + 60 and overview.could_start_now(kept.offer)
    return Choice(offer, "now" if now else "wait", gpus, None if now else starts, notes=notes)


async def options_form(spawner: ClusterSpawner) -> str:
    """The inside of the spawn page's form."""
    terms = await spawner.find_terms()
    try:
        terms = wish.resolve({}, terms, spawner.find_offers(terms), spawner.name).terms
    except Refused as refused:
        return render("refused.html", sentence=told(refused.sentence))
    found = await choices(spawner, terms)
    if found[0].state != "refused":
        found[0] = Choice(**{**vars(found[0]), "chosen": True})
    notes = dict.fromkeys(note for choice in found for note in choice.notes)
    return render("offers.html", course=terms, choices=found, notes=[told(each) for each in notes])


def options_from_form(form: Mapping[str, list[str]]) -> dict[str, Any]:
    """``user_options`` of the spawn page's form."""
    try:
        return wish.from_form(form)
    except Refused as refused:
        raise exception(refused) from refused

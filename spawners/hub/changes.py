"""What a person may change of a session: another offer while it waits, more time while it runs."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from .. import limits
from ..errors import ClusterSilent, Refused
from ..jobs import JobSpec
from ..language import Sentence as _
from ..launch import Bid, Phase
from . import held, specs
from .state import BidState
from .wish import Plan

if TYPE_CHECKING:
    from .spawner import ClusterSpawner

# "Give me another hour."
HOUR = 1.0


async def switch(spawner: ClusterSpawner, offer: str) -> None:
    """Ask for another offer too. The place in the first queue is kept until the other runs.

    Raises `LaunchError`: `Refused` when the session does not wait, or the offer is not allowed.
    """
    launch = spawner.launch
    if launch is None or launch.leading.phase is not Phase.WAITING:
        raise Refused(_("Your session does not wait any more: it is starting already."))
    if any(bid.spec.offer.name == offer for bid in launch.bids):
        raise Refused(_("You wait for this offer already."))
    plan = await spawner.plan({"offer": offer})
    spawner.session.gpus = max(spawner.session.gpus, limits.gpus_of(plan.offer))
    bid = Bid(spawner.watched(plan.offer.cluster), _next_spec(spawner, plan))
    earlier = launch.bids[1:]
    launch.bids.append(bid)
    try:
        await spawner.submit(bid)
    except BaseException:
        launch.bids.remove(bid)
        raise
    launch.added()
    # One place is kept, the first one; an offer tried before makes way for the new one.
    for other in earlier:
        launch.drop(other)
        await other.cancel()
        spawner.session.bids.remove(spawner.session.bid(other.spec.attempt))
    spawner.save()


async def more(spawner: ClusterSpawner) -> str:
    """Let a running session go on for another hour; what came of it, as a sentence.

    Where the cluster lets the hub lengthen a job, it is lengthened; else a session of an hour is
    booked that follows when this one ends. Raises `LaunchError`.
    """
    up, plan = spawner.session.up, await _longer(spawner)
    if up is None or plan is None:
        raise Refused(
            _("This session can't be lengthened any more. Save your work before it ends.")
        )
    noted = spawner.session.bid(up.attempt)
    # Before all that is awaited: a second click must find it taken.
    spawner.session.added_hours += plan.hours
    try:
        told = await _lengthen(spawner, noted, plan)
    except BaseException:
        spawner.session.added_hours -= plan.hours
        raise
    spawner.save()
    return told


async def _lengthen(spawner: ClusterSpawner, noted: BidState, plan: Plan) -> str:
    watched = spawner.watched(noted.cluster)
    try:
        await watched.cluster.extend(noted.job, noted.username, plan.hours)
    except Refused:
        spec = replace(_next_spec(spawner, await spawner.granted(plan)), after=noted.job)
        await spawner.submit(Bid(watched, spec))
        held.clusters.unyielding.add(watched.name)
        booked = _(
            "Another session is booked: when this one ends, it follows under the same address as "
            "soon as there is room. Your files stay; notebooks start anew."
        )
        spawner.session.notes.append(booked)
        return booked
    with contextlib.suppress(ClusterSilent):  # it is lengthened, seen or not
        await watched.jobs.next(hurry=True)
    return _("Your session goes on for longer.")


async def allowed(spawner: ClusterSpawner) -> float:
    """By how many hours the session may be lengthened now; 0 for not at all."""
    plan = await _longer(spawner)
    return plan.hours if plan else 0.0


async def _longer(spawner: ClusterSpawner) -> Plan | None:
    """What the session may be lengthened by, as a plan; None for not at all."""
    up = spawner.session.up
    if up is None or len(spawner.session.bids) > 1:
        return None
    noted = spawner.session.bid(up.attempt)
    terms = await spawner.find_terms()
    offer = spawner.find_offers(terms).get(noted.offer)
    if terms is None or offer is None:
        return None
    added = spawner.session.added_hours
    hours = limits.more_hours(offer, spawner.quotas(terms), noted.hours, added, HOUR)
    return Plan(offer, hours, terms) if hours > 0 else None


def _next_spec(spawner: ClusterSpawner, plan: Plan) -> JobSpec:
    """The spec of one more bid. A hub that started again has no token; the files have it."""
    attempts = [bid.attempt for bid in spawner.session.bids]
    spec = specs.of_session(spawner, plan, max(attempts) + 1)
    return spec if spec.token else replace(spec, inherit=min(attempts))

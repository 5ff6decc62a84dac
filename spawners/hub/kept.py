"""What a cluster keeps for a course in its hours: its reservation or its QOS, or why not."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from ..errors import ClusterSilent
from ..language import Sentence as _
from ..offers import class_time
from ..overview import Reservation
from ..watcher import Watched
from .wish import Plan


@dataclass(frozen=True)
class Kept:
    """The plan with what is kept for the course, and what its person should know of that."""

    plan: Plan
    notes: tuple[str, ...] = ()


async def in_class(plan: Plan, watched: Watched) -> Kept:
    """Use the course's reservation and QOS while its class is on; else the plan as it is.

    A reservation takes no session that would outlast it, so a session in it ends with it.
    """
    now = time.time()
    kept = class_time(plan.terms.classes, now)
    if kept is None:
        return Kept(plan)
    offer, hours, notes = plan.offer, plan.hours, []
    if kept.qos:
        offer = replace(offer, qos=kept.qos)
    if kept.reservation:
        try:
            seen = (await watched.overview.fresh(max_age=10.0)).seen.reservations
        except ClusterSilent:
            seen = ()
        active = next((each for each in seen if _is(each, kept.reservation)), None)
        if active is None:
            notes.append(
                _(
                    "The machines that are kept for your course are not open now: you are in the "
                    "ordinary queue."
                )
            )
        else:
            offer = replace(offer, reservation=kept.reservation)
            left = (active.ends - now) / 3600
            if left < hours:
                hours = left
                notes.append(_("Your session is in the course's reservation and ends with it."))
    return Kept(replace(plan, offer=offer, hours=hours), tuple(notes))


def _is(reservation: Reservation, name: str) -> bool:
    return reservation.name == name and reservation.active

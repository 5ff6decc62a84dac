"""Whether a reservation has a seat for everybody. Pure functions."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..offers import Offer
from ..overview import Overview
from .findings import Finding, failed, ok, skipped
from .room import nodes_of, seats_on


@dataclass(frozen=True)
class Booking:
    """What one course counts on for its classes.

    Attributes:
        course: its slug.
        reservation: the reservation that it names.
        offers: the names of what its people may take; the first is what most take.
        seats: how many people it has.
        starts, ends: of the class, in seconds since 1970.
    """

    course: str
    reservation: str
    offers: tuple[str, ...]
    seats: int
    starts: float
    ends: float


def seats(booking: Booking, offer: Offer, overview: Overview) -> Finding:
    """Whether the booking's reservation is there, holds for all of the class, and has a seat of
    this offer for everybody.

    Raises nothing; a class that is over has nothing to find.
    """
    name = f"class of {booking.course}"
    class_hours = f"the class is from {_time(booking.starts)} to {_time(booking.ends)}"
    if booking.ends <= overview.at:
        return skipped(name, f"{class_hours}, and over.")
    found = {each.name: each for each in overview.reservations}.get(booking.reservation)
    if found is None:
        return failed(
            name,
            f"{class_hours}, in the reservation {booking.reservation}, which the cluster does not "
            "have.",
            "Make it with scontrol create reservation, or take it out of the course.",
        )
    if found.maintenance:
        return failed(
            name,
            f"the reservation {found.name} is one for maintenance, and keeps the class out.",
            "Name another reservation in the course.",
        )
    if found.starts > booking.starts or found.ends < booking.ends:
        return failed(
            name,
            f"{class_hours}, and the reservation {found.name} from {_time(found.starts)} to "
            f"{_time(found.ends)}.",
            f"Correct either: scontrol update ReservationName={found.name} StartTime=... "
            "EndTime=...",
        )
    nodes = [node for node in nodes_of(offer, overview) if node.name in found.names]
    room = sum(seats_on(node, offer.limits) for node in nodes)
    sentence = (
        f"{class_hours}; the reservation {found.name} has {room} seats for {offer.title}, "
        f"and the course {booking.seats} people."
    )
    if room >= booking.seats:
        return ok(name, sentence)
    return failed(
        name,
        sentence,
        f"Give it more machines (scontrol update ReservationName={found.name} Nodes=...), or the "
        "course a smaller offer.",
    )


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))

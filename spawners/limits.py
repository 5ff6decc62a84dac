"""How much of what one person, or one course, may have at once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import LimitReached
from .language import Sentence as _
from .language import ngettext
from .offers import Offer


@dataclass(frozen=True)
class Quota:
    """The most that somebody may have; None is no limit.

    Attributes:
        sessions: at once, waiting ones included. Batch runs count too, where `batch` says nothing
            of them.
        batch: batch runs at once, waiting ones included.
        gpus: GPUs, MIG slices and shares at once, each counted as one.
        hours: of one session, with what it may be lengthened by, or of a batch run.
    """

    sessions: int | None = None
    batch: int | None = None
    gpus: int | None = None
    hours: float | None = None

    @property
    def counts(self) -> bool:
        """Whether it matters what there is already."""
        return (self.sessions, self.batch, self.gpus) != (None, None, None)

    def full(self, uses: Iterable[Use], *, batch: bool) -> int | None:
        """How many there may be, if that many there are; else None."""
        apart = self.batch is not None
        most = self.batch if batch and apart else self.sessions
        counted = [use for use in uses if not apart or use.batch == batch]
        return most if most is not None and len(counted) >= most else None

    def gpus_left(self, uses: Iterable[Use]) -> float:
        """How many more GPUs there may be in use."""
        return math.inf if self.gpus is None else self.gpus - sum(use.gpus for use in uses)


@dataclass(frozen=True)
class Quotas:
    """The limits of one person in all courses, and of one course for all persons."""

    person: Quota = Quota()
    course: Quota = Quota()


@dataclass(frozen=True)
class Use:
    """What one session, or one batch run, has, waiting or running."""

    user: str
    course: str
    gpus: int
    batch: bool = False


def gpus_of(offer: Offer) -> int:
    """How many GPUs, slices and shares a session of this offer counts for."""
    return sum(offer.limits.gpus.values()) + offer.limits.shards


def check(offer: Offer, user: str, course: str, uses: Iterable[Use], quotas: Quotas) -> None:
    """Raise `LimitReached` when one more session of this offer is too much.

    `uses` are all other sessions and batch runs of the hub.
    """
    mine, ours = _of(user, course, uses)
    wanted = gpus_of(offer)
    if (most := quotas.person.full(mine, batch=False)) is not None:
        raise LimitReached(
            ngettext(
                "You have {count} session at once, as many as allowed. End one of them first.",
                "You have {count} sessions at once, as many as allowed. End one of them first.",
                most,
            )
        )
    if used := _too_many_gpus(mine, quotas.person, wanted):
        raise LimitReached(
            _(
                "You have {used} of {most} GPUs in use, and this session asks for {wanted}. "
                "Choose an offer with fewer GPUs, or wait until a session has ended.",
                **used,
            )
        )
    if (most := quotas.course.full(ours, batch=False)) is not None:
        raise LimitReached(
            ngettext(
                "Your course has {count} session at once, as many as allowed. Try again when one "
                "of them has ended.",
                "Your course has {count} sessions at once, as many as allowed. Try again when one "
                "of them has ended.",
                most,
            )
        )
    if used := _too_many_gpus(ours, quotas.course, wanted):
        raise LimitReached(
            _(
                "Your course has {used} of {most} GPUs in use, and this session asks for "
                "{wanted}. Choose an offer with fewer GPUs, or wait until a session has ended.",
                **used,
            )
        )


def at_once(
    offer: Offer, user: str, course: str, uses: Iterable[Use], quotas: Quotas, wished: int
) -> int:
    """How many tasks of one more batch run may run at a time, at most as many as wished.

    The limits of GPUs make them fewer; no batch run is refused for having many tasks. Raises
    `LimitReached` when not even one may, or when there are as many batch runs as there may be.
    """
    mine, ours = _of(user, course, uses)
    if quotas.person.full(mine, batch=True) is not None:
        raise LimitReached(
            _(
                "You have as many batch runs and sessions at once as allowed. Cancel one of them, "
                "or submit this again when one has ended."
            )
            if quotas.person.batch is None
            else _(
                "You have as many batch runs at once as allowed. Cancel one of them, or submit "
                "this again when one has ended."
            )
        )
    if quotas.course.full(ours, batch=True) is not None:
        raise LimitReached(
            _("Your course has as many batch runs at once as allowed. Submit this again later.")
        )
    wanted = gpus_of(offer)
    for used, quota in ((mine, quotas.person), (ours, quotas.course)):
        if wanted and quota.gpus_left(used) < wanted:
            raise LimitReached(
                _(
                    "Too many of the {most} GPUs that may be in use at once are in use already. "
                    "Choose an offer with fewer GPUs, or submit this again when a session or a "
                    "batch run has ended.",
                    most=quota.gpus,
                )
            )
        if wanted:
            wished = int(min(wished, quota.gpus_left(used) // wanted))
    return wished


def _of(user: str, course: str, uses: Iterable[Use]) -> tuple[list[Use], list[Use]]:
    """What one person has, and what one course has."""
    uses = list(uses)
    return (
        [use for use in uses if use.user == user],
        [use for use in uses if use.course == course],
    )


def _too_many_gpus(uses: list[Use], quota: Quota, wanted: int) -> dict[str, int]:
    """What is used, allowed and wanted, if that is too much; else nothing."""
    if quota.gpus is None or not wanted or quota.gpus_left(uses) >= wanted:
        return {}
    return {"used": sum(use.gpus for use in uses), "most": quota.gpus, "wanted": wanted}


def longest(offer: Offer, quotas: Quotas) -> float:
    """The most hours that a session of this offer may ask for."""
    limits = [quotas.person.hours, quotas.course.hours, offer.limits.hours]
    return min(hours for hours in limits if hours is not None)


def more_hours(offer: Offer, quotas: Quotas, booked: float, added: float, wanted: float) -> float:
    """By how many of the hours wanted a session may be lengthened.

    It was booked for so many hours, and so many were added before.
    """
    rooms = [wanted, offer.limits.more_hours - added]
    rooms += [
        quota.hours - booked - added
        for quota in (quotas.person, quotas.course)
        if quota.hours is not None
    ]
    return max(0.0, min(rooms))

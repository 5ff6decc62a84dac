"""How much of what one person, or one course, may have at once."""

from __future__ import annotations

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
        sessions: at once, waiting ones included.
        gpus: GPUs, MIG slices and shares at once, each counted as one.
        hours: of one session, with what it may be lengthened by.
    """

    sessions: int | None = None
    gpus: int | None = None
    hours: float | None = None

    @property
    def counts(self) -> bool:
        """Whether it matters what there is already."""
        return self.sessions is not None or self.gpus is not None


@dataclass(frozen=True)
class Quotas:
    """The limits of one person in all courses, and of one course for all persons."""

    person: Quota = Quota()
    course: Quota = Quota()


@dataclass(frozen=True)
class Use:
    """What one session has, waiting or running."""

    user: str
    course: str
    gpus: int


def gpus_of(offer: Offer) -> int:
    """How many GPUs, slices and shares a session of this offer counts for."""
    return sum(offer.limits.gpus.values()) + offer.limits.shards


def check(offer: Offer, user: str, course: str, uses: Iterable[Use], quotas: Quotas) -> None:
    """Raise `LimitReached` when one more session of this offer is too much.

    `uses` are all other sessions of the hub.
    """
    uses = list(uses)
    mine = [use for use in uses if use.user == user]
    ours = [use for use in uses if use.course == course]
    wanted = gpus_of(offer)
    if _too_many(mine, quotas.person):
        raise LimitReached(
            ngettext(
                "You have {count} session at once, as many as allowed. End one of them first.",
                "You have {count} sessions at once, as many as allowed. End one of them first.",
                quotas.person.sessions or 0,
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
    if _too_many(ours, quotas.course):
        raise LimitReached(
            ngettext(
                "Your course has {count} session at once, as many as allowed. Try again when one "
                "of them has ended.",
                "Your course has {count} sessions at once, as many as allowed. Try again when one "
                "of them has ended.",
                quotas.course.sessions or 0,
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


def _too_many(uses: list[Use], quota: Quota) -> bool:
    return quota.sessions is not None and len(uses) >= quota.sessions


def _too_many_gpus(uses: list[Use], quota: Quota, wanted: int) -> dict[str, int]:
    """What is used, allowed and wanted, if that is too much; else nothing."""
    used = sum(use.gpus for use in uses)
    if quota.gpus is None or not wanted or used + wanted <= quota.gpus:
        return {}
    return {"used": used, "most": quota.gpus, "wanted": wanted}


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

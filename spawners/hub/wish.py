"""From what a user asked for to what he gets: user options, offers and terms in, a plan out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Refused
from ..language import Sentence as _
from ..offers import Account, Offer, Terms

KNOWN = frozenset({"offer", "hours"})
NO_HOURS = _("The hours of a session are a number above 0.")


NOBODY = Account("")


@dataclass(frozen=True)
class Plan:
    """A wish, granted: the offer, for how many hours, on which terms, and under whose account.

    The account comes last: it depends on the offer's cluster.
    """

    offer: Offer
    hours: float
    terms: Terms
    account: Account = NOBODY


def offers_of(terms: Terms, offers: Mapping[str, Offer]) -> list[Offer]:
    """What of the course's offers this site has, in the course's order."""
    return [offers[name] for name in terms.offers if name in offers]


def resolve(
    wish: Mapping[str, Any], terms: Terms | None, offers: Mapping[str, Offer], course: str
) -> Plan:
    """Resolve ``user_options``, which may be anything: they come from a form or from the REST API.

    No option is the course's first offer for as long as it may be. Raises `Refused` with a sentence
    for everything that is not on offer.
    """
    if terms is None:
        if not course:
            raise Refused(_("A session belongs to a course: choose the course on the home page."))
        raise Refused(
            _(
                "You are not enrolled in a course called '{course}'. Ask its instructor, or choose "
                "one of your courses on the home page.",
                course=course,
            )
        )
    if terms.refusal:
        raise Refused(terms.refusal)
    allowed = offers_of(terms, offers)
    if not allowed:
        raise Refused(
            _(
                "{course} has no offer at this site. Please tell the course's instructor.",
                course=terms.title,
            )
        )
    if unknown := sorted(str(key) for key in set(wish) - KNOWN):
        raise Refused(
            _("A session has no option '{option}'; it has an offer and hours.", option=unknown[0])
        )
    offer = _offer(wish.get("offer"), allowed, terms)
    return Plan(offer, _hours(wish.get("hours"), offer), terms)


def _offer(name: Any, allowed: Sequence[Offer], terms: Terms) -> Offer:
    if name is None:
        return allowed[0]
    for offer in allowed:
        if offer.name == name:
            return offer
    names = ", ".join(offer.name for offer in allowed)
    raise Refused(
        _(
            "{course} does not offer '{name}'. Choose one of: {names}.",
            course=terms.title,
            name=str(name)[:40],
            names=names,
        )
    )


def _hours(hours: Any, offer: Offer) -> float:
    longest = offer.limits.hours
    if hours is None:
        return longest
    if isinstance(hours, bool) or not isinstance(hours, (int, float)) or not hours > 0:
        raise Refused(NO_HOURS)
    if hours > longest:
        raise Refused(
            _(
                "{offer} runs for at most {hours:g} hours. Ask for fewer.",
                offer=offer.title,
                hours=longest,
            )
        )
    return float(hours)


def from_form(form: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """``user_options`` of the spawn page's form. Raises `Refused` when hours are no number."""
    options: dict[str, Any] = {}
    if offer := _single(form, "offer"):
        options["offer"] = offer
    if hours := _single(form, "hours"):
        try:
            options["hours"] = float(hours)
        except ValueError:
            raise Refused(NO_HOURS) from None
    return options


def _single(form: Mapping[str, Sequence[str]], name: str) -> str:
    values = form.get(name) or [""]
    return values[0].strip()

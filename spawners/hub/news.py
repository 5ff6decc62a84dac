"""What there is to tell of a session: the JSON that the pages and the session itself ask for.

docs/session-api.md describes the fields.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..jobs import Job, JobId, JobState
from ..language import Sentence as _
from ..language import told
from ..launch import Bid, Launch, Phase
from ..overview import Overview
from . import changes, held, wish
from .state import SessionState

if TYPE_CHECKING:
    from .spawner import ClusterSpawner

# Seconds that what is told of the queue may be old.
QUEUE_AGE = 5.0
# Seconds that a page's question waits for something new: more when many wait, so that all together
# ask so many questions a second at most; less than any proxy's patience.
SHORTEST, LONGEST = 2.0, 15.0
QUESTIONS = 20
STAGES = {
    Phase.SUBMITTING: "asked",
    Phase.WAITING: "waits",
    Phase.BOOTING: "starts",
    Phase.OPENING: "starts",
}
# Seconds from one look for something new to the next.
STEP = 0.25
# Seconds that what else could start may be old.
OTHERS_AGE = 3.0
IN_LINE = _("Many people start a session just now; yours is next in line")
Told = dict[str, Any]
# By cluster: two looks, and what was counted in them.
_places_known: dict[str, tuple[Overview, Mapping[JobId, Job], Mapping[JobId, int]]] = {}
_others_known: WeakKeyDictionary[Launch, tuple[float, list[dict[str, str]]]] = WeakKeyDictionary()

_NOTHING: Told = {
    "pending": False,
    "ready": False,
    "stage": "",
    "phase": "none",
    "news": "",
    "percent": 0,
    "offer": "",
    "waited": None,
    "reason": "",
    "place": None,
    "queue_length": None,
    "place_in_course": None,
    "expected": None,
    "silent_since": None,
    "notes": [],
    "others": [],
    "switching_to": None,
    "ends": None,
    "more": None,
    "last": None,
}


def of_state(session: SessionState) -> Told:
    """Of a session that is not there, from what the database keeps."""
    last = session.last
    return _NOTHING | {
        "phase": "ended" if last else "none",
        "last": last.model_dump() | {"sentence": told(last.sentence)} if last else None,
    }


def tell(spawner: ClusterSpawner) -> Told:
    """Of a session that the hub holds; nothing is waited for."""
    session, launch = spawner.session, spawner.launch
    found = of_state(session) | {
        "pending": bool(spawner.pending),
        "stage": stage(spawner),
        "ready": spawner.ready,
    }
    if launch is not None:
        return found | _on_its_way(spawner, launch)
    if spawner.in_line:
        return found | {"phase": Phase.SUBMITTING.value, "news": told(IN_LINE), "percent": 2}
    if session.up is None:
        return found
    noted = session.bid(session.up.attempt)
    watched = spawner.watched(noted.cluster)
    jobs = watched.jobs.glance(max_age=60.0) or {}
    job = jobs.get(noted.job)
    return found | {
        "phase": "running",
        "offer": noted.title,
        "ends": job.ends if job else None,
        "silent_since": watched.jobs.silent_since,
        "notes": [told(each) for each in session.notes],
    }


async def tell_all(spawner: ClusterSpawner) -> Told:
    """The same, with what takes a question: other offers, and whether there may be more time."""
    found = tell(spawner)
    if spawner.launch is not None and found["phase"] == "waiting":
        found["others"] = await _others(spawner, spawner.launch)
    if spawner.session.up is not None and spawner.ready:
        hours = await changes.allowed(spawner)
        cluster = spawner.session.bids[0].cluster
        how = "follow" if cluster in held.clusters.unyielding else "extend"
        found["more"] = {"hours": hours, "how": how} if hours > 0 else None
    return found


def stage(spawner: ClusterSpawner) -> str:
    """How far it is, in as few steps as a page must know at once; empty when not on its way."""
    if not spawner.pending:
        return ""
    if spawner.launch is None:
        return "asked" if spawner.in_line else "starts"
    return STAGES[spawner.launch.leading.phase]


async def new(spawner: ClusterSpawner, seen: str) -> None:
    """Return when it is not at this stage any more, or after a while."""
    hold = min(LONGEST, max(SHORTEST, len(held.on_their_way) / QUESTIONS))
    until = time.monotonic() + hold
    while stage(spawner) == seen and time.monotonic() < until:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(STEP)


def _on_its_way(spawner: ClusterSpawner, launch: Launch) -> Told:
    bid = launch.leading
    silent = bid.watched.jobs.silent_since
    others = [each for each in launch.bids if each is not launch.bids[0]]
    found: Told = {
        "phase": bid.phase.value,
        "offer": launch.bids[0].spec.offer.title,
        "notes": [told(each) for each in launch.notes],
        "silent_since": silent,
        "switching_to": others[-1].spec.offer.title if others else None,
    }
    if bid.phase is Phase.WAITING:
        found |= _in_the_queue(launch, launch.bids[0])
        if launch.returning:
            found["phase"] = "returning"
    news = told(_sentence(launch, bid, found))
    return found | {"news": news, "percent": _percent(launch, bid, found)}


def _in_the_queue(launch: Launch, bid: Bid) -> Told:
    """Place, reason and expected start of a bid that waits."""
    now = time.time()
    job = bid.job
    overview = bid.watched.overview.glance(max_age=QUEUE_AGE) or Overview()
    jobs = bid.watched.jobs.glance(max_age=QUEUE_AGE) or {}
    place = overview.place(bid.id)
    if place is not None:
        launch.first_place = max(launch.first_place, place)
    return {
        "waited": int(now - bid.since),
        "reason": told(job.why or job.reason) if job else "",
        "place": place,
        "queue_length": overview.queue_length(bid.id),
        "place_in_course": _places_in_course(bid.watched.name, overview, jobs).get(bid.id),
        "expected": expected(job.starts, now) if job and job.starts else None,
    }


def expected(starts: float, now: float) -> list[float]:
    """From when to when a job may start, from the one time that the cluster plans for it.

    A scheduler plans as if all jobs before it used all their time. Most end earlier, so its time is
    the late end, and half of the way to it the early one.
    """
    late = max(starts, now)
    return [now + (late - now) / 2, late]


def _places_in_course(
    cluster: str, overview: Overview, jobs: Mapping[JobId, Job]
) -> Mapping[JobId, int]:
    """The places among the waiting sessions of the same course, of all that wait on a cluster.

    Everybody who waits asks each second; from the same two looks it is counted once.
    """
    known = _places_known.get(cluster)
    if known is not None and known[0] is overview and known[1] is jobs:
        return known[2]
    waiting: Counter[str] = Counter()
    places = {}
    for id_ in dict.fromkeys(each.id for each in overview.queue):
        job = jobs.get(id_)
        if job is not None and job.state is JobState.WAITING:
            waiting[job.key.server] += 1
            places[id_] = waiting[job.key.server]
    _places_known[cluster] = overview, jobs, places
    return places


def _sentence(launch: Launch, bid: Bid, found: Told) -> str:
    if found["silent_since"] is not None:
        return _("The cluster does not answer at the moment. Nothing is lost; we keep asking.")
    if bid.phase is Phase.SUBMITTING:
        return _("Asking the cluster for a session")
    if bid.phase is Phase.WAITING:
        if bid.job is None:
            return _("In the queue")
        reason = found["reason"] or _("waiting for its turn")
        if launch.returning:
            return _("Your session is coming back: {reason}", reason=reason)
        return _("In the queue: {reason}", reason=reason)
    if bid.phase is Phase.BOOTING and bid.job:
        return _("Your session is starting on {node}", node=bid.job.node)
    return _("Your notebook is being opened")


def _percent(launch: Launch, bid: Bid, found: Told) -> int:
    """How far it is: the queue is the first half, and moves with the place in it."""
    if bid.phase is Phase.WAITING:
        place, first = found["place"], launch.first_place
        passed = (first - place) / first if place and first else 0.0
        return round(10 + 40 * passed)
    return {Phase.SUBMITTING: 5, Phase.BOOTING: 65, Phase.OPENING: 85}[bid.phase]


async def _others(spawner: ClusterSpawner, launch: Launch) -> list[dict[str, str]]:
    """Offers that could start now, and are not asked for yet; a page asks each second."""
    asked = {bid.spec.offer.name for bid in launch.bids}
    known = _others_known.get(launch)
    if known is not None and time.monotonic() - known[0] < OTHERS_AGE:
        return [each for each in known[1] if each["offer"] not in asked]
    # What it was granted on; a hub that started again does not know.
    terms = spawner.terms_now or await spawner.find_terms()
    if terms is None:
        return []
    found = []
    for offer in wish.offers_of(terms, spawner.find_offers(terms)):
        if offer.name in asked:
            continue
        overview = spawner.watched(offer.cluster).overview.glance(max_age=QUEUE_AGE)
        free = overview is not None and overview.could_start_now(offer)
        if free and await spawner.may(offer, terms):
            found.append({"offer": offer.name, "title": offer.title})
    _others_known[launch] = (time.monotonic(), found)
    return found

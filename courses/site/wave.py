"""A rehearsal from its begin to its end: students are made, come, work, leave and are removed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from courses.errors import NotAllowed
from courses.rehearsal import Plan, Rehearsal, Step, disturbed
from courses.site import people
from courses.site.front import front_door
from courses.site.hub import RehearsalHub
from courses.site.student import Student
from courses.store import Store

Say = Callable[[str], None]
Tell = Callable[[str, Step, bool], None]


async def rehearse(
    store: Store, plan: Plan, url: str, token: str, *, yes: bool, say: Say, tell: Tell
) -> Rehearsal:
    """Rehearse; whatever happens, nobody synthetic is left, or the error says so.

    Args:
        url: the site's address, as people type it.
        token: of the hub's service.
        yes: also beside a live class.
        say: hears sentences for the operator.
        tell: hears of each student's step that is over, and whether it went well.

    Raises `CourseError`: `NotAllowed` beside a live class.
    """
    async with front_door(url, token) as front:
        hub = RehearsalHub(front)
        await _clean(store, hub, say)
        sentence = disturbed(
            plan, await hub.sessions(), people.all_courses(store), datetime.now(UTC)
        )
        if sentence and not yes:
            raise NotAllowed(sentence)
        try:
            say(f"Making {plan.students} synthetic students ...")
            people.enrol(store, plan, datetime.now(UTC))
            await hub.make(plan.names)
            return await _wave(plan, hub, tell)
        finally:
            say("Removing the synthetic students ...")
            await _remove(store, hub)


async def clean(store: Store, url: str, token: str, say: Say) -> int:
    """Remove what an interrupted rehearsal left; how many students. Raises `CourseError`."""
    async with front_door(url, token) as front:
        return await _clean(store, RehearsalHub(front), say)


async def _wave(plan: Plan, hub: RehearsalHub, tell: Tell) -> Rehearsal:
    started, zero = datetime.now(UTC), time.monotonic()
    all_done = asyncio.Barrier(plan.students)

    def clock() -> float:
        return time.monotonic() - zero

    async with asyncio.TaskGroup() as group:
        ways = []
        for number, name in enumerate(plan.names):

            def told(step: Step, ok: bool, name: str = name) -> None:
                tell(name, step, ok)

            student = Student(name, plan, hub, clock, told)
            arrives = plan.within * number / plan.students
            ways.append(group.create_task(student.attend(arrives, all_done)))
    return Rehearsal(plan, started, tuple(way.result() for way in ways))


async def _clean(store: Store, hub: RehearsalHub, say: Say) -> int:
    left = await hub.left()
    if left:
        say(f"Removing {len(left)} synthetic students of an earlier rehearsal ...")
    return len(set(await _remove(store, hub)) | set(left))


async def _remove(store: Store, hub: RehearsalHub) -> list[str]:
    try:
        await hub.remove(await hub.left())
    finally:
        # Also when the hub is away: nobody synthetic is to stand in the instructor's list.
        names = await asyncio.to_thread(people.forget, store)
    return names

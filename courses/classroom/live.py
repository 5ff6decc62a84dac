"""The numbers of courses as they come in, for all who look at them.

While anybody waits for news, one query a second at most asks which of the courses that are looked
at have changed, whoever changed them (this process, another one, a command); what is new is worked
out once and told to all. Who waits holds no thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from logging import Logger
from typing import Protocol, TypeVar

from courses.errors import CourseError
from courses.overview import Cell, Overview

T = TypeVar("T")
Key = tuple[str, str]
Mark = tuple[int, int]


class Source(Protocol):
    """Where the numbers come from. Its methods block, and raise errors of `courses.errors`."""

    def marks(self, slugs: Collection[str]) -> Mapping[str, Mark]:
        """For each course what differs when it has changed; none for a course without a change."""

    def read(self, slug: str) -> Overview:
        """Where everybody in a course stands."""


@dataclass(frozen=True)
class News:
    """What is new since what a page has.

    Attributes:
        seen: what the page says next time.
        overview: how it is now.
        cells: whose places with which assignments are others now: (assignment, person).
        anew: whether the page must be loaded again: people came or went, or a release did.
    """

    seen: str
    overview: Overview
    cells: tuple[Key, ...]
    anew: bool


@dataclass
class _Room:
    """A course that is looked at. ``changed`` has the number of the last change of each cell."""

    epoch: str = field(default_factory=lambda: secrets.token_hex(4))
    number: int = 0
    frame: str = ""
    mark: Mark | None = None
    overview: Overview | None = None
    changed: dict[Key, int] = field(default_factory=dict)
    waiting: int = 0
    asked: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def seen(self) -> str:
        return f"{self.epoch}-{self.number}-{self.frame}"

    def since(self, seen: str) -> News | None:
        """What is new; None when nothing is. Who comes from another time is told everything."""
        if self.overview is None or seen == self.seen:
            return None
        epoch, number, frame = (*seen.split("-"), "", "")[:3]
        if epoch == self.epoch and number.isdecimal() and len(number) < 16:
            cells = tuple(key for key, at in self.changed.items() if at > int(number))
        else:
            cells = tuple(self.overview.cells)
        return News(self.seen, self.overview, cells, frame != self.frame)

    def take(self, mark: Mark | None, found: Overview) -> bool:
        """Whether anything differs from what was known."""
        known, self.mark, self.overview = self.overview, mark, found
        if known == found:
            return False
        shown = (found.students, found.staff, sorted(found.released.items()))
        self.frame = hashlib.sha256(repr(shown).encode()).hexdigest()[:8]
        if known is not None:
            self.number += 1
            nothing = Cell()
            for key in {*known.cells, *found.cells}:
                if known.cells.get(key, nothing) != found.cells.get(key, nothing):
                    self.changed[key] = self.number
        return True


class Live:
    """The courses that are looked at just now."""

    def __init__(
        self,
        source: Source,
        pool: Executor,
        log: Logger,
        *,
        every: float = 1.0,
        kept: float = 300.0,
    ) -> None:
        """``every``: seconds between two looks; ``kept``: how long a course is remembered."""
        self._source = source
        self._pool = pool
        self._log = log
        self._every = every
        self._kept = kept
        self._rooms: dict[str, _Room] = {}
        self._task: asyncio.Task[None] | None = None

    async def seen(self, slug: str) -> str:
        """What a page that is made now has seen. Raises errors of `courses.errors`."""
        room = self._room(slug)
        if not room.waiting:
            await self._look(slug, room)
        return room.seen

    async def news(self, slug: str, seen: str, seconds: float) -> News | None:
        """What is new since ``seen``, at once or as soon as something is; None after ``seconds``.

        Raises errors of `courses.errors`.
        """
        room = self._room(slug)
        if not room.waiting:
            await self._look(slug, room)
        if found := room.since(seen):
            return found
        room.waiting += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        try:
            async with asyncio.timeout(seconds), room.news:
                await room.news.wait_for(lambda: room.since(seen))
        except TimeoutError:
            return None
        finally:
            room.waiting -= 1
            room.asked = time.monotonic()
        return room.since(seen)

    def _room(self, slug: str) -> _Room:
        now = time.monotonic()
        for other, room in list(self._rooms.items()):
            if not room.waiting and now - room.asked > self._kept and other != slug:
                del self._rooms[other]
        room = self._rooms.setdefault(slug, _Room())
        room.asked = now
        return room

    async def _follow(self) -> None:
        took = 0.0
        while watched := {slug: room for slug, room in self._rooms.items() if room.waiting}:
            # A large course in the hour of its deadline costs a tenth of the time at most.
            await asyncio.sleep(max(self._every, 9 * took))
            began = time.monotonic()
            try:
                marks = await self._blocking(self._source.marks, tuple(watched))
                for slug, room in watched.items():
                    if marks.get(slug) != room.mark:
                        await self._read(slug, room, marks.get(slug))
            except CourseError as error:  # the database is away: the next look may see more
                self._log.warning("The numbers of courses cannot be followed: %s", error)
            except Exception:  # who waits asks again, and this must go on for the others
                self._log.exception("The numbers of courses cannot be followed")
            took = time.monotonic() - began

    async def _look(self, slug: str, room: _Room) -> None:
        """See at once what has changed while nobody was waiting."""
        mark = (await self._blocking(self._source.marks, (slug,))).get(slug)
        if room.overview is None or mark != room.mark:
            await self._read(slug, room, mark)

    async def _read(self, slug: str, room: _Room, mark: Mark | None) -> None:
        """Who comes while another reads finds what that one has read.

        The mark is older than what is read then: too early a change is seen twice, none is missed.
        """
        before = room.overview
        async with room.lock:
            if room.overview is not before and room.mark == mark:
                return
            if not room.take(mark, await self._blocking(self._source.read, slug)):
                return
        async with room.news:
            room.news.notify_all()

    async def _blocking(self, call: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)

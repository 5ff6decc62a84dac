"""People at their browsers, hundreds of them as one process.

    python crowd.py < parameters.json > figures.json

A student opens the page where a session is started, presses Start some seconds later, and is sent
to the waiting page; that asks how far the session is, and the answer waits for something new
(spawners/hub/pages/waiting.js). When the session is ready, the page loads itself anew and is sent
on to the session. Meanwhile others look at the home page and at the page with the offers, whose
numbers are asked for every 15 s. Everybody is logged in with a cookie. What a browser has in its
cache after the first page is not asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import resource
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import aiohttp

NAVIGATE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
FETCH = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
OFFERS_EVERY = 15.0
# Seconds that a visitor looks at the offers.
STAY = 30.0
PATIENCE = 120.0


class Unexpected(Exception):
    """The hub answered what it should not."""


@dataclass
class Seen:
    """What all of them saw: seconds by kind of question, and outcomes."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    when: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ready: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    began: float = 0.0


class Person:
    """One browser, logged in as a user of its own."""

    def __init__(self, base: str, name: str, http: aiohttp.ClientSession, seen: Seen) -> None:
        self.base, self.name = base, name
        self._http, self._seen = http, seen
        self._cookies: dict[str, str] = {}

    async def login(self) -> None:
        """Through the login form."""
        await self.get("login", "hub/login", NAVIGATE)
        form = {"username": self.name, "password": "x", "_xsrf": self._cookies["_xsrf"]}
        await self._ask("login", "POST", "hub/login?next=", NAVIGATE, {302}, data=form)
        await self.get("login", "hub/home", NAVIGATE)

    async def get(
        self, kind: str, path: str, headers: dict[str, str], expected: set[int] | None = None
    ) -> tuple[int, str, str]:
        """Status, text and where it sends on to."""
        return await self._ask(kind, "GET", path, headers, expected or {200})

    async def json(self, kind: str, path: str) -> dict[str, Any]:
        """An answer of the hub's API."""
        headers = FETCH | {"X-XSRFToken": self._cookies["_xsrf"]}
        _, text, _ = await self.get(kind, f"hub/api/{path}", headers)
        found: dict[str, Any] = json.loads(text)
        return found

    async def start(self, course: str, offer: str) -> None:
        """Press Start, and wait until the session's page is there."""
        form = {"offer": offer, "hours": "", "_xsrf": self._cookies["_xsrf"]}
        path = f"hub/spawn/{self.name}/{course}"
        await self._ask(
            "start", "POST", f"{path}?_xsrf={form['_xsrf']}", NAVIGATE, {302}, data=form
        )
        pending = f"hub/spawn-pending/{self.name}/{course}"
        status, _, to = await self.get("waiting", pending, NAVIGATE, {200, 302})
        if status == 200:
            await self._wait(course)
            _, _, to = await self.get("open", pending, NAVIGATE, {302})
        await self.get("session", to.lstrip("/"), NAVIGATE)

    async def _wait(self, course: str) -> None:
        stage = ""
        while True:
            # An answer that waits for something new is late by intention.
            kind = "held" if stage else "news"
            told = await self.json(kind, f"session/{self.name}/{course}?seen={stage}")
            if not told["pending"]:
                if not told["ready"]:
                    raise Unexpected(f"not ready: {told['last']}")
                return
            await asyncio.sleep(0.2 if told["stage"] == stage else 0.0)
            stage = told["stage"]

    async def _ask(
        self,
        kind: str,
        method: str,
        path: str,
        headers: dict[str, str],
        expected: set[int],
        data: dict[str, str] | None = None,
    ) -> tuple[int, str, str]:
        began = time.monotonic()
        async with self._http.request(
            method,
            f"{self.base}/{path}",
            headers=headers | {"Cookie": self._cookie()},
            data=data,
            allow_redirects=False,
        ) as answer:
            text = await answer.text()
            for name, morsel in answer.cookies.items():
                self._cookies[name] = morsel.value
        self._seen.seconds[kind].append(time.monotonic() - began)
        self._seen.when[kind].append(time.time())
        if answer.status not in expected:
            shown = re.sub(r"<[^>]+>|\s+", " ", text)[-300:]
            raise Unexpected(f"{kind}: HTTP {answer.status} {shown}")
        return answer.status, text, answer.headers.get("Location", "")

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())


async def student(
    person: Person, course: str, offer: str, at: float, choice: float, seen: Seen
) -> None:
    """Come, choose for so long, press Start at this moment, and open the session."""
    try:
        await asyncio.sleep(max(0.0, at - choice - time.monotonic()))
        await person.get("spawn", f"hub/spawn/{person.name}/{course}", NAVIGATE)
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        pressed = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            await person.start(course, offer)
        seen.ready.append(time.monotonic() - pressed)
    except Exception as error:
        seen.failed.append(f"{person.name}: {type(error).__name__} {error}")


async def visitor(person: Person, course: str, first: float) -> None:
    """Look at the home page, then at the offers for a while; their numbers refresh themselves."""
    await asyncio.sleep(first)
    while True:
        # A page that fails is in the figures by its seconds; who looks, looks again.
        with contextlib.suppress(Unexpected, aiohttp.ClientError, TimeoutError):
            await person.get("home", "hub/home", NAVIGATE)
            await asyncio.sleep(STAY / 10)
            await person.get("spawn", f"hub/spawn/{person.name}/{course}", NAVIGATE)
            for _ in range(round(STAY / OFFERS_EVERY)):
                await asyncio.sleep(OFFERS_EVERY)
                await person.json("offers", f"offers/{course}")
        await asyncio.sleep(STAY / 10)


async def run(parameters: dict[str, Any]) -> dict[str, Any]:
    """All of it; the figures.

    Args:
        parameters: ``url`` of the hub, ``course``, ``offers``, how many ``students`` and
            ``visitors``, and of the students the number of the ``first``; in seconds ``before``
            (visitors only), ``within`` (all press Start) and ``choice`` (least and most, from the
            page with the offers to Start).
    """
    base, course = parameters["url"], parameters["course"]
    count, others = parameters["students"], parameters["visitors"]
    first = parameters.get("first", 0)
    chance, seen = random.Random(1), Seen()
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout
    ) as http:
        students = [Person(base, f"student-{first + n}", http, seen) for n in range(count)]
        visitors = [Person(base, f"visitor-{n}", http, seen) for n in range(others)]
        at_once = asyncio.Semaphore(8)

        async def login(person: Person) -> None:
            async with at_once:
                await person.login()

        await asyncio.gather(*(login(person) for person in [*students, *visitors]))
        print(json.dumps({"logged_in": True}), file=sys.stderr, flush=True)
        looking = [
            asyncio.create_task(visitor(person, course, chance.uniform(0, 1.2 * STAY)))
            for person in visitors
        ]
        await asyncio.sleep(parameters["before"])
        seen.began = time.time()
        choice = parameters["choice"]
        at = time.monotonic() + choice[1]
        moments = sorted(chance.uniform(0, parameters["within"]) for _ in students)
        offers = parameters["offers"]
        await asyncio.gather(
            *(
                student(
                    person,
                    course,
                    offers[n % len(offers)],
                    at + moment,
                    chance.uniform(*choice),
                    seen,
                )
                for n, (person, moment) in enumerate(zip(students, moments, strict=True))
            )
        )
        ended = time.time()
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "began": seen.began,
        "ended": ended,
        "seconds": {
            kind: [s for s, t in zip(found, seen.when[kind], strict=True) if t >= seen.began]
            for kind, found in seen.seconds.items()
        },
        "ready_s": seen.ready,
        "failed": seen.failed,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }


if __name__ == "__main__":
    json.dump(asyncio.run(run(json.load(sys.stdin))), sys.stdout)

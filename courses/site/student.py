"""One synthetic student's way through a class."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from courses.rehearsal import Attempt, Outcome, Plan, Step
from courses.site.front import Trouble
from courses.site.hub import RehearsalHub
from courses.site.notebook import CELL, RESULT, Assignments, Kernel

# Deadlines of the steps in seconds; that of the start is the plan's patience.
SECONDS = {Step.LOGIN: 60.0, Step.CELL: 120.0, Step.SUBMIT: 180.0, Step.STOP: 120.0}
# As the page of who waits asks (spawners/hub/pages/waiting.js).
_ASK, _ASK_LATER, _LATER, _STREAM = 1.0, 3.0, 60.0, 15.0
# The proxy's answers in the moment before it knows of a session.
_NOT_YET = frozenset({302, 424, 502, 503, 504})
_CLASSROOM = "/services/classroom"
_AWAY = {"none", "ended"}
# The course's folder too, when nothing else is in it.
_TIDY = """import contextlib, os, shutil
shutil.rmtree({folder})
with contextlib.suppress(OSError):
    os.rmdir(os.path.dirname({folder}))
"""

Tell = Callable[[Step, bool], None]


class Student:
    """A student: comes, works, waits for the others, and leaves.

    Args:
        name: the hub's.
        plan: what to do.
        hub: gives the token.
        clock: seconds since the rehearsal began.
        tell: hears of each step that is over, and whether it went well.
    """

    def __init__(
        self, name: str, plan: Plan, hub: RehearsalHub, clock: Callable[[], float], tell: Tell
    ) -> None:
        self.name = name
        self._plan = plan
        self._hub = hub
        self._front = hub.front
        self._clock = clock
        self._tell = tell
        self._outcomes: list[Outcome] = []
        self._kernel: Kernel | None = None
        self._fetched = ""
        self._news = ""

    @property
    def _base(self) -> str:
        return f"/user/{self.name}/{self._plan.course}/"

    @property
    def _session(self) -> str:
        return f"/hub/api/session/{self.name}/{self._plan.course}"

    @property
    def _server(self) -> str:
        return f"/hub/api/users/{self.name}/servers/{self._plan.course}"

    async def attend(self, arrives: float, all_done: asyncio.Barrier) -> Attempt:
        """Go the whole way; what fails is noted, nothing is raised."""
        await asyncio.sleep(max(0.0, arrives - self._clock()))
        came = self._clock()
        ready = await self._step(Step.LOGIN, self._log_in) and await self._step(
            Step.START, self._start
        )
        if ready:
            await self._step(Step.CELL, self._run_cell)
            if self._plan.assignment:
                await self._step(Step.SUBMIT, self._hand_in)
            await self._tidy()
        # A class is there all at once: nobody makes room before the last is through.
        await all_done.wait()
        if ready:
            await self._step(Step.STOP, self._stop)
        return Attempt(self.name, came, tuple(self._outcomes))

    async def _step(self, step: Step, do: Callable[[], Awaitable[None]]) -> bool:
        began, cause = self._clock(), ""
        limit = SECONDS.get(step, self._plan.patience)
        try:
            async with asyncio.timeout(limit):
                await do()
        except Trouble as trouble:
            cause = str(trouble)
        except TimeoutError:
            said = f" The hub said last: {self._news}" if step is Step.START and self._news else ""
            cause = f"Not done after {limit:g} s.{said}"
        except (LookupError, TypeError, AttributeError, ValueError):
            cause = "The answer is not the expected one."
        self._outcomes.append(Outcome(step, began, self._clock() - began, cause))
        self._tell(step, not cause)
        return not cause

    async def _log_in(self) -> None:
        self._front = self._front.as_person(await self._hub.token(self.name))
        page = f"{_CLASSROOM}/courses/{self._plan.course}"
        await self._front.get("The course's page", "GET", page)

    async def _start(self) -> None:
        # Without an offer, the hub takes the course's first that the site has.
        wish = {"offer": self._plan.offer} if self._plan.offer else {}
        answer = await self._front.ask("POST", self._server, {"user_options": wish})
        if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Trouble("The hub failed to start the session (500); its log says why.")
        if answer.gave_up:
            raise Trouble(
                f"The click took too long for the proxy, which gave up ({answer.status})."
            )
        if not answer.ok:
            raise Trouble(answer.message() or f"The hub answered {answer.status} to the click.")
        await self._wait()
        while True:
            page = await self._front.ask("GET", f"{self._base}lab")
            if page.ok:
                return
            if page.status not in _NOT_YET:
                raise Trouble(f"JupyterLab's page was answered with {page.status}.")
            await asyncio.sleep(0.2)

    async def _wait(self) -> None:
        """Ask as the page of who waits does, until the session is ready. Raises `Trouble`."""
        news, phase, since = asyncio.Event(), "", self._clock()
        listening: set[asyncio.Task[None]] = set()
        try:
            while True:
                told = (await self._front.patient("The question", "GET", self._session)).json()
                if told["ready"]:
                    return
                if not told["pending"] and told["phase"] in _AWAY:
                    raise Trouble(_last(told) or "The session did not come up.")
                self._news = told["news"] or self._news
                if told["phase"] != phase:
                    phase = told["phase"]
                    listening.add(asyncio.create_task(self._listen(news)))
                pause = _ASK_LATER if self._clock() - since > _LATER else _ASK
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await news.wait()
                news.clear()
        finally:
            for task in listening:
                task.cancel()

    async def _listen(self, news: asyncio.Event) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_STREAM):
                async for told in self._front.events(f"{self._server}/progress"):
                    if told.get("ready") or told.get("failed"):
                        news.set()
                        return

    async def _run_cell(self) -> None:
        self._kernel = await Kernel.start(self._front, self._base)
        result = await self._kernel.run(CELL)
        if result != RESULT:
            raise Trouble(f"The kernel says that {CELL} is {result[:40]!r}.")

    async def _hand_in(self) -> None:
        assignment, course = self._plan.assignment, self._plan.course
        listed = Assignments(self._front, self._base, course)
        self._fetched = await listed.fetch(assignment)
        await listed.submit(assignment)
        address = f"{_CLASSROOM}/api/courses/{course}/assignments"
        mine = (await self._front.get("The list of submissions", "GET", address)).json()
        if not any(each["name"] == assignment and each["submissions"] for each in mine):
            raise Trouble("nbgrader says that it was handed in; the classroom has nothing.")

    async def _tidy(self) -> None:
        """Remove the folder that was fetched: the account's home is as it was."""
        if self._kernel and self._fetched:
            code = _TIDY.format(folder=json.dumps(self._fetched))
            with suppress(Trouble, TimeoutError):
                async with asyncio.timeout(SECONDS[Step.CELL]):
                    await self._kernel.run(code)

    async def _stop(self) -> None:
        await self._front.patient("The end of the session", "DELETE", self._server)
        while True:
            told = (await self._front.patient("The question", "GET", self._session)).json()
            if not told["pending"] and not told["ready"]:
                return
            await asyncio.sleep(_ASK)


def _last(told: dict[str, Any]) -> str:
    return str((told.get("last") or {}).get("sentence", ""))

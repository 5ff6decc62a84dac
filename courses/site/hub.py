"""What the operator's service asks of the hub: synthetic students made, counted and removed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from courses.errors import SetupError, Unavailable
from courses.rehearsal import PREFIX, is_synthetic
from courses.site.front import Answer, Front, Trouble

# A token of a student outlives no rehearsal.
TOKEN_SECONDS = 2 * 3600
STOP_SECONDS = 120.0
# So many at once: making and removing them is not what is measured.
_AT_ONCE = 8
_PAGE = 200
_METRIC = "lesesal_sessions"


class RehearsalHub:
    """The hub, for the service whose rights `courses.hub.rehearsals.role` lists."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def sessions(self) -> dict[str, int]:
        """How many sessions run or wait, by course; needs `read:metrics`. Raises `CourseError`."""
        text = (await self._ask("GET", "/hub/metrics")).body.decode()
        ours = "\n".join(
            line for line in text.splitlines() if _METRIC in line.partition("{")[0].split()[-1:]
        )
        found: Counter[str] = Counter()
        for family in text_string_to_metric_families(ours + "\n"):
            for sample in family.samples:
                found[sample.labels["course"]] += int(sample.value)
        return dict(found)

    async def make(self, names: Iterable[str]) -> None:
        """Make the students. Raises `CourseError` with the hub's words."""
        await asyncio.gather(*(self._make(name) for name in names))

    async def token(self, name: str) -> str:
        """A token of a student, as a login would give a cookie. Raises `Trouble`."""
        body = {"note": "rehearsal", "expires_in": TOKEN_SECONDS}
        answer = await self.front.get("The login", "POST", f"/hub/api/users/{name}/tokens", body)
        return str(answer.json()["token"])

    async def left(self) -> dict[str, dict[str, Any]]:
        """The synthetic students that the hub has, with its models. Raises `CourseError`."""
        found: dict[str, dict[str, Any]] = {}
        for offset in range(0, 10 * _PAGE, _PAGE):
            window = {"name_filter": PREFIX, "offset": str(offset), "limit": str(_PAGE)}
            users = (await self._ask("GET", "/hub/api/users", **window)).json()
            found |= {user["name"]: user for user in users if is_synthetic(user["name"])}
            if len(users) < _PAGE:
                break
        return found

    async def remove(self, found: dict[str, dict[str, Any]]) -> None:
        """End their sessions and remove them. Raises `CourseError` when some are left."""
        told = await asyncio.gather(
            *(self._remove(name, model) for name, model in found.items()), return_exceptions=True
        )
        troubles = [each for each in told if isinstance(each, Exception)]
        if troubles:
            why = str(troubles[0]) or "their sessions do not end."
            raise Unavailable(
                f"{len(troubles)} synthetic students are still on the hub: {why} "
                "Run lesesal rehearse --clean when it answers again."
            ) from troubles[0]

    async def _make(self, name: str) -> None:
        async with self._room:
            answer = await self._answer("POST", f"/hub/api/users/{name}")
        if not answer.ok and answer.status != 409:  # there already
            raise SetupError(
                f"The hub did not make the synthetic student {name}: {_said(answer)} "
                "Has its configuration the rehearsal's role, for so many students? "
                "docs/operators.md has the lines."
            )

    async def _remove(self, name: str, model: dict[str, Any]) -> None:
        async with self._room, asyncio.timeout(STOP_SECONDS):
            for server in model.get("servers") or {}:
                await self._stop(name, server)
            while True:
                answer = await self._answer("DELETE", f"/hub/api/users/{name}")
                if answer.ok or answer.status == 404:
                    return
                await asyncio.sleep(0.5)

    async def _stop(self, name: str, server: str) -> None:
        while True:
            await self._answer("DELETE", f"/hub/api/users/{name}/servers/{server}")
            answer = await self._answer("GET", f"/hub/api/users/{name}")
            if answer.status == 404 or server not in answer.json().get("servers", {}):
                return
            await asyncio.sleep(0.5)

    async def _ask(self, method: str, path: str, **params: str) -> Answer:
        answer = await self._answer(method, path, **params)
        if answer.status in (401, 403):
            raise SetupError(
                "The hub does not take the rehearsal's token for this. Has its configuration the "
                "rehearsal's service and role, and was it started again since? docs/operators.md "
                "has the lines."
            )
        if not answer.ok:
            raise Unavailable(f"The hub at {self.front.url} answered {_said(answer)}")
        return answer

    async def _answer(self, method: str, path: str, **params: str) -> Answer:
        try:
            return await self.front.ask(method, path, **params)
        except Trouble as trouble:
            raise Unavailable(
                f"{trouble} Is this the address that people type? Give it with --url."
            ) from trouble


def _said(answer: Answer) -> str:
    return f"{answer.status}: {answer.message() or 'without a word.'}"

"""The hub's groups follow from who is enrolled, and guests leave the hub when their time is over.

For each course: ``nbgrader-COURSE`` has its students and ``formgrade-COURSE`` who grades, as
nbgrader's own authentication for JupyterHub wants them; ``lesesal-COURSE`` has all. Only groups of
these names are touched. People whom the hub does not know yet come in when they first log in.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from logging import Logger
from typing import Any, TypeVar
from urllib.parse import quote

from jupyterhub.services.auth import HubOAuth
from sqlalchemy import select
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from courses.course import Enrolment, Role
from courses.errors import Unavailable
from courses.joining import Guest
from courses.store import Store, joining, people
from courses.store.audit import AuditRow, now

T = TypeVar("T")

ACTOR = "classroom"
# Whom the classroom may remove from the hub: its scope names this group. No slug has a "_".
GUESTS = "lesesal_guests"
_PAGE = 200
_TIMEOUT_SECONDS = 10.0
# How long not to ask again for somebody whom the hub did not know, and who has not been here.
_ABSENT_SECONDS = 3600.0
# Changes after which people may be in other groups. The minute's look finds all others.
_ACTIONS = ("enrol", "unenrol", "sync", "rehearsal-over", "forget")


@dataclass(frozen=True)
class Change:
    """What has to be done to one group."""

    group: str
    create: bool
    add: tuple[str, ...]
    remove: tuple[str, ...]


def wanted_groups(slugs: Iterable[str], enrolled: Iterable[Enrolment]) -> dict[str, set[str]]:
    """Who is to be in which group."""
    found: dict[str, set[str]] = {}
    for slug in slugs:
        for prefix in ("lesesal", "nbgrader", "formgrade"):
            found[f"{prefix}-{slug}"] = set()
    for each in enrolled:
        found[f"lesesal-{each.course}"].add(each.user)
        prefix = "nbgrader" if each.role is Role.STUDENT else "formgrade"
        found[f"{prefix}-{each.course}"].add(each.user)
    return found


def changes(
    wanted: Mapping[str, set[str]], actual: Mapping[str, set[str]], absent: set[str]
) -> list[Change]:
    """What is to be done, by group. Groups that are not wanted are none of our business.

    Args:
        absent: whom the hub does not know, in small letters.
    """
    found = []
    for group, users in sorted(wanted.items()):
        there = actual.get(group)
        # The hub spells in small letters what a roster may spell otherwise.
        have = {user.lower() for user in there or ()}
        keep = {user.lower() for user in users}
        add = tuple(sorted(user for user in users if user.lower() not in have | absent))
        remove = tuple(sorted(user for user in there or () if user.lower() not in keep))
        if there is None or add or remove:
            found.append(Change(group, there is None, add, remove))
    return found


class HubApi:
    """The hub's API with the service's own token; raises `Unavailable` when it does not answer.

    Scopes: ``admin:groups``, ``groups``, ``list:groups``; ``read:servers``, ``delete:servers``,
    and ``delete:users!group=lesesal_guests``.
    """

    def __init__(self, auth: HubOAuth, log: Logger) -> None:
        self._auth = auth
        self._log = log

    async def groups(self) -> dict[str, set[str]]:
        """All groups of the hub."""
        found: dict[str, set[str]] = {}
        offset: int | None = 0
        while offset is not None:
            answer = await self._fetch("GET", f"groups?offset={offset}&limit={_PAGE}")
            if answer.code != 200:
                raise self._refused(answer)
            page = json.loads(answer.body)
            found |= {each["name"]: set(each["users"]) for each in page["items"]}
            following = page["_pagination"]["next"]
            offset = following["offset"] if following else None
        return found

    async def create(self, group: str) -> None:
        answer = await self._fetch("POST", f"groups/{quote(group)}", {})
        if answer.code not in (201, 409):
            raise self._refused(answer)

    async def add(self, group: str, users: Iterable[str]) -> bool:
        """Put people into a group; False: the hub does not know all of them, nothing was done."""
        body = {"users": list(users)}
        answer = await self._fetch("POST", f"groups/{quote(group)}/users", body)
        if answer.code not in (200, 400):
            raise self._refused(answer)
        return answer.code == 200

    async def remove(self, group: str, users: Iterable[str]) -> None:
        answer = await self._fetch("DELETE", f"groups/{quote(group)}/users", {"users": list(users)})
        if answer.code != 200:
            raise self._refused(answer)

    async def forget(self, user: str) -> bool:
        """Stop a person's sessions and remove the person; False: some are still stopping."""
        model = await self._fetch("GET", f"users/{quote(user, safe='@')}")
        if model.code == 404:
            return True
        if model.code != 200:
            raise self._refused(model)
        servers = json.loads(model.body).get("servers") or {}
        active = [name for name, each in servers.items() if not each.get("stopped")]
        for name in active:
            path = f"users/{quote(user, safe='@')}/servers/{quote(name)}"
            answer = await self._fetch("DELETE", path)
            if answer.code not in (202, 204, 404, 400):  # 400: it is stopping or starting already
                raise self._refused(answer)
        if active:
            return False
        answer = await self._fetch("DELETE", f"users/{quote(user, safe='@')}")
        if answer.code not in (204, 404):
            raise self._refused(answer)
        return True

    def _refused(self, answer: HTTPResponse) -> Unavailable:
        return Unavailable(
            f"The hub answered {answer.code} to {answer.request.method} {answer.request.url}. "
            "The classroom's scopes are in docs/operators.md."
        )

    async def _fetch(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> HTTPResponse:
        request = HTTPRequest(
            f"{self._auth.api_url.rstrip('/')}/{path}",
            method=method,
            headers={
                "Authorization": f"token {self._auth.api_token}",
                "Accept": "application/jupyterhub-pagination+json",
            },
            body=None if body is None else json.dumps(body),
            allow_nonstandard_methods=True,
            request_timeout=_TIMEOUT_SECONDS,
        )
        try:
            return await AsyncHTTPClient().fetch(request, raise_error=False)
        except (HTTPClientError, OSError) as error:
            raise Unavailable(f"The hub does not answer: {error}.") from error


class HubKeeper:
    """Closes the gap between the store and the hub, as long as it runs.

    A change of the store, by whichever process, is seen within ``every`` seconds; what the hub has
    is read anew every ``whole`` seconds, so that a hub that was away or started anew comes up to
    date.
    """

    def __init__(
        self,
        store: Store,
        hub: HubApi,
        pool: Executor,
        log: Logger,
        *,
        every: float = 1.0,
        whole: float = 60.0,
    ) -> None:
        self._store = store
        self._hub = hub
        self._pool = pool
        self._log = log
        self._every = every
        self._whole = whole
        self._actual: dict[str, set[str]] | None = None
        self._absent: set[str] = set()
        self._came = False
        self._mark = 0
        self._told = ""

    def seen(self, user: str) -> None:
        """Somebody is here, so the hub knows the name."""
        if user.lower() in self._absent:
            self._absent.discard(user.lower())
            self._came = True

    async def run(self) -> None:
        """Until it is cancelled."""
        clock = asyncio.get_running_loop().time
        due = again = 0.0
        while True:
            try:
                whole = clock() >= due
                if clock() >= again:
                    self._absent.clear()
                    again = clock() + _ABSENT_SECONDS
                await self.keep(whole=whole)
                if whole:
                    due = clock() + self._whole
                self._told = ""
            except Exception as error:  # it must go on tomorrow too
                self._actual, due = None, clock() + 5 * self._every
                self._tell(error)
            await asyncio.sleep(self._every)

    async def keep(self, *, whole: bool) -> None:
        """Look once. Raises `Unavailable`."""
        mark = await self._work(self._newest)
        if whole:
            self._actual = await self._hub.groups()
        if self._actual is None:
            return
        # Who comes while this waits for the hub is for the next look.
        came, self._came = self._came, False
        if whole or came or mark != self._mark:
            wanted = await self._work(self._wanted)
            for change in changes(wanted, self._actual, self._absent):
                await self._do(change, self._actual)
            self._mark = mark
        await self._let_guests_leave()

    async def _do(self, change: Change, actual: dict[str, set[str]]) -> None:
        group = change.group
        if change.create:
            await self._hub.create(group)
        members = actual.setdefault(group, set())
        if change.remove:
            await self._hub.remove(group, change.remove)
            members.difference_update(change.remove)
        add = [user for user in change.add if user.lower() not in self._absent]
        if add and await self._hub.add(group, add):
            members.update(add)
            return
        # Somebody has not logged in yet: one by one.
        for user in add:
            if await self._hub.add(group, [user]):
                members.add(user)
            else:
                self._absent.add(user.lower())

    async def _let_guests_leave(self) -> None:
        for guest in await self._work(self._leaving):
            # Who cannot be put into the group is not in the hub; who is in it may be removed.
            known = await self._hub.add(GUESTS, [guest.name])
            if known and not await self._hub.forget(guest.name):
                continue
            await self._work(partial(self._has_left, guest.name))
            self._log.info("the guest %s has left the hub", guest.name)

    def _newest(self) -> int:
        with self._store.reading() as session:
            query = select(AuditRow.id).where(AuditRow.id > self._mark)
            found = session.scalars(
                query.where(AuditRow.action.in_(_ACTIONS)).order_by(AuditRow.id.desc()).limit(1)
            )
            return found.first() or self._mark

    def _wanted(self) -> dict[str, set[str]]:
        at = now()
        with self._store.reading() as session:
            guests = joining.guests(session)
            over = {each.name for each in guests if each.ends <= at}
            enrolled = [each for each in people.everybody(session) if each.user not in over]
            wanted = wanted_groups(people.slugs(session), enrolled)
        wanted[GUESTS] = {each.name for each in guests if not each.left}
        return wanted

    def _leaving(self) -> list[Guest]:
        with self._store.reading() as session:
            return joining.leaving(session, now())

    def _has_left(self, name: str) -> None:
        with self._store.writing() as session:
            joining.has_left(session, name, actor=ACTOR, at=now())

    async def _work(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def _tell(self, error: Exception) -> None:
        """Once for each reason, not once a second."""
        if (told := f"{type(error).__name__}: {error}") != self._told:
            self._told = told
            level = self._log.warning if isinstance(error, Unavailable) else self._log.exception
            level("the hub's groups are not up to date: %s", error)

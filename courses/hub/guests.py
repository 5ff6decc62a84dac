"""Guests: people whose account a join code makes, beside whomever the site logs in.

``with_guests(SomeAuthenticator)`` is that authenticator, and besides

- serves ``/hub/join/CODE`` (`courses.hub.join`);
- logs guests in with the passphrase that they were shown once, until their time is over;
- keeps all names that begin with ``guest-`` for them: nobody else logs in under such a name.

All other settings, and everybody else, are the site's authenticator's own.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.utils import maybe_future
from tornado.web import HTTPError
from traitlets import Unicode

from courses import joining as rules
from courses.joining import Guest
from courses.language import gettext as _
from courses.store import Store, joining
from courses.store.audit import now
from spawners.offers import Account

_TRIES, _TRIES_SECONDS = 10, 600.0
# Each guess takes 16 MB and a processor for 50 ms: others wait.
_HASHES_AT_ONCE = 2


class GuestBook:
    """The guests of a classroom's database. Its methods block.

    Args:
        home: the classroom's state folder.
        database_url: the database, where it is not the state folder's own.
    """

    def __init__(self, home: str | Path, database_url: str = "") -> None:
        self._home, self._url = Path(home), database_url
        # One at a time: names and accounts are the first that are free.
        self._lock = threading.Lock()

    @cached_property
    def store(self) -> Store:
        """Opened when first needed: the hub may start before the classroom has made it."""
        return Store.of_home(self._home, self._url)

    def present(self, name: str) -> Guest | None:
        """A guest whose time is not over."""
        with self.store.reading() as session:
            found = joining.guest(session, name)
        return found if found and found.ends > now() else None

    def passphrase(self, name: str) -> str:
        """The hash of the passphrase of one who is present; else one that nothing matches."""
        if self.present(name) is None:
            return _NOBODYS
        with self.store.reading() as session:
            return joining.passphrase_of(session, name) or _NOBODYS

    def welcome(self, code: str, shown: str) -> tuple[Guest, str]:
        """Make a guest; returns the passphrase too, which is kept nowhere. Raises as
        `courses.store.joining.join_as_guest`."""
        # Before the costly part: who only tries costs little.
        with self.store.reading() as session:
            joining.check_guest(session, code, shown, at=now())
        passphrase = rules.new_passphrase()
        hashed = rules.hash_passphrase(passphrase)
        with self._lock, self.store.writing() as session:
            return joining.join_as_guest(session, code, shown, hashed, at=now()), passphrase

    def account(self, name: str, pool: Sequence[str]) -> str | None:
        """The Unix account that is lent to a guest who is present; None when none is free."""
        if self.present(name) is None:
            return None
        with self._lock, self.store.writing() as session:
            return joining.account_of(session, name, pool, at=now())


_NOBODYS = rules.hash_passphrase(rules.new_passphrase())


class Guests(Authenticator):
    """What `with_guests` adds."""

    home = Unicode(
        config=True,
        help="""The classroom's state folder.

        Example: ``c.Guests.home = "/srv/lesesal"``
        """,
    )

    database_url = Unicode(
        config=True,
        help="""The classroom's database, where it is not in its state folder.

        Example: ``c.Guests.database_url = "postgresql+psycopg:///lesesal"``
        """,
    )

    classroom_url = Unicode(
        "/services/classroom/",
        config=True,
        help="""Where people find the classroom, with a slash at the end.

        Example: ``c.Guests.classroom_url = "/services/classroom/"``
        """,
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.book = GuestBook(self.home, self.database_url)
        self._failures: dict[str, deque[float]] = defaultdict(deque)
        self._hashing = ThreadPoolExecutor(_HASHES_AT_ONCE, thread_name_prefix="guests")

    def get_handlers(self, app: Any) -> list[Any]:
        from courses.hub.join import JoinHandler

        return [*super().get_handlers(app), (r"/join/([^/]+)", JoinHandler)]

    async def authenticate(self, handler: Any, data: Any = None) -> Any:
        """A guest by the passphrase; everybody else as the site does it."""
        if isinstance(data, dict) and rules.is_guest(name := str(data.get("username", "")).strip()):
            return await self._guest(name.lower(), str(data.get("password", "")))
        found = await maybe_future(super().authenticate(handler, data))
        name = str((found.get("name") if isinstance(found, dict) else found) or "")
        if rules.is_guest(self.normalize_username(name)):
            self.log.warning("%r cannot log in here: such names are guests'", name)
            return None
        return found

    async def _guest(self, name: str, passphrase: str) -> dict[str, Any] | None:
        failures, at = self._failures.get(name, deque()), time.monotonic()
        while failures and failures[0] < at - _TRIES_SECONDS:
            failures.popleft()
        if len(failures) >= _TRIES:
            raise HTTPError(429, _("Too many wrong tries. Wait ten minutes and try again."))
        if not await self.in_thread(lambda: self._is_right(name, passphrase)):
            if await self.in_thread(lambda: self.book.present(name)):  # only names that there are
                self._failures[name].append(at)
            return None
        self._failures.pop(name, None)
        return self.model(name)

    def _is_right(self, name: str, passphrase: str) -> bool:
        # As long for a name that is not there.
        return rules.is_passphrase(passphrase, self.book.passphrase(name))

    async def in_thread(self, call: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._hashing, call)

    def model(self, name: str) -> dict[str, Any]:
        """What the hub is told of a guest who is logged in."""
        model: dict[str, Any] = {"name": name, "admin": False}
        if self.manage_groups:
            model["groups"] = None  # what they are stays as it is
        return model

    async def check_allowed(self, username: str, authentication: Any = None) -> bool:
        if rules.is_guest(username):
            return await self.in_thread(lambda: self.book.present(username)) is not None
        return bool(await maybe_future(super().check_allowed(username, authentication)))

    async def refresh_user(self, user: Any, handler: Any = None) -> Any:
        """A guest whose time is over is logged out."""
        if rules.is_guest(user.name):
            return await self.in_thread(lambda: self.book.present(user.name)) is not None
        return await maybe_future(super().refresh_user(user, handler))

    def normalize_username(self, username: str) -> str:
        if rules.is_guest(username):
            return username.lower()
        return super().normalize_username(username)

    def validate_username(self, username: str) -> bool:
        return rules.is_guest(username) or super().validate_username(username)

    # What a site's authenticator does for a Unix account of the hub's machine is not for guests.

    async def add_user(self, user: Any) -> None:
        if not rules.is_guest(user.name):
            await maybe_future(super().add_user(user))

    async def pre_spawn_start(self, user: Any, spawner: Any) -> None:
        if not rules.is_guest(user.name):
            await maybe_future(super().pre_spawn_start(user, spawner))

    async def post_spawn_stop(self, user: Any, spawner: Any) -> None:
        if not rules.is_guest(user.name):
            await maybe_future(super().post_spawn_stop(user, spawner))


def with_guests(authenticator: type[Authenticator]) -> type[Authenticator]:
    """An authenticator that lets guests in beside its own people.

    ::

        c.JupyterHub.authenticator_class = with_guests(GenericOAuthenticator)
    """
    return type(f"{authenticator.__name__}WithGuests", (Guests, authenticator), {})


class GuestAccounts:
    """Lends the Unix accounts of a pool to guests: the callable behind ``ClusterSpawner.account``.

    ::

        pool = [f"workshop{number:02}" for number in range(1, 41)]
        c.ClusterSpawner.account = GuestAccounts(pool, home="/srv/lesesal")

    A guest keeps the account, on all clusters. When the guest's time is over it is lent to nobody
    else until an operator has removed its files and run ``lesesal guests take-back``.

    Args:
        pool: Unix accounts that are nobody else's.
        home, database_url: as of `GuestBook`.
        otherwise: the account of everybody else, as ``ClusterSpawner.account`` has it; by default
            the one of the hub's name.
    """

    def __init__(
        self,
        pool: Sequence[str],
        home: str | Path,
        database_url: str = "",
        otherwise: Callable[[str, str], Any] | None = None,
    ) -> None:
        self._pool = tuple(pool)
        self._book = GuestBook(home, database_url)
        self._otherwise = otherwise

    def __deepcopy__(self, memo: object) -> GuestAccounts:
        # traitlets copies a configured value for each spawner; they share one pool.
        return self

    async def __call__(self, user_name: str, cluster: str) -> Account | None:
        if rules.is_guest(user_name):
            unix = await asyncio.to_thread(self._book.account, user_name, self._pool)
            return Account(unix) if unix else None
        if self._otherwise is None:
            return Account(user_name)
        found: Account | None = await maybe_future(self._otherwise(user_name, cluster))
        return found

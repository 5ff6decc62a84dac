"""Guests beside the people of a site's own authenticator."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from classroom_kit import course, enrol, put
from jupyterhub.auth import Authenticator, DummyAuthenticator
from sqlalchemy import update
from tornado.web import HTTPError

from courses.course import Role
from courses.hub import StoreTerms
from courses.hub.guests import GuestAccounts, GuestBook, with_guests
from courses.joining import CodeWish
from courses.store import Store, audit, joining
from courses.store.joining import JoinCodeRow
from spawners.offers import Account


@pytest.fixture
def code(store: Store) -> str:
    put(store, course())
    enrol(store, "optics", student1="student")
    end = audit.now() + timedelta(hours=1)
    with store.writing() as session:
        wish = CodeWish(Role.STUDENT, end, 5, end)
        return joining.make_code(session, "optics", wish, actor="t", at=audit.now()).code


def end_workshop(store: Store) -> None:
    with store.writing() as session:
        session.execute(update(JoinCodeRow).values(guests_until=audit.now()))


def site(home: Path, base: type[Authenticator] = DummyAuthenticator, **traits: Any) -> Any:
    return with_guests(base)(home=str(home), **traits)


async def login(authenticator: Any, name: str, password: str) -> str | None:
    form = {"username": name, "password": password}
    found = await authenticator.get_authenticated_user(None, form)
    return found and str(found["name"])


async def test_a_guest_comes_back(store: Store, tmp_path: Path, code: str) -> None:
    guest, passphrase = GuestBook(tmp_path).welcome(code, "Ada")
    pattern = r"student\d"
    authenticator = site(tmp_path, allowed_users={"student1"}, username_pattern=pattern)
    assert await login(authenticator, "guest-ada", passphrase) == guest.name
    assert await login(authenticator, " Guest-Ada", passphrase.upper()) == guest.name
    assert await login(authenticator, "student1", "any") == "student1"
    for name, given in [("guest-ada", "wrong"), ("guest-ada", ""), ("guest-ben", passphrase)]:
        assert await login(authenticator, name, given) is None
    # The database has no passphrase.
    kept = b"".join(each.read_bytes() for each in tmp_path.glob("classroom.sqlite*"))
    assert b"guest-ada" in kept
    assert passphrase.encode() not in kept
    user = SimpleNamespace(name=guest.name)
    assert await authenticator.refresh_user(user)
    end_workshop(store)
    assert await login(authenticator, "guest-ada", passphrase) is None
    assert not await authenticator.check_allowed(guest.name)
    assert not await authenticator.refresh_user(user)


async def test_nobody_else_gets_a_guests_name(store: Store, tmp_path: Path, code: str) -> None:
    class Named(Authenticator):
        async def authenticate(self, handler: object, data: object = None) -> str:
            return "Guest-Ada"

    GuestBook(tmp_path).welcome(code, "Ada")
    authenticator = site(tmp_path, Named, allow_all=True)
    # As an identity provider answers: there is no form.
    assert await authenticator.get_authenticated_user(None, None) is None


async def test_guesses_are_counted(store: Store, tmp_path: Path, code: str) -> None:
    _guest, passphrase = GuestBook(tmp_path).welcome(code, "Ada")
    authenticator = site(tmp_path, allow_all=True)
    for _try in range(10):
        assert await login(authenticator, "guest-ada", "wrong") is None
    with pytest.raises(HTTPError) as refused:
        await login(authenticator, "guest-ada", passphrase)
    assert refused.value.status_code == 429
    for number in range(15):
        assert await login(authenticator, f"guest-{number}", "wrong") is None
    assert list(authenticator._failures) == ["guest-ada"]


async def test_a_sessions_refusal(store: Store, tmp_path: Path, code: str) -> None:
    guest, _passphrase = GuestBook(tmp_path).welcome(code, "Ada")
    terms = StoreTerms.of_home(tmp_path)
    found = await terms(guest.name, "optics")
    assert found
    assert (found.role, found.refusal) == ("student", "")
    end_workshop(store)
    found = await terms(guest.name, "optics")
    assert found
    assert found.refusal.startswith("This account was made for a workshop, which is over")


async def test_unix_accounts_are_lent(store: Store, tmp_path: Path, code: str) -> None:
    book = GuestBook(tmp_path)
    first, second, third = (book.welcome(code, name)[0].name for name in ("Ada", "Ben", "Cleo"))
    accounts = GuestAccounts(["ws01", "ws02"], tmp_path)
    assert await accounts(first, "cluster") == Account("ws01")
    assert await accounts(second, "cluster") == Account("ws02")
    assert await accounts(first, "another") == Account("ws01")
    assert await accounts(third, "cluster") is None
    assert await accounts("guest-nobody", "cluster") is None
    assert await accounts("student1", "cluster") == Account("student1")
    mapped = GuestAccounts(["ws01"], tmp_path, otherwise=lambda user, cluster: Account(f"u-{user}"))
    assert await mapped("student1", "cluster") == Account("u-student1")
    end_workshop(store)
    assert await accounts(first, "cluster") is None

"""Wrong join codes are counted, by person and by address, in bounded memory."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from courses.errors import NotFound
from courses.hub import guesses
from courses.hub.guesses import Guesses
from courses.hub.join import JoinHandler


class Clock:
    at = 0.0

    def __call__(self) -> float:
        return self.at


def test_too_many_and_ten_minutes_later() -> None:
    clock = Clock()
    tried = Guesses(3, clock)
    for second in range(3):
        assert not tried.too_many("student1")
        clock.at = float(second)
        tried.wrong("student1")
    assert tried.too_many("student1")
    assert not tried.too_many("student2")
    clock.at = guesses.WINDOW - 0.5
    assert tried.too_many("student1")
    clock.at = guesses.WINDOW  # the first one does not count any more
    assert not tried.too_many("student1")
    clock.at = 2 * guesses.WINDOW + 2
    assert not tried.too_many("student1")
    assert len(tried) == 0


def test_so_many_are_remembered() -> None:
    tried = Guesses(2)
    for who in ("goes on", "does not", "goes on"):
        tried.wrong(who)
    for number in range(guesses.REMEMBERED - 1):
        tried.wrong(number)
    assert len(tried) == guesses.REMEMBERED
    assert tried.too_many("goes on")
    tried.wrong("does not")
    assert not tried.too_many("does not")


class Page(JoinHandler):
    """The handler, with its hub left out."""

    def __init__(self, user: str, address: str) -> None:
        self.request = SimpleNamespace(remote_ip=address)
        self.user = SimpleNamespace(name=user) if user else None
        self.status = 200
        self.problem = ""
        self.looked_up = 0

    current_user = property(lambda self: self.user)
    log = logging.getLogger("hub")

    def set_status(self, status: int, reason: str | None = None) -> None:
        self.status = status

    def _look_up(self, text: str) -> Any:
        self.looked_up += 1
        raise NotFound("This link leads nowhere.")

    async def _page(self, course: Any, code: Any, **values: Any) -> None:
        self.problem = values["problem"]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "persons", Guesses(3))
    monkeypatch.setattr(guesses, "addresses", Guesses(5))


async def test_a_person_who_tries_is_told(caplog: pytest.LogCaptureFixture) -> None:
    pages = [Page("student1", f"10.0.0.{number}") for number in range(4)]
    for page in pages:
        await page.get("wrong-code")
    assert [each.status for each in pages] == [404, 404, 404, 429]
    assert pages[3].problem.startswith("Too many links that lead nowhere were tried from here.")
    assert pages[3].looked_up == 0
    assert caplog.messages == ["too many wrong join codes: student1 from 10.0.0.2"]
    other = Page("student2", "10.0.0.9")
    await other.get("wrong-code")
    assert other.status == 404


async def test_nobody_in_particular_from_one_address() -> None:
    pages = [Page("", "10.0.0.1") for _ in range(6)]
    for page in pages:
        await page.get("wrong-code")
    assert [each.status for each in pages] == [404] * 5 + [429]
    posted = Page("student1", "10.0.0.1")
    await posted.post("wrong-code")
    assert (posted.status, posted.looked_up) == (429, 0)

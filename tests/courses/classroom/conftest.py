"""Somebody in each role of the classroom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import pytest
from classroom_world import ROLES, Person, World
from playwright.sync_api import expect

if TYPE_CHECKING:
    from conftest import Classroom

# Playwright's five seconds are too few for a busy machine.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def clients(classroom: Classroom) -> Iterator[dict[str, Person]]:
    """By role; each is logged in as the user of that name, but for ``nobody``."""
    named = [role for role in ROLES if role != "nobody"]
    accounts = classroom.home / "accounts.json"
    known = json.loads(accounts.read_text())
    new = [{"name": name, "password": f"pw-{name}"} for name in named]
    accounts.write_text(json.dumps([*known, *new]))
    classroom.hub.api("POST", "users", json={"usernames": named}).raise_for_status()
    with ExitStack() as stack:
        nobody = stack.enter_context(httpx.Client(base_url=classroom.direct, timeout=60))
        found = {"nobody": Person(nobody, nobody)}
        for name in named:
            program = stack.enter_context(classroom.client(name))
            found[name] = Person(program, stack.enter_context(classroom.browser(name)))
        yield found


@pytest.fixture
def world(classroom: Classroom, clients: dict[str, Person]) -> World:
    """A course of the test's own."""
    return World(classroom, clients)

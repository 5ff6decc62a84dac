"""The embedded classroom: everything is made ready, then this process becomes the hub."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path

from courses import catalogue
from courses.course import Enrolment, Role
from courses.errors import SetupError
from courses.hub.accounts import Account
from courses.joining import CodeState, CodeWish
from courses.machine import home as state
from courses.machine.ports import Ports
from courses.store import Store, joining, people
from courses.store.audit import now

CONTENT = Path(__file__).resolve().parents[1] / "content"
DEMO = CONTENT / "ai-foundations"
WORKSHOP = CONTENT / "onboarding"
# The demo's students are not in the workshop: whoever has the link joins, also without an account.
SEATS, OPEN = 30, timedelta(days=14)
HUB_CONFIG = Path(__file__).resolve().parents[2] / "jupyterhub_config.py"
ACTOR = "lesesal run"


@dataclass(frozen=True)
class Ready:
    """What is told to the person who starts it.

    Attributes:
        workshop: the workshop's title.
        join: the link by which people join it; empty where there is none any more.
    """

    address: str
    accounts_file: Path
    accounts: tuple[Account, ...]
    changes: tuple[str, ...]
    workshop: str
    join: str


def prepare(home: Path, port: int, config: Path, say: Callable[[str], object]) -> Ready:
    """Check the ports, make the state folder, bring in the demo, enrol its people.

    Raises errors of `courses.errors`.
    """
    if not config.is_file():
        raise SetupError(
            f"There is no {config}. Run this in a checkout of Lesesal, or name the hub's "
            "configuration with --config."
        )
    Ports(port).check()
    state.prepare(home)
    demo, workshop = catalogue.load(DEMO), catalogue.load(WORKSHOP)
    accounts = state.demo_accounts(home, demo.slug)
    address = f"http://127.0.0.1:{port}"
    store = Store.of_home(home)
    try:
        # Together: each waits for a process of nbgrader's.
        with ThreadPoolExecutor() as pool:
            changes = [*pool.map(lambda each: _bring_in(store, each, say), (DEMO, WORKSHOP))]
        _enrol(store, accounts)
        with store.reading() as session:
            codes = joining.codes(session, workshop.slug)
    finally:
        store.close()
    code = next((each.code for each in codes if each.state(now()) is CodeState.OPEN), "")
    join = f"{address}/hub/join/{code}" if code else ""
    return Ready(
        address,
        home / state.ACCOUNTS,
        tuple(accounts),
        tuple(chain(*changes)),
        workshop.title,
        join,
    )


def _bring_in(store: Store, folder: Path, say: Callable[[str], object]) -> tuple[str, ...]:
    """What is new is released, and the workshop gets its link; afterwards that is the
    instructor's."""
    from courses.catalogue.folder import digest
    from courses.coursedir.sync import sync
    from courses.store.courses import content_digest

    with store.reading() as session:
        before = content_digest(session, folder.name)
    known = before == digest(folder)
    if not known:
        say(f"Preparing the demo course {folder.name} (nbgrader makes the student version) ...")
    changes = sync(store, folder, actor=ACTOR, release=not known).changes
    if before is None and folder == WORKSHOP:
        end = now() + OPEN
        with store.writing() as session:
            wish = CodeWish(Role.STUDENT, end, SEATS, guests_until=end)
            joining.make_code(session, folder.name, wish, actor=ACTOR, at=now())
    return changes


def _enrol(store: Store, accounts: Sequence[Account]) -> None:
    with store.writing() as session:
        for each in accounts:
            role = Role(each.role)
            slugs = {each.course or DEMO.name}
            if role is Role.INSTRUCTOR:
                slugs.add(WORKSHOP.name)
            for slug in sorted(slugs):
                people.enrol(session, Enrolment(slug, each.name, role), actor=ACTOR, at=now())


def become_hub(home: Path, port: int, config: Path) -> None:
    """Replace this process by the hub; returns only by raising."""
    environment = {
        **os.environ,
        "LESESAL_HOME": str(home),
        "PORT": str(port),
    }
    argv = [sys.executable, "-m", "jupyterhub", "-f", str(config.resolve())]
    os.chdir(home)
    os.execve(sys.executable, argv, environment)  # noqa: S606  it is meant to be replaced

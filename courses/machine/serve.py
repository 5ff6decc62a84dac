"""The embedded classroom: everything is made ready, then this process becomes the hub."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from courses import catalogue
from courses.course import Enrolment, Role
from courses.errors import SetupError
from courses.hub.accounts import Account
from courses.machine import home as state
from courses.machine.ports import Ports
from courses.store import Store, people
from courses.store.audit import now

DEMO = Path(__file__).resolve().parents[1] / "content" / "ai-foundations"
HUB_CONFIG = Path(__file__).resolve().parents[2] / "jupyterhub_config.py"
ACTOR = "lesesal run"


@dataclass(frozen=True)
class Ready:
    """What is told to the person who starts it."""

    address: str
    accounts_file: Path
    accounts: tuple[Account, ...]
    changes: tuple[str, ...]


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
    course = catalogue.load(DEMO)
    accounts = state.demo_accounts(home, course.slug)
    store = Store.of_home(home)
    try:
        changes = _bring_in_demo(store, say)
        with store.writing() as session:
            for each in accounts:
                enrolment = Enrolment(each.course or course.slug, each.name, Role(each.role))
                people.enrol(session, enrolment, actor=ACTOR, at=now())
    finally:
        store.close()
    return Ready(f"http://127.0.0.1:{port}", home / state.ACCOUNTS, tuple(accounts), tuple(changes))


def _bring_in_demo(store: Store, say: Callable[[str], object]) -> tuple[str, ...]:
    from courses.catalogue.folder import digest
    from courses.coursedir.sync import sync
    from courses.store.courses import content_digest

    with store.reading() as session:
        known = content_digest(session, DEMO.name) == digest(DEMO)
    if not known:
        say("Preparing the demo course (nbgrader makes the student version) ...")
    return sync(store, DEMO, actor=ACTOR, release=not known).changes


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

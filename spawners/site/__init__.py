"""A site as its operator set it up: what can go wrong there, tried before the class does.

`run` reads the hub's configuration and tries everything; each `Finding` says what was found and
what to do about it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

from ..offers import Person
from . import machine
from .cluster import ClusterCheck, Wishes
from .findings import Finding, State, as_json, as_text, counts, failed, ok
from .hubconfig import ConfigError, Site, read_site
from .seats import Booking

HERE = "this machine"


def run(config: Path, wishes: Wishes, tell: Callable[[Finding], object]) -> list[Finding]:
    """Try everything, one after the other; `tell` is called with each finding as it comes.

    No hub is started, and one may run meanwhile. Interrupted, it takes away what it started and
    raises KeyboardInterrupt.
    """
    return asyncio.run(_run(config, wishes, tell))


async def _run(config: Path, wishes: Wishes, tell: Callable[[Finding], object]) -> list[Finding]:
    # Not by cancelling: what a program was asked to do for us must be known, to be undone.
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    findings = []
    async for finding in _check(config, wishes, stop):
        if stop.is_set():
            raise KeyboardInterrupt
        findings.append(finding)
        tell(finding)
    return findings


async def _check(config: Path, wishes: Wishes, stop: asyncio.Event) -> AsyncIterator[Finding]:
    try:
        user = wishes.users[0] if wishes.users else ""
        site = read_site(config, Person(user, wishes.course, "student"))
    except ConfigError as error:
        yield replace(failed("configuration", error.sentence, error.advice), where=HERE)
        return
    yield replace(ok("configuration", _sum(config, site)), where=HERE)
    for finding in machine.checks(site):
        yield replace(finding, where=HERE)
    yield replace(await machine.running(site), where=HERE)
    for name in site.clusters:
        try:
            cluster = ClusterCheck(site, name, wishes, stop)
        except ValueError as error:
            yield replace(
                failed("configuration", str(error), "Correct it."), where=f"cluster {name}"
            )
            continue
        async for finding in cluster.findings():
            yield finding


def _sum(config: Path, site: Site) -> str:
    return (
        f"{config} has {_count(len(site.offers), 'offer')} on "
        f"{_count(len(site.clusters), 'cluster')}."
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' if number != 1 else ''}"


__all__ = [
    "Booking",
    "Finding",
    "State",
    "Wishes",
    "as_json",
    "as_text",
    "counts",
    "run",
]

"""One cluster: its commands, its answers, its machines, its offers, and a job on them."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from ..errors import ClusterSilent, LaunchError, SubmitRefused
from ..hub.settings import make_cluster
from ..jobs import Cluster, JobSpec, SessionKey
from ..offers import Account, Offer
from ..overview import Overview
from ..slurm.run import run
from . import machine, probe
from .findings import Finding, State, failed, ok, skipped, warning
from .hubconfig import Site
from .rights import Rights
from .room import fits, in_words, nodes_of
from .seats import Booking, seats

COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo")
# Seconds. The watcher looks less often when an answer takes longer (spawners/watcher.py).
QUICK_ANSWER = 2.0


@dataclass(frozen=True)
class Wishes:
    """What the operator wants checked.

    Attributes:
        users: members of courses, as the hub spells them, in whose names things are tried.
        outsider: a person's Unix account that the launcher must refuse; empty for none.
        course: the course whose offers are tried, where offers depend on it.
        quick: whether to run no job.
        wait: seconds that a job may wait in the queue.
        bookings: what courses count on.
    """

    users: tuple[str, ...] = ()
    outsider: str = ""
    course: str = ""
    quick: bool = False
    wait: float = 60.0
    bookings: tuple[Booking, ...] = ()


class ClusterCheck:
    """The checks of one configured cluster; its jobs end early when `stop` is set.

    Raises ValueError for a configuration that can't be.
    """

    def __init__(self, site: Site, name: str, wishes: Wishes, stop: asyncio.Event) -> None:
        self._site = site
        self._name = name
        self._wishes = wishes
        self._stop = stop
        self._configured = site.clusters[name]
        self._slurm = self._configured.get("type") == "slurm"
        self._cluster: Cluster = make_cluster(name, self._configured, site.hub_id)
        self._prober = make_cluster(name, self._configured, probe.hub_name(site.hub_id))
        # A cluster of one account ignores in whose name it is asked.
        users = () if self._slurm else wishes.users or (machine.me(),)
        self._people = {user: Account(user) for user in users}
        self._offers = [offer for offer in site.offers.values() if offer.cluster == name]

    async def findings(self) -> AsyncIterator[Finding]:
        """All findings, as they come. When the cluster is silent, only what can be said then."""
        where = f"cluster {self._name}"
        if self._slurm:
            yield replace(await self._commands(), where=where)
        answers = await self._answers()
        yield replace(answers, where=where)
        if self._slurm:
            async for finding in self._rights():
                yield replace(finding, where=where)
        if answers.state is State.FAILED:
            yield replace(skipped("offers", "the cluster does not answer."), where=where)
            return
        try:
            overview = await self._cluster.overview()
        except ClusterSilent as silent:
            yield replace(_silent(silent), where=where)
            return
        async for finding in self._nodes(overview):
            yield replace(finding, where=where)
        for booking in self._wishes.bookings:
            here = any(each.name == booking.reservation for each in overview.reservations)
            offer = next((each for each in self._offers if each.name in booking.offers), None)
            # One that is nowhere is missed where most people of the course would be.
            if offer is not None and (here or offer.name == booking.offers[0]):
                yield replace(seats(booking, offer, overview), where=where)
        async for finding in self._try_offers(overview):
            yield finding

    # Its commands and its answers

    async def _commands(self) -> Finding:
        name = "commands"
        found = shutil.which("squeue")
        folder = Path(self._configured.get("bin") or (Path(found).parent if found else "/usr/bin"))
        missing = [each for each in COMMANDS if not os.access(folder / each, os.X_OK)]
        if missing:
            return failed(
                name,
                f"{', '.join(missing)} can't be run in {folder}.",
                "Install Slurm's commands on the hub's machine, or name their folder: "
                f'c.ClusterSpawner.clusters["{self._name}"]["bin"].',
            )
        # Each reads slurm.conf before all else.
        conf = {"SLURM_CONF": self._configured["conf"]} if self._configured.get("conf") else {}
        try:
            answer = await run([str(folder / "squeue"), "--version"], conf)
        except ClusterSilent as silent:
            return _silent(silent)
        if answer.code != 0:
            return failed(
                name,
                f"squeue in {folder} can't be used.",
                "See that slurm.conf, or sackd's, is there for this account, and name it: "
                f'c.ClusterSpawner.clusters["{self._name}"]["conf"].',
                answer.err,
            )
        return ok(name, f"{', '.join(COMMANDS)} are in {folder}: {answer.out.strip()}.")

    async def _answers(self) -> Finding:
        name = "answers"
        began = time.monotonic()
        try:
            jobs = await self._cluster.snapshot()
        except ClusterSilent as silent:
            return _silent(silent)
        took = time.monotonic() - began
        sentence = f"it answered in {took:.2f} s and shows {len(jobs)} jobs of this hub."
        if took < QUICK_ANSWER:
            return ok(name, sentence)
        return warning(
            name,
            sentence,
            "The hub asks less often then, so that all is noticed later. See what keeps the "
            "controller busy: sdiag.",
        )

    async def _rights(self) -> AsyncIterator[Finding]:
        """Also finds out who the users are here, and in whose names things can be tried."""
        rights = Rights(self._configured, probe.hub_name(self._site.hub_id))
        for user in self._wishes.users:
            try:
                account = await self._site.account_of(user, self._name)
            except Exception as error:  # the operator's own code
                yield failed(
                    "account",
                    f"c.ClusterSpawner.account could not say who {user} is: {error!r}.",
                    "Correct it.",
                )
                continue
            if account is None:
                yield warning(
                    "account", f"{user} has no account on this cluster yet.", "Name another user."
                )
                continue
            accepted = await rights.accepts(account.unix)
            yield accepted
            if accepted.state is State.OK:
                self._people[user] = account
        if not self._wishes.users:
            yield skipped(
                "launcher", "no user was named.", "Name a course's member with --user NAME."
            )
        yield await rights.refuses(self._wishes.outsider)
        yield await rights.breadth()

    async def _nodes(self, overview: Overview) -> AsyncIterator[Finding]:
        """Whether machines for the offers are up, and whether hub and machines know each other."""
        wanted = {node.name: node for offer in self._offers for node in nodes_of(offer, overview)}
        up = sum(node.up for node in wanted.values())
        sentence = f"{up} of {len(wanted)} machines of the offers' partitions take jobs"
        addresses = await asyncio.gather(*(_addresses(each) for each in wanted))
        unknown = [each for each, found in zip(wanted, addresses, strict=True) if not found]
        if unknown:
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            yield failed(
                "nodes",
                f"{sentence}; the names of {', '.join(unknown[:5])}{more} do not resolve here.",
                "Put the nodes' names into the DNS or the hosts file of the hub's machine: the "
                "hub and the proxy connect to them by name.",
            )
        elif wanted and not up:
            yield warning("nodes", f"{sentence}.", "See why: sinfo -R.")
        else:
            yield ok("nodes", f"{sentence}; their names resolve here.")
        elsewhere = any(not machine.loops(each) for found in addresses for each in found)
        yield machine.address(self._site, nodes_elsewhere=elsewhere)

    # Its offers, and its nodes

    async def _try_offers(self, overview: Overview) -> AsyncIterator[Finding]:
        possible = []
        for offer in self._offers:
            problem = fits(offer, overview)
            if problem is None:
                possible.append(offer)
            else:
                yield replace(problem, where=f"offers of {self._name}")
        places: dict[tuple[str, str], Offer] = {}
        for user, account in self._people.items():
            where = f"offers of {self._name}, as {user}"
            for each in possible:
                charged = each.account or account.slurm or self._site.slurm_account
                offer = replace(each, account=charged)
                finding = await self._expected(offer, account.unix)
                yield replace(finding, where=where)
                if finding.state is State.OK:
                    place = (user, offer.partition or overview.default_partition)
                    # One that can be lengthened tries that too.
                    if place not in places or offer.limits.more_hours:
                        places[place] = offer
        if self._wishes.quick:
            return
        # At once: what waits in one queue keeps nothing else waiting.
        reports = await asyncio.gather(
            *(
                self._probe(offer, self._people[user].unix, number)
                for number, ((user, _), offer) in enumerate(places.items(), 1)
            )
        )
        for (user, partition), report in zip(places, reports, strict=True):
            there = f"{partition} of {self._name}" if partition else self._name
            for finding in report:
                yield replace(finding, where=f"a job in {there}, as {user}")

    async def _expected(self, offer: Offer, user: str) -> Finding:
        name = f"offer {offer.name}"
        key = SessionKey(probe.hub_name(self._site.hub_id), user, "check")
        wanted = JobSpec(key, user, offer, offer.limits.hours, self._site.cmd, {}, "none")
        try:
            starts = await self._cluster.expected_start(wanted)
        except SubmitRefused as refused:
            return failed(
                name,
                f"the cluster would not take it: {refused.sentence}",
                f'Correct c.ClusterSpawner.offers["{offer.name}"], or what Slurm allows {user}.',
                refused.detail,
            )
        except LaunchError as error:
            return failed(
                name, error.sentence, "See whether slurmctld runs and answers.", error.detail
            )
        if starts is None:
            return ok(name, "the cluster would take it; it does not say when it would start.")
        return ok(name, f"{offer.title} would start {in_words(starts - time.time())}.")

    async def _probe(self, offer: Offer, user: str, number: int) -> list[Finding]:
        nonce = secrets.token_hex(8)
        if probe.command(self._site.cmd, nonce) is None:
            return [
                skipped(
                    "probe",
                    f"c.ClusterSpawner.cmd does not run {probe.ENTRY}, so nothing is known of it.",
                )
            ]
        # Some partitions take only jobs that ask for a GPU.
        tries = (probe.small(offer.limits), replace(offer.limits, hours=probe.HOURS))
        for limits in tries:
            wanted = probe.spec(self._site, replace(offer, limits=limits), user, number, nonce)
            report = await probe.run(self._prober, wanted, nonce, self._wishes.wait, self._stop)
            if not isinstance(report.problem, SubmitRefused):
                break
        versions = {"lesesal": version("lesesal"), "jupyterhub": version("jupyterhub")}
        return list(
            probe.findings(
                report, versions, self._wishes.wait, internal_ssl=self._site.internal_ssl
            )
        )


def _silent(silent: ClusterSilent) -> Finding:
    return failed(
        "answers",
        "the cluster does not answer.",
        "See whether slurmctld runs and can be reached from here: scontrol ping.",
        silent.detail,
    )


async def _addresses(host: str) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        infos = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(info[4][0]) for info in infos]

"""ClusterSpawner: JupyterHub's spawner over the Cluster port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from jupyterhub import orm
from jupyterhub.utils import make_ssl_context, wait_for_http_server
from sqlalchemy.orm import object_session
from traitlets import Unicode, default

from .. import limits
from ..errors import ClusterSilent, LaunchError, Refused, SubmitRefused
from ..jobs import JobSpec
from ..language import Sentence as _
from ..launch import Address, Bid, Launch
from ..limits import Quotas, Use
from ..offers import Limits, Offer, Terms
from . import certificates, form, held, keeping, life, metrics, news, runs, specs, wish
from .configured import ConfiguredSpawner
from .counting import pending_word
from .failures import exception
from .kept import in_class
from .state import BidState, RunState, SessionState, UpState
from .turns import token_scopes

# The hub's own timeout around start(), which counts the queue too. Ours counts the boot only.
NO_TIMEOUT = 10 * 365 * 24 * 3600


class ClusterSpawner(ConfiguredSpawner):
    """Runs a named server, which is a session of the course of that name, as a cluster's job.

    From batchspawner it has the job-id state, and ``req_partition`` and ``req_account`` for offers
    that name none; what of batchspawner runs a shell or logs an environment is not used.

    Attributes:
        session: what the hub's database knows of it.
        runs: the person's batch runs in the course, the oldest first; see `runs`.
        recovered: whether a hub that started again has looked what became of the session.
        in_line: whether it waits for its turn to start, see `turns`.
        has_turn: whether it starts because it was its turn.
        hidden: whether the hub is to see no server for a moment, see `life.poll`.
    """

    cluster_name = Unicode(help="The name of the cluster that has the job.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._plan: wish.Plan | None = None
        self._launch: Launch | None = None
        self.session = SessionState()
        self.runs: list[RunState] = []
        self.recovered = False
        self.hidden = False
        self.in_line = False
        self.has_turn = False
        held.hold(self)
        keeping.start(self)

    @default("ssl_alt_names")
    def _ssl_alt_names_default(self) -> list[str]:
        return []  # for all machines of the cluster, see `certificates`

    async def create_certs(self) -> dict[str, str]:
        """None: each job gets its own, see `certificates`."""
        return {}

    @default("server_token_scopes")
    def _server_token_scopes_default(self) -> Callable[..., Any]:
        return token_scopes

    @default("apply_user_options")
    def _apply_user_options_default(self) -> Callable[..., Any]:
        return _apply_user_options

    @default("options_form")
    def _options_form_default(self) -> Callable[..., Any]:
        return form.options_form

    @default("options_from_form")
    def _options_from_form_default(self) -> Callable[..., Any]:
        return form.options_from_form

    @property
    def server(self) -> Any:
        """The hub's record of where the session listens; out of sight while `life` says so."""
        return None if self.hidden else ConfiguredSpawner.server.fget(self)

    @server.setter
    def server(self, server: Any) -> None:
        ConfiguredSpawner.server.fset(self, server)

    @property
    def launch(self) -> Launch | None:
        """The session on its way; None before and after."""
        return self._launch

    @launch.setter
    def launch(self, launch: Launch | None) -> None:
        self._launch = launch
        (held.on_their_way.discard if launch is None else held.on_their_way.add)(self)

    @property
    def pending(self) -> str | None:
        """The hub's word for what it waits for, see `counting`."""
        word: str | None = super().pending
        return pending_word(word, self.launch, in_line=self.in_line) if word == "spawn" else word

    @property
    def active(self) -> bool:
        """As the hub has it, in fewer steps: each start counts all spawners of everybody."""
        return bool(self.pending) or self.server is not None

    # What was asked for

    async def plan(self, options: Mapping[str, Any]) -> wish.Plan:
        """Resolve user options against what this user may have now. Raises `Refused`."""
        terms = await self.find_terms()
        plan = wish.resolve(options, terms, self.find_offers(terms), self.name)
        return await self.granted(plan)

    async def granted(self, plan: wish.Plan) -> wish.Plan:
        """The plan with the account it runs under. Raises `Refused` for a limit, or no account."""
        account = await self.find_account(plan.offer.cluster)
        # Last: from here to who keeps the plan nothing is awaited, so two starts can't both pass.
        quotas, course = self.quotas(plan.terms), plan.terms.course
        others = self._uses(course, quotas, besides=self)
        limits.check(plan.offer, self.user.name, course, others, quotas)
        return replace(plan, account=account)

    async def plan_run(self, options: Mapping[str, Any], tasks: int) -> tuple[wish.Plan, int]:
        """A batch run's plan, and how many of its tasks may run at a time. Raises `Refused`."""
        terms = await self.find_terms()
        plan = wish.resolve(options, terms, self.find_offers(terms), self.name)
        account = await self.find_account(plan.offer.cluster)
        quotas, course = self.quotas(plan.terms), plan.terms.course
        there = self._uses(course, quotas)
        wished = min(tasks, self.batch_tasks_at_once)
        at_once = limits.at_once(plan.offer, self.user.name, course, there, quotas, wished)
        return replace(plan, account=account), at_once

    @property
    def terms_now(self) -> Terms | None:
        """The terms that the present session was granted on; None without a session, and after a
        restart of the hub."""
        return self._plan.terms if self._plan else None

    def _uses(
        self, course: str, quotas: Quotas, besides: ClusterSpawner | None = None
    ) -> Iterable[Use]:
        """What there is that these limits count, sessions just being granted included.

        Args:
            besides: whose session is not counted.
        """
        counted: set[ClusterSpawner] = set()
        if quotas.person.counts:
            counted.update(held.of_person(self.user.id))
        if quotas.course.counts:
            counted.update(held.of_course(course))
        for other in counted:
            yield from runs.uses(other)
            if other is besides:
                continue
            plan = other._plan
            if other.session.bids:  # which may have more than was planned: another offer is tried
                yield Use(other.user.name, other.name, other.session.gpus)
            elif plan:
                yield Use(other.user.name, other.name, limits.gpus_of(plan.offer))

    async def may(self, offer: Offer, terms: Terms) -> bool:
        """Whether the person may have a session of this offer of the course now."""
        try:
            await self.granted(wish.Plan(offer, offer.limits.hours, terms))
        except Refused:
            return False
        return True

    async def expected_start(self, plan: wish.Plan) -> float | None:
        """When the cluster would start it, in seconds since 1970. Raises `LaunchError`."""
        estimates = held.clusters.estimates(self.watched(plan.offer.cluster))
        return await estimates.of(specs.of_session(self, plan))

    # The session's way to its address

    def start(self) -> Any:
        """Submit the job, wait until its session answers, and return where it listens."""
        # Not a coroutine function: the hub reads start_timeout when this has returned, and would
        # count the queue. What the operator set counts in the launch.
        boot_timeout: int = self.start_timeout
        self.start_timeout = NO_TIMEOUT
        return self._start(boot_timeout)

    async def _start(self, boot_timeout: int) -> Address:
        try:
            plan = self._plan or await self.plan(self.user_options)
            kept = await in_class(plan, self.watched(plan.offer.cluster))
            bid = Bid(self.watched(plan.offer.cluster), specs.of_session(self, kept.plan))
            launch = Launch([bid], boot_timeout, self.answers, notes=kept.notes)
            self.launch = launch
            await self._end_leftovers(bid)
            self.session = SessionState(token=self._token_id(), gpus=limits.gpus_of(plan.offer))
            try:
                await self.submit(bid)
            except SubmitRefused as refused:
                if kept.plan == plan:
                    raise
                launch.notes = [
                    _("{why} You have an ordinary session instead.", why=refused.sentence)
                ]
                bid.spec = specs.of_session(self, plan)
                await self.submit(bid)
            return await self.arrive(launch)
        except LaunchError as error:
            self.log.warning("%s: %s", self._log_name, error)
            metrics.refused(error)
            self.session.fails(error)
            raise exception(error) from error
        finally:
            self.launch = None
            self.start_timeout = boot_timeout

    async def submit(self, bid: Bid) -> None:
        """Submit a bid, noting it before and after. Raises `LaunchError`."""
        spec = bid.spec = replace(bid.spec, files=await certificates.files(self, bid.watched))
        noted = BidState(
            attempt=spec.attempt,
            cluster=bid.watched.name,
            offer=spec.offer.name,
            title=spec.offer.title,
            hours=spec.hours,
            username=spec.username,
            since=bid.since,
        )
        # Before: a hub that dies now must know that there may be a job.
        self.session.bids.append(noted)
        self.save()
        submitting = asyncio.ensure_future(bid.submit())
        try:
            await asyncio.shield(submitting)
        except asyncio.CancelledError:
            submitting.add_done_callback(lambda _: asyncio.ensure_future(bid.cancel()))
            raise
        except LaunchError:
            self.session.bids.remove(noted)
            self.save()
            # Who goes back to the form at once must not read there that this would start.
            held.clusters.estimates(bid.watched).forget()
            raise
        noted.job = bid.id
        self.save()
        self.log.info("%s is job %s on %s", self._log_name, bid.id, bid.watched.name)

    async def arrive(self, launch: Launch) -> Address:
        """Wait for the launch's first bid, and note it. Raises `LaunchError`."""
        bid, (node, port) = await launch.up()
        metrics.arrived(bid, self.name)
        attempt = bid.spec.attempt
        self.session.bids = [each for each in self.session.bids if each.attempt == attempt]
        self.session.bids[0].job = bid.id
        self.session.notes = launch.notes
        restarts = bid.job.restarts if bid.job else 0
        self.session.up = UpState(attempt=attempt, node=node, port=port, restarts=restarts)
        self.save()
        return node, port

    async def _end_leftovers(self, bid: Bid) -> None:
        """End what runs under this session's key and is nobody's: its token is void."""
        username = bid.spec.username
        look = await bid.watched.jobs.fresh(max_age=1.0)
        for job in look.seen.values():
            # A key is anybody's to write; another account's job is none of this person's.
            if job.alive and (job.key, job.username or username) == (bid.spec.key, username):
                await bid.watched.cluster.cancel(job.id, username)

    async def answers(self, host: str, port: int) -> object:
        """Return when a session answers requests there."""
        scheme = "https" if self.internal_ssl else "http"
        path = f"{self.server.base_url if self.server else '/'}api"
        files = [self.user.settings.get(f"internal_ssl_{part}") for part in ("key", "cert", "ca")]
        return await wait_for_http_server(
            f"{scheme}://{host}:{port}{path}",
            timeout=NO_TIMEOUT,
            ssl_context=make_ssl_context(*files[:2], cafile=files[2]),
        )

    def _token_id(self) -> str:
        """How the hub's database calls the session's token; after a restart nobody knows more."""
        found = orm.APIToken.find(object_session(self.orm_spawner), self.api_token)
        return found.api_id if found else ""

    def found(self, noted: BidState, *, port: int | None = None) -> Bid:
        """The bid that the database knows, to be looked for and looked after."""
        offer = Offer(noted.offer, noted.title, noted.cluster, Limits(1, 0))
        spec = JobSpec(self.key(), noted.username, offer, noted.hours, (), {}, "", noted.attempt)
        bid = Bid(self.watched(noted.cluster), spec, noted.job, port)
        bid.since = noted.since
        return bid

    # Its end

    async def poll(self) -> int | None:
        """None while the session waits, runs or comes back, or while nobody can tell; else how it
        ended."""
        return await life.poll(self)

    async def stop(self, now: bool = False) -> None:
        """End all jobs of the session, wait until they have ended, and remove what they left."""
        at = time.time()
        sentence = _("It was ended on request.")
        for noted in self.session.bids:
            try:
                await self._end(noted, now=now)
            except ClusterSilent as silent:
                # The keeper ends what nobody owns, as soon as the cluster answers.
                self.log.warning("%s: not ended yet: %s", self._log_name, silent)
                sentence = _("It was ended while the cluster did not answer.")
        if self.session.bids:
            self.session = self.session.ended(at, sentence)

    async def _end(self, noted: BidState, *, now: bool) -> None:
        watched = self.watched(noted.cluster)
        if not noted.job:
            look = await watched.jobs.next(hurry=True)
            if (job := self.found(noted).mine(look.seen)) is None:
                return
            noted.job = job.id
        await watched.cluster.cancel(noted.job, noted.username)
        while not now:
            job = (await watched.jobs.next(hurry=True)).seen.get(noted.job)
            if job is None or not job.alive:
                break
            await asyncio.sleep(0.2)
        await watched.cluster.forget(self.key(), noted.username)

    # What the hub remembers and shows

    def save(self) -> None:
        """Write the session to the hub's database at once."""
        self.orm_spawner.state = self.get_state()
        if (session := object_session(self.orm_spawner)) is not None:
            session.commit()

    def get_state(self) -> dict[str, Any]:
        """`session`, `runs`, and batchspawner's ``job_id`` for those who look for that."""
        bids = self.session.bids
        self.job_id = bids[0].job if bids else ""
        self.cluster_name = bids[0].cluster if bids else ""
        state: dict[str, Any] = super().get_state()
        batch = {"batch": [run.model_dump() for run in self.runs]} if self.runs else {}
        return state | {"session": self.session.model_dump()} | batch

    def load_state(self, state: dict[str, Any]) -> None:
        """See `get_state`."""
        super().load_state(state)
        self.session = SessionState.model_validate(state.get("session", {}))
        self.runs = [RunState.model_validate(run) for run in state.get("batch", [])]

    def clear_state(self) -> None:
        """Forget all of the session but how it ended; batch runs stay."""
        super().clear_state()
        self._drop_token()
        self.session = SessionState(last=self.session.last)
        self.cluster_name = ""
        self._plan = None

    async def delete_forever(self) -> None:
        """End the batch runs of a person, or of a server, that the hub is about to forget."""
        await runs.cancel_all(self)

    def _drop_token(self) -> None:
        """The hub deletes a session's token itself, unless it was started again meanwhile."""
        database = object_session(self.orm_spawner)
        if self.session.token and database is not None:
            token = database.get(orm.APIToken, int(self.session.token.removeprefix("a")))
            if token is not None:
                database.delete(token)
                database.commit()

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the hub's own stream of events tells: a sentence whenever there is a new one."""
        shown = ""
        while self.launch:
            told = news.tell(self)
            if told["news"] != shown:
                shown = told["news"]
                yield {"progress": told["percent"], "message": shown}
            await asyncio.sleep(1.0)


async def _apply_user_options(spawner: ClusterSpawner, options: Mapping[str, Any]) -> None:
    try:
        spawner._plan = await spawner.plan(options)
    except Refused as refused:
        metrics.refused(refused)
        raise exception(refused) from refused

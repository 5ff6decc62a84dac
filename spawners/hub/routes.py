"""The routes of sessions, and the end of batchspawner's. docs/session-api.md describes them.

- ``POST {hub}/api/session`` with the session's own token and ``{"port": 40123, "attempt": 1}``. It
  is taken once, for that token's session, while the hub waits for that attempt; the same again,
  because the answer was lost, changes nothing; all else is 403.
- ``GET …/api/session/USER`` and ``GET …/api/session/USER/SERVER``: what there is to tell. The
  pending page asks it, and its answers wait for something new: the hub's own stream of events does
  not pass a proxy that holds answers back until they are whole. The session asks it with its own
  token, for its end.
- ``POST …/api/session/USER/SERVER/switch`` with ``{"offer": name}`` while it waits, and ``POST
  …/more`` while it runs.
- ``GET …/api/offers/SERVER``: the live numbers of the spawn page, for who asks.
- ``…/api/batch/…``: see `run_routes`.

batchspawner's own route sets any attribute of the spawner that a user's token names, and importing
batchspawner adds it to the hub. `install` takes it out, before the hub builds its handlers.
"""

from __future__ import annotations

from typing import Any

from jupyterhub import handlers as pages
from jupyterhub.apihandlers import default_handlers
from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from ..errors import LaunchError, Refused
from ..language import Sentence as _
from ..language import told
from . import changes, form, keeping, life, metrics, news, run_routes
from .failures import exception
from .handler import Handler, kept
from .spawner import ClusterSpawner
from .state import SessionState
from .turns import line_up

BATCHSPAWNER_PATH = r"/api/batchspawner"
# The ports that a program without privileges may bind.
PORTS = range(1024, 65536)


class ReportHandler(Handler):
    """Takes the port of a session that is starting."""

    async def post(self) -> None:
        """See the module's text. 204 when it was taken."""
        try:
            body = self.body(port=int, attempt=int)
        except web.HTTPError as error:
            raise web.HTTPError(403, "A session reports its port and its attempt.") from error
        spawner = self.own()
        if spawner is None:
            raise web.HTTPError(403, "No session that is starting has this token.")
        if body["port"] not in PORTS:
            raise web.HTTPError(403, "A session listens at a port above 1023.")
        bid = await life.expecting(spawner, body["attempt"])
        if bid is not None:
            life.report(spawner, bid, body["port"])
        elif not life.has_reported(spawner, body["attempt"], body["port"]):
            raise web.HTTPError(403, "The hub does not wait for this session.")
        self.set_status(204)


class NewsHandler(Handler):
    """Tells of one session."""

    async def get(self, user_name: str, server_name: str) -> None:
        """See the module's text. 404 when there was never such a session.

        With ``?seen=STAGE``, the answer waits a while for another stage than that.
        """
        spawner = self.own()
        if spawner is None or (spawner.user.name, spawner.name) != (user_name, server_name):
            spawner, session = self.readable(user_name, server_name)
            if spawner is None:
                self.finish(news.of_state(session))
                return
        if seen := self.get_argument("seen", ""):
            await news.new(spawner, seen)
        self.finish(await news.tell_all(spawner))

    @needs_scope("read:servers")
    def readable(
        self, user_name: str, server_name: str
    ) -> tuple[ClusterSpawner | None, SessionState]:
        """`whose`, for those who may read it."""
        return self.whose(user_name, server_name)


class AllNewsHandler(Handler):
    """Tells of all sessions of a person."""

    @needs_scope("read:servers")
    async def get(self, user_name: str) -> None:
        """``{"sessions": {server: …}}``."""
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404, "There is no such person.")
        if not isinstance(user.spawner, ClusterSpawner):
            raise web.HTTPError(404, "This hub's servers are none of ours.")
        keeping.start(user.spawner)
        found = {}
        for name, orm_spawner in user.orm_spawners.items():
            spawner = user.spawners.get(name)
            found[name] = (
                await news.tell_all(spawner) if spawner else news.of_state(kept(orm_spawner))
            )
        self.finish({"sessions": found})


class ChangeHandler(Handler):
    """Changes a session: another offer, more time."""

    async def post(self, user_name: str, server_name: str, change: str) -> None:
        """See the module's text. 4xx with a sentence when it can't be."""
        spawner = self.own()
        if spawner is None or (spawner.user.name, spawner.name) != (user_name, server_name):
            spawner, _ = self.changeable(user_name, server_name)
        if spawner is None:
            raise web.HTTPError(409, told(_("This session has ended.")))
        also: dict[str, Any] = {}
        try:
            if change == "switch":
                await changes.switch(spawner, self.body(offer=str)["offer"])
            else:
                self.body()
                also["news"] = told(await changes.more(spawner))
        except LaunchError as error:
            metrics.refused(error)
            raise exception(error) from error
        self.finish(await news.tell_all(spawner) | also)

    @needs_scope("servers")
    def changeable(
        self, user_name: str, server_name: str
    ) -> tuple[ClusterSpawner | None, SessionState]:
        """`whose`, for those who may start and stop it."""
        return self.whose(user_name, server_name)


class OffersHandler(Handler):
    """The live numbers of the spawn page."""

    @web.authenticated
    async def get(self, server_name: str) -> None:
        """``{"choices": [{"name", "state", "gpus", "starts", "sentence"}]}``, ranked."""
        user = self.current_user
        if getattr(user, "kind", "") != "user":
            raise web.HTTPError(403, "Offers are a person's.")
        # The spawn page has made it; anybody could fill the database with others.
        spawner = user.spawners.get(server_name)
        if spawner is None:
            raise web.HTTPError(404, told(_("Open the page where a session is started first.")))
        terms = await spawner.find_terms()
        found = await form.choices(spawner, terms) if terms else []
        self.finish({"choices": [choice.live() for choice in found]})


class StartHandler(SpawnHandler):
    """The spawn page, whose Start answers at once.

    JupyterHub's waits for a second whether the session fails, and starts it meanwhile. Here what
    the person may not have is refused at once, and else the waiting page is next, whenever the
    session's turn comes.
    """

    async def _wrap_spawn_single_user(
        self,
        user: Any,
        server_name: str,
        display_name: str,
        spawner: Any,
        pending_url: str,
        options: dict[str, Any] | None = None,
    ) -> None:
        if not isinstance(spawner, ClusterSpawner):
            await super()._wrap_spawn_single_user(
                user, server_name, display_name, spawner, pending_url, options
            )
            return
        try:
            await spawner.plan(options or {})
        except Refused as refused:
            metrics.refused(refused)
            raise exception(refused) from refused
        # A second click, while the first one's wish was looked at.
        if not spawner.active:
            line_up(
                spawner,
                lambda: self.spawn_single_user(user, server_name, display_name, options=options),
            )
        self.redirect(pending_url)


ROUTES = {
    r"/api/session": ReportHandler,
    r"/api/session/([^/]+)": AllNewsHandler,
    r"/api/session/([^/]+)/([^/]+)": NewsHandler,
    r"/api/session/([^/]+)/([^/]+)/(switch|more)": ChangeHandler,
    r"/api/offers/([^/]+)": OffersHandler,
    **run_routes.ROUTES,
}


def install() -> None:
    """Put our routes in and take batchspawner's out. Idempotent."""
    pages.default_handlers[:] = [
        (path, StartHandler if handler is SpawnHandler else handler)
        for path, handler in pages.default_handlers
    ]
    others = [each for each in default_handlers if each[0] not in {BATCHSPAWNER_PATH, *ROUTES}]
    default_handlers[:] = [*others, *ROUTES.items()]

"""The routes of batch runs. docs/session-api.md describes them.

They are for the session, with its own token, and for who may start and stop the person's servers.
No answer of theirs and nothing that they start holds a token.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.scopes import needs_scope
from tornado import web

from ..errors import LaunchError
from ..language import Sentence as _
from ..language import told
from ..names import RUN_ID
from . import metrics, run_news, runs
from .failures import exception
from .handler import Handler
from .spawner import ClusterSpawner

FIELDS = {"run", "offer", "hours", "tasks"}


class RunHandler(Handler):
    """What the routes of batch runs share."""

    def mine(self, user_name: str, server_name: str) -> ClusterSpawner:
        """The spawner, for the session's own token and for who may change the session.

        404 where the person never had a session of the course.
        """
        spawner = self.own()
        if spawner is not None and (spawner.user.name, spawner.name) == (user_name, server_name):
            return spawner
        return self.changeable(user_name, server_name)

    @needs_scope("servers")
    def changeable(self, user_name: str, server_name: str) -> ClusterSpawner:
        """The spawner, made where the hub has none at the moment."""
        spawner, _kept = self.whose(user_name, server_name)
        if spawner is None:
            spawner = self.find_user(user_name).spawners[server_name]
        if not isinstance(spawner, ClusterSpawner):
            raise web.HTTPError(404, "This server is none of ours.")
        return spawner


class RunsHandler(RunHandler):
    """All batch runs of a person in a course."""

    async def get(self, user_name: str, server_name: str) -> None:
        """What became of them, and what there is for another."""
        self.finish(await run_news.tell_all(self.mine(user_name, server_name)))

    async def post(self, user_name: str, server_name: str) -> None:
        """Submit one. 4xx with a sentence when it can't be."""
        spawner = self.mine(user_name, server_name)
        id_, wish, tasks = self._asked()
        try:
            run = await runs.submit(spawner, id_, wish, tasks)
        except LaunchError as error:
            metrics.refused(error)
            raise exception(error) from error
        self.set_status(201)
        self.finish({"job": run.job, "offer": run.offer, "hours": run.hours, "tasks": run.count})

    def _asked(self) -> tuple[str, dict[str, Any], int]:
        """The run's id, what is wished for it, and how many tasks it has; else 400."""
        body = self.get_json_body()
        if not isinstance(body, dict) or set(body) - FIELDS or "run" not in body:
            raise web.HTTPError(400, "This takes a JSON object with run, offer, hours and tasks.")
        id_, tasks = body["run"], body.get("tasks", 1)
        if type(id_) is not str or not RUN_ID.fullmatch(id_):
            raise web.HTTPError(
                400,
                told(
                    _(
                        "A run's name has small letters, digits and dashes, at most 40, and begins "
                        "with no dash."
                    )
                ),
            )
        if type(tasks) is not int:
            raise web.HTTPError(400, "The number of tasks is a whole number.")
        wish = {name: body[name] for name in ("offer", "hours") if body.get(name) is not None}
        return id_, wish, tasks


class EndRunHandler(RunHandler):
    """One batch run."""

    async def delete(self, user_name: str, server_name: str, run: str) -> None:
        """End it with all of its tasks. 204, also when it has ended before."""
        spawner = self.mine(user_name, server_name)
        try:
            await runs.cancel(spawner, run)
        except LaunchError as error:
            raise exception(error) from error
        self.set_status(204)


ROUTES = {
    r"/api/batch/([^/]+)/([^/]+)": RunsHandler,
    r"/api/batch/([^/]+)/([^/]+)/([^/]+)": EndRunHandler,
}

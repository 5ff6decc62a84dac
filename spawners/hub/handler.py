"""What all our routes share: whose session a request is about, and what is in its body."""

from __future__ import annotations

from typing import Any

from jupyterhub.apihandlers import APIHandler
from tornado import web

from ..language import Sentence as _
from ..language import told
from .spawner import ClusterSpawner
from .state import SessionState


class Handler(APIHandler):
    """A request to one of our routes."""

    def find_user(self, name: str) -> Any:
        """The hub's, which asks its database: not again for who asks of himself."""
        user = self.current_user
        if getattr(user, "kind", "") == "user" and user.name == name:
            return user
        return super().find_user(name)

    def body(self, **fields: type) -> dict[str, Any]:
        """The request's JSON, if it has these fields and no other; else 400."""
        body = self.get_json_body() or {}
        plain = isinstance(body, dict) and set(body) == set(fields)
        if not plain or any(type(body[name]) is not kind for name, kind in fields.items()):
            wanted = ", ".join(fields) or "nothing"
            raise web.HTTPError(400, f"This takes a JSON object with {wanted}.")
        return dict(body)

    def whose(self, user_name: str, server_name: str) -> tuple[ClusterSpawner | None, SessionState]:
        """The spawner, if the hub holds one, and what the database keeps. 404 without either."""
        user = self.find_user(user_name)
        spawner = user.spawners.get(server_name) if user else None
        if spawner is not None:
            if not isinstance(spawner, ClusterSpawner):
                raise web.HTTPError(404, "This server is none of ours.")
            return spawner, spawner.session
        orm_spawner = user.orm_spawners.get(server_name) if user else None
        if orm_spawner is None:
            raise web.HTTPError(404, told(_("There is no such session.")))
        return None, kept(orm_spawner)

    def own(self) -> ClusterSpawner | None:
        """The session whose own token asks; not the one that a body or a path names."""
        token, user = self.get_token(), self.current_user
        for spawner in getattr(user, "spawners", {}).values() if token else ():
            if isinstance(spawner, ClusterSpawner) and spawner.session.token == token.api_id:
                return spawner
        return None


def kept(orm_spawner: Any) -> SessionState:
    """What the hub's database keeps of a session."""
    return SessionState.model_validate((orm_spawner.state or {}).get("session", {}))

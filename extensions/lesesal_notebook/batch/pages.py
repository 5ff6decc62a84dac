"""``<session>/lesesal/batch/…``: batch jobs for JupyterLab (static/batch.js).

Errors are ``{"message"}``, a sentence for the person.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from .. import language
from ..language import gettext as _
from ..language import latest
from . import run, tagged, text, typed
from .errors import BatchError, HubRefused, HubSilent, NotFoundError
from .look import WAITING, View

T = TypeVar("T")

# Of the list, the newest; and of a sweep that is unfolded there, the first.
SHOWN = 50
TASKS = 200


class _Handler(JupyterHandler):
    """What they share: the person's language, and errors as sentences."""

    async def work(self, function: Callable[..., T], *arguments: Any) -> T:
        """Not on the loop: files are read, and the hub is asked. Raises HTTPError."""
        language.of(self)
        try:
            return await asyncio.to_thread(function, *arguments)
        except BatchError as error:
            kinds = {HubSilent: 503, HubRefused: 409, NotFoundError: 404}
            raise web.HTTPError(kinds.get(type(error), 400), str(error)) from error

    def write_error(self, status_code: int, **details: Any) -> None:
        """As JSON."""
        error = details.get("exc_info", (None, None))[1]
        said = error.log_message if isinstance(error, web.HTTPError) else ""
        otherwise = _("This did not work. The session's log says why.", latest())
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"message": said or otherwise}))

    def wish(self) -> dict[str, Any]:
        """The request's body. Raises HTTPError."""
        body = self.get_json_body()
        if not isinstance(body, dict) or not isinstance(body.get("values", {}), dict):
            raise web.HTTPError(400, _("The form is not complete. Open it again.", latest()))
        return body


class FormHandler(_Handler):
    """``lesesal/batch/form``."""

    @web.authenticated
    async def get(self) -> None:
        """What the form for ``?path=`` has: ``{"parameters", "offers", "message"}``.

        Parameters are ``{"name", "type", "default", "help"}``; the message says why there are no
        offers.
        """
        self.finish(await self.work(_form, self.get_query_argument("path")))

    @web.authenticated
    async def post(self) -> None:
        """How ``{"path", "values"}`` is understood: ``{"tasks", "wrong": {name: sentence},
        "message"}``."""
        wish = self.wish()
        found = await self.work(_typed, str(wish.get("path", "")), wish.get("values", {}))
        answer = {"tasks": found.tasks, "wrong": found.wrong, "message": found.sentence}
        self.finish(answer)


class RunsHandler(_Handler):
    """``lesesal/batch/runs``."""

    @web.authenticated
    async def get(self) -> None:
        """The newest: ``{"runs": [...]}``, as `listed` gives each, of ``?tasks=ID`` with tasks."""
        self.finish({"runs": await self.work(_runs, self.get_query_arguments("tasks"))})

    @web.authenticated
    async def post(self) -> None:
        """Start ``{"path", "values", "offer", "hours", "name"}``; the run, as in the list."""
        started = await self.work(_start, self.wish())
        self.set_status(201)
        self.finish(started)


class RunHandler(_Handler):
    """``lesesal/batch/runs/ID``."""

    @web.authenticated
    async def delete(self, run_: str) -> None:
        """Cancel it; what it has done so far stays."""
        await self.work(lambda: run.get(run_).cancel())
        self.set_status(204)

    @web.authenticated
    async def post(self, run_: str) -> None:
        """Go on with it in a new run, with its checkpoints; the new run, as in the list."""
        resumed = await self.work(lambda: listed(run.get(run_).resume()))
        self.set_status(201)
        self.finish(resumed)


def listed(one: run.Run, *, tasks: bool = False) -> dict[str, Any]:
    """A run as the list shows it.

    ``id``, ``name``, ``state``, ``word`` (the state for people), ``alive``, ``resumable``,
    ``sentence``, ``line`` (where it is), ``fraction``, ``count`` (of its tasks), ``submitted``,
    ``result`` (the path of the executed notebook of its first task, or null), and on demand
    ``tasks``: the first `TASKS`, each ``{"task", "values", "word", "result"}`` with its values of
    the grid.
    """
    view, said = one.look(), latest()
    told = text.summary(view)
    names = "id name state alive resumable sentence fraction submitted".split()
    found = {
        **{name: told[name] for name in names},
        "word": text.state_word(view.state, said),
        "line": _line(view, said),
        "count": len(view.tasks),
        "result": told["tasks"][0]["result"],
    }
    if tasks:
        found["tasks"] = [
            {
                "task": each["task"],
                "values": {name: each["parameters"].get(name) for name in told["grid"]},
                "word": text.state_word(each["state"], said),
                "result": each["result"],
            }
            for each in told["tasks"][:TASKS]
        ]
    return found


def _line(view: View, said: str) -> str:
    if view.state == WAITING:
        return text.queue_line(view, said)
    if len(view.tasks) > 1 or not view.alive:
        return ""
    [task] = view.tasks
    lines = (text.cell_line(task, said), text.progress_line(task, said))
    return ", ".join(line for line in lines if line)


def _form(path: str) -> dict[str, Any]:
    known = tagged.parameters(_notebook(path))
    offers: list[dict[str, Any]] = []
    message = ""
    try:
        offers = run.offers()
    except BatchError as error:
        message = str(error)
    return {
        "parameters": [each.summary() for each in known],
        "offers": offers,
        "message": message,
    }


def _typed(path: str, texts: dict[str, Any]) -> typed.Typed:
    known = tagged.parameters(_notebook(path))
    return typed.read(known, {name: str(value) for name, value in texts.items()})


def _start(wish: dict[str, Any]) -> dict[str, Any]:
    path = str(wish.get("path", ""))
    found = _typed(path, wish.get("values", {}))
    if sentences := [*found.wrong.values(), *filter(None, [found.sentence])]:
        raise BatchError(" ".join(sentences))
    started = run.submit(
        _notebook(path),
        found.parameters,
        found.grid,
        wish.get("offer") or None,
        wish.get("hours") or None,
        str(wish.get("name") or ""),
    )
    return listed(started)


def _runs(unfolded: list[str]) -> list[dict[str, Any]]:
    return [listed(each, tasks=each.id in unfolded) for each in run.runs()[:SHOWN]]


def _notebook(path: str) -> Path:
    # JupyterLab's files begin at the home.
    return Path.home() / path


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    base = url_path_join(app.web_app.settings["base_url"], "lesesal", "batch")
    routes = [
        (f"{base}/form", FormHandler),
        (f"{base}/runs", RunsHandler),
        (f"{base}/runs/([a-z0-9][a-z0-9-]{{0,39}})", RunHandler),
    ]
    app.web_app.add_handlers(".*$", routes)

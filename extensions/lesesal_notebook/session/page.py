"""A page of the session, ``<session>/lesesal/session``: what it was given, in words or as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from .allotment import allotment

_templates = Environment(
    loader=PackageLoader("lesesal_notebook.session"), autoescape=True, undefined=StrictUndefined
)


class SessionPageHandler(JupyterHandler):
    """Shows the allotment."""

    @web.authenticated
    def get(self) -> None:
        """HTML, or JSON for who accepts only that."""
        given = allotment()
        if self.request.headers.get("Accept") == "application/json":
            self.finish(asdict(given))
            return
        template = _templates.get_template("session.html")
        self.finish(template.render(given=given, lab=url_path_join(self.base_url, "lab")))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    route = url_path_join(app.web_app.settings["base_url"], "lesesal", "session")
    app.web_app.add_handlers(".*$", [(route, SessionPageHandler)])

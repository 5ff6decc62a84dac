"""nbgrader's Formgrader under a hub: the way to the classroom's, and the session's own in a tab.

Grading is done in the classroom, where the course has one gradebook for all its staff. The
session's Formgrader stays for who writes assignments: it generates and shows the student version.

JupyterLab shows the Formgrader in a frame. Under a hub without subdomains all people's sessions
share one origin, and a page that may be framed may be framed, read and clicked by any of them; so
JupyterHub forbids it (nbgrader issue 1870: the tab stays blank). Here the frame gets a small page
instead, with nothing of the course in it, whose buttons open the real ones.

In a tab of its own, the Formgrader's links to files leave out the session's address (its
``linkTo`` knows no base_url); they get it here.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from functools import cached_property, partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule

from .. import language

_templates = Environment(
    loader=PackageLoader("lesesal_notebook.session"), autoescape=True, undefined=StrictUndefined
)
# Comes after nbgrader's own definition, in the same file.
LINK_TO = """
linkTo = function (type, path) {
    var url = base_url + "/lab/tree/" + path.split("/").map(encodeURIComponent).join("/");
    return (_, el) => $(el).attr("href", url).attr("target", "_blank")[0];
};
"""


def in_classroom(environment: Mapping[str, str]) -> str:
    """The address of the course's Formgrader in the classroom, for a browser; empty without one.

    The classroom's own name for itself may be one that only the cluster knows: its path is the same
    behind the hub's proxy.
    """
    url, course = (environment.get(f"LESESAL_{name}", "") for name in ("CLASSROOM_URL", "COURSE"))
    if not url or not course:
        return ""
    host = environment.get("JUPYTERHUB_HOST", "")  # where each person has a subdomain
    path = urlsplit(url).path.rstrip("/")
    return f"{host}{path}/courses/{quote(course, safe='')}/formgrader"


class FramedPage(Matcher):
    """Matches a page of the Formgrader that a browser wants for a frame."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Tornado's protocol: a dict when it matches, else None."""
        framed = request.headers.get("Sec-Fetch-Dest") in {"iframe", "frame", "embed", "object"}
        return {} if framed and request.path.startswith(self._prefix) else None


class FramedHandler(JupyterHandler):
    """The page in the frame. It has nothing secret, so it may be framed by anybody."""

    @cached_property
    def _nonce(self) -> str:
        return secrets.token_urlsafe(16)

    @property
    def content_security_policy(self) -> str:
        """Only this page's one script runs."""
        return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{self._nonce}'"

    def prepare(self) -> None:  # type: ignore[override]
        """No login: there is nothing to protect."""

    @allow_unauthenticated
    def get(self) -> None:
        """The page."""
        chosen = language.of(self)
        self.finish(
            _templates.get_template("framed.html").render(
                address=url_path_join(self.base_url, "formgrader"),
                classroom=in_classroom(os.environ),
                nonce=self._nonce,
                language=chosen,
                _=partial(language.gettext, language=chosen),
            )
        )


class ScriptHandler(JupyterHandler):
    """nbgrader's ``utils.js`` with our ``linkTo`` after it."""

    @web.authenticated
    def get(self) -> None:
        """The script."""
        script = files("nbgrader.server_extensions.formgrader").joinpath("static/js/utils.js")
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.finish(Path(str(script)).read_text(encoding="utf-8") + LINK_TO)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    web_app = app.web_app
    prefix = url_path_join(web_app.settings["base_url"], "formgrader")
    # Before nbgrader's own handlers, whatever order extensions are loaded in.
    router = web_app.default_router
    for rule in (
        Rule(FramedPage(prefix), FramedHandler),
        Rule(_Exactly(f"{prefix}/static/js/utils.js"), ScriptHandler),
    ):
        router.rules.insert(0, router.process_rule(rule))


class _Exactly(Matcher):
    def __init__(self, path: str) -> None:
        self._path = path

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        return {} if request.path == self._path else None

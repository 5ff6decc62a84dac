"""A page of the session, ``<session>/lesesal/session``: what it was given, and until when.

In words, or as JSON: `Allotment`'s fields and ``ends``, in seconds since 1970 or null.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from .. import language
from .allotment import allotment
from .end import SETTING, End

_templates = Environment(
    loader=PackageLoader("lesesal_notebook.session"), autoescape=True, undefined=StrictUndefined
)


class SessionPageHandler(JupyterHandler):
    """Shows the allotment and the end."""

    @web.authenticated
    async def get(self) -> None:
        """HTML, or JSON for who accepts only that."""
        given = allotment()
        chosen = language.of(self)
        end: End = self.settings[SETTING]
        known = await end.known()
        if self.request.headers.get("Accept") == "application/json":
            self.finish({**asdict(given), "ends": known["ends"]})
            return
        self.finish(
            _templates.get_template("session.html").render(
                given=given,
                known=known,
                base=self.base_url,
                language=chosen,
                words=language.script_words(chosen),
                _=partial(language.gettext, language=chosen),
            )
        )


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    route = url_path_join(app.web_app.settings["base_url"], "lesesal", "session")
    app.web_app.add_handlers(".*$", [(route, SessionPageHandler)])

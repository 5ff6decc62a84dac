"""What our scripts in JupyterLab say, in the person's language: ``<session>/lesesal/words``."""

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from .. import language


class WordsHandler(JupyterHandler):
    """``lesesal/words``."""

    @web.authenticated
    def get(self) -> None:
        """``{"language": "nb", "words": {English: translation}}``; no words for English."""
        chosen = language.of(self)
        self.set_header("Vary", "Accept-Language, Cookie")
        self.finish({"language": chosen, "words": language.script_words(chosen)})


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    route = url_path_join(app.web_app.settings["base_url"], "lesesal", "words")
    app.web_app.add_handlers(".*$", [(route, WordsHandler)])

"""``<session>/lesesal/progress/ID``: a long loop as its files have it.

For pages that were opened again: they hear no more of a cell that ran before (static/progress.js).
"""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from ... import language
from .files import home, read
from .picture import picture
from .seen import line


class ProgressHandler(JupyterHandler):
    """``lesesal/progress/ID``."""

    @web.authenticated
    async def get(self, id_: str) -> None:
        """``{"html", "text"}``; 404 when there are no files of it."""
        said = language.of(self)
        seen = await asyncio.to_thread(read, home() / id_)
        if seen is None:
            raise web.HTTPError(404, "There are no files of this loop.")
        html = await asyncio.to_thread(picture, seen, said)
        self.finish({"html": html, "text": line(seen, said)})


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    base = app.web_app.settings["base_url"]
    route = url_path_join(base, "lesesal", "progress", r"([0-9]{8}-[0-9]{6}-[0-9]+-[0-9]+)")
    app.web_app.add_handlers(".*$", [(route, ProgressHandler)])

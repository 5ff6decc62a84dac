"""Where a page says that it was opened, so that kernels are made ready: ``lesesal/kernels``."""

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from ..kernels.warm import PROVISIONER, of_this_session


class KernelsHandler(JupyterHandler):
    """``lesesal/kernels``."""

    @web.authenticated
    def post(self) -> None:
        """Let the fork server begin: ``{"state": "off", "starting", "ready" or "gone"}``."""
        warm = of_this_session()
        # An operator may have chosen otherwise.
        chosen = self.settings["config"].KernelProvisionerFactory.default_provisioner_name
        if chosen == PROVISIONER:
            warm.open()
        self.finish({"state": warm.state})


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    route = url_path_join(app.web_app.settings["base_url"], "lesesal", "kernels")
    app.web_app.add_handlers(".*$", [(route, KernelsHandler)])

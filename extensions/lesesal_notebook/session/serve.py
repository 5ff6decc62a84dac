"""Jupyter Server with JupyterHub's login, on a socket that is already bound."""

from __future__ import annotations

import os
import socket
from importlib.resources import files
from pathlib import Path

from jupyter_server.serverapp import ServerApp
from jupyterhub.singleuser.extension import JupyterHubSingleUser
from traitlets import Instance
from traitlets.config import Config

from .settings import Settings


class SessionServerApp(ServerApp):
    """A Jupyter Server that serves a socket it is given instead of opening one."""

    listener = Instance(socket.socket)

    def _find_http_port(self) -> None:
        self.port = self.listener.getsockname()[1]

    def _bind_http_server_tcp(self) -> bool:
        self.listener.setblocking(False)
        self.http_server.add_socket(self.listener)
        return True


def serve(listener: socket.socket, settings: Settings) -> None:
    """Serve until the session is ended."""
    _, port = listener.getsockname()
    # What JupyterHub's extension reads its address from.
    scheme = "https" if settings.certificate else "http"
    os.environ["JUPYTERHUB_SERVICE_URL"] = f"{scheme}://{settings.bind}:{port}/"
    _use_role(settings.role)
    JupyterHubSingleUser.serverapp_class = SessionServerApp
    config = Config()
    config.HubOAuth.api_token = settings.token
    config.SessionServerApp.root_dir = str(Path.home())
    # Whose account a session runs under was decided when it was started.
    config.SessionServerApp.allow_root = True
    # Nothing is fetched from outside: no extension manager over PyPI, and no search for language
    # servers, which runs npm (none is installed).
    config.LabApp.extension_manager = "readonly"
    config.LanguageServerManager.autodetect = False
    app = JupyterHubSingleUser.initialize_server(argv=[], config=config, listener=listener)
    app.start()


def _use_role(role: str) -> None:
    """Put the role's configuration folder (pages that only staff has) in Jupyter's path."""
    folder = (
        Path(str(files(__package__)))
        / "roles"
        / ("instructor" if role == "instructor" else "student")
    )
    others = os.environ.get("JUPYTER_CONFIG_PATH")
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
        [str(folder), *([others] if others else [])]
    )

"""Jupyter Server with JupyterHub's login, on a socket that is already bound."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
import sys
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from traitlets import Bool, Dict, Instance, List, Unicode, default
from traitlets.config import Config

from .imports import import_jupyterlab, spared
from .settings import Settings

with spared():
    from jupyter_core.paths import prefer_environment_over_user
    from jupyter_server.serverapp import JUPYTER_SERVICE_HANDLERS, ServerApp
    from jupyterhub._version import _check_version
    from jupyterhub.singleuser.extension import JupyterHubSingleUser

    for places in JUPYTER_SERVICE_HANDLERS.values():
        for place in places or ():
            import_module(place)
    import_jupyterlab()

from .later import Later

# Seconds that requests get to end when the server is stopped.
LAST_SECONDS = 5.0


class SessionServerApp(ServerApp):
    """A Jupyter Server that serves a socket it is given instead of opening one."""

    listener = Instance(socket.socket)

    later = Dict(
        List(Unicode()),
        key_trait=Unicode(),
        default_value={
            "jupyter_lsp": ["lsp"],
            "jupyter_resource_usage": ["api/metrics", "metrics"],
            "lesesal_notebook.batch.pages": ["lesesal/batch"],
            "lesesal_notebook.exchange.pages": ["assignments", "courses", "nbgrader_version"],
            "lesesal_notebook.session.announcements": ["lesesal/announcements"],
            "lesesal_notebook.session.formgrader": ["formgrader"],
            "lesesal_notebook.session.kernels": ["lesesal/kernels"],
            "lesesal_notebook.session.page": ["lesesal/session"],
            "lesesal_notebook.session.usage": ["lesesal/usage"],
            "lesesal_notebook.session.words": ["lesesal/words"],
            "lesesal_notebook.widgets.progress.page": ["lesesal/progress"],
            "nbgitpuller": ["git-pull", "git-sync", "interact"],
            "nbgrader.server_extensions.course_list": ["formgraders"],
            "nbgrader.server_extensions.formgrader": ["formgrader"],
            "nbgrader.server_extensions.validate_assignment": ["assignments/validate"],
            "notebook": ["tree", "notebooks", "edit", "consoles", "terminals", "custom"],
            "notebook_shim": ["tree", "notebooks", "edit", "consoles", "terminals", "custom"],
        },
        help="""
        Server extensions that are loaded when one of their addresses is first asked for, by
        module; addresses are relative to the session's, and all below them is meant too.
        Extensions that are not named here are loaded when the session starts.

        Example: `c.SessionServerApp.later = {"jupyter_lsp": ["lsp"]}`
        """,
    ).tag(config=True)

    warm_kernels = Bool(
        True,
        help="""
        Kernels of Python are forked from a process that has imported what the course's assignments
        name in `preload`. Without it, each is started as Jupyter starts it.

        Example: `c.SessionServerApp.warm_kernels = False`
        """,
    ).tag(config=True)

    def init_configurables(self) -> None:
        """Say where kernels come from, before there is anybody who starts them."""
        # Who else has a session on this machine could listen to what cells say otherwise.
        self.config.MappingKernelManager.setdefault("transport_encryption", "auto")
        if self.warm_kernels:
            # By name: nothing of it is imported before the first kernel (../kernels/warm.py).
            factory = self.config.KernelProvisionerFactory
            factory.setdefault("default_provisioner_name", "lesesal-warm")
        super().init_configurables()

    @default("kernel_websocket_connection_class")
    def _default_kernel_websocket_connection_class(self) -> type:
        from .channels import PromptChannels

        return PromptChannels

    def init_server_extensions(self) -> None:
        """Link the extensions that are loaded at once."""
        self._later = {
            name: addresses
            for name, addresses in self.later.items()
            if self.jpserver_extensions.get(name)
        }
        self.jpserver_extensions = {
            name: enabled and name not in self._later
            for name, enabled in self.jpserver_extensions.items()
        }
        super().init_server_extensions()

    def load_server_extensions(self) -> None:
        """Load them, and wait for those who want one of the others."""
        super().load_server_extensions()
        # Each page would ask whether JupyterLab must be built anew, which starts Node; a session
        # can't build it.
        page = self.web_app.settings.setdefault("page_config_data", {})
        page.update(buildAvailable=False, buildCheck=False)
        Later(self, self._later).install()

    def _find_http_port(self) -> None:
        self.port = self.listener.getsockname()[1]

    def _bind_http_server_tcp(self) -> bool:
        self.listener.setblocking(False)
        self.http_server.add_socket(self.listener)
        return True


class Session(JupyterHubSingleUser):
    """JupyterHub's login and account of activity, without questions that are answered already."""

    name = "lesesal-session"
    serverapp_class = SessionServerApp
    # What the hub answered when the port was reported to it.
    hub_version = ""

    @classmethod
    def get_extension_package(cls) -> str:
        """Where `_jupyter_server_extension_points` is."""
        return __name__

    async def check_hub_version(self) -> None:
        """The hub has just been asked: it has the port."""
        _check_version(self.hub_version, self.version, self.log)

    async def keep_activity_updated(self) -> None:
        """Tell the hub of activity, but not that the session has started: it knows."""
        # A class that starts at once need not call at once.
        wait = random.uniform(0.5, 1) * self.hub_activity_interval  # noqa: S311 - no secret
        await asyncio.sleep(wait)
        await super().keep_activity_updated()


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": __name__, "app": Session}]


def serve(listener: socket.socket, settings: Settings, hub_version: str) -> None:
    """Serve until the session is ended."""
    _, port = listener.getsockname()
    # What JupyterHub's extension reads its address from.
    scheme = "https" if settings.certificate else "http"
    os.environ["JUPYTERHUB_SERVICE_URL"] = f"{scheme}://{settings.bind}:{port}/"
    _use_role(settings.role)
    # Else Jupyter looks anew, for each of its paths, at who owns the environment.
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", str(int(prefer_environment_over_user())))
    Session.hub_version = hub_version
    config = Config()
    config.HubOAuth.api_token = settings.token
    config.SessionServerApp.root_dir = str(Path.home())
    # Whose account a session runs under was decided when it was started.
    config.SessionServerApp.allow_root = True
    # Nothing is fetched from outside: no extension manager over PyPI.
    config.LabApp.extension_manager = "readonly"
    # Where language servers are looked for; by default npm is run to say where else.
    prefix = Path(sys.prefix)
    config.LanguageServerManager.node_roots = [Path.home(), prefix / "lib", prefix]
    app = Session.initialize_server(argv=[], config=config, listener=listener)
    gc.freeze()
    gc.enable()
    app.start()
    _let_go(app.io_loop.asyncio_loop)


def _let_go(loop: asyncio.AbstractEventLoop) -> None:
    """End what the loop still does, as `asyncio.run` would.

    A request that is being answered when the server is stopped may hold a thread of anyio's, which
    ends with the request's task only; the process would wait for it for ever.
    """
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=LAST_SECONDS))


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

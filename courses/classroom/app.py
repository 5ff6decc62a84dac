"""``python -m courses.classroom``: the service's configuration, and its start."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from jupyterhub.services.auth import HubOAuth
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.web import Application as TornadoApplication
from tornado.web import StaticFileHandler
from traitlets import Integer, TraitError, Unicode, default, validate
from traitlets.config import Application

from courses.classroom import api, pages, templating
from courses.classroom.checks import Checks
from courses.classroom.desks import Desks
from courses.classroom.formgraders import Formgraders
from courses.classroom.grading import GradingRuns
from courses.classroom.grading_settings import Grading
from courses.classroom.handlers import Shared
from courses.classroom.hub_groups import HubApi, HubKeeper
from courses.classroom.live import Live
from courses.classroom.pages import formgrader
from courses.classroom.sessions import Sessions
from courses.errors import CourseError
from courses.store import Store, default_url

_HERE = Path(__file__).parent
# Forms of pages are small. Uploads count for themselves (courses.classroom.uploads).
_MAX_FORM_BYTES = 1 << 20
# The store's work waits for one disk: more threads would wait, not work.
_THREADS = 4
_PARENT_MS = 1000


class ClassroomApp(Application):
    """Lesesal's classroom: courses, assignments, submissions and feedback, as a hub service."""

    name = "classroom"
    description = __doc__ or ""
    classes = [Grading]  # noqa: RUF012  traitlets' own way to declare them
    aliases = {  # noqa: RUF012  traitlets' own way to declare them
        "home": "ClassroomApp.home",
        "database-url": "ClassroomApp.database_url",
        "ip": "ClassroomApp.ip",
        "port": "ClassroomApp.port",
        "config": "ClassroomApp.config_file",
        "log-level": "ClassroomApp.log_level",
    }

    home = Unicode(
        help="""The state folder: the database, unless `database_url` says another, and the blobs.

        Default: $LESESAL_HOME, else ``var`` below the working directory.

        Example: ``c.ClassroomApp.home = "/srv/lesesal"``
        """
    ).tag(config=True)

    database_url = Unicode(
        help="""The database, as an SQLAlchemy URL.

        Default: $LESESAL_DATABASE_URL, else ``classroom.sqlite`` in `home`.

        Example: ``c.ClassroomApp.database_url = "postgresql+psycopg:///lesesal"``
        """
    ).tag(config=True)

    ip = Unicode(
        help="""The address to listen on.

        Default: the one that the hub tells in $JUPYTERHUB_SERVICE_URL, else 127.0.0.1.

        Example: ``c.ClassroomApp.ip = "127.0.0.1"``
        """
    ).tag(config=True)

    port = Integer(
        min=0,
        max=65535,
        help="""The port to listen on.

        Default: the one that the hub tells in $JUPYTERHUB_SERVICE_URL, else 8082.

        Example: ``c.ClassroomApp.port = 8082``
        """,
    ).tag(config=True)

    staff_max_bytes = Integer(
        500_000_000,
        min=1,
        help="""The most that an archive from staff (a release, feedback) may measure, in bytes,
        and the most that may come out of it. What students may send is in course.toml.

        Example: ``c.ClassroomApp.staff_max_bytes = 2_000_000_000``
        """,
    ).tag(config=True)

    config_file = Unicode(
        "",
        help="""A configuration file to read.

        Example: ``python -m courses.classroom --config=/etc/lesesal/classroom.py``
        """,
    ).tag(config=True)

    @default("log_level")
    def _default_log_level(self) -> str:
        return "INFO"

    @default("home")
    def _default_home(self) -> str:
        return os.environ.get("LESESAL_HOME") or "var"

    @default("database_url")
    def _default_database_url(self) -> str:
        return default_url(Path(self.home))

    @default("ip")
    def _default_ip(self) -> str:
        return urlparse(os.environ.get("JUPYTERHUB_SERVICE_URL", "")).hostname or "127.0.0.1"

    @default("port")
    def _default_port(self) -> int:
        return urlparse(os.environ.get("JUPYTERHUB_SERVICE_URL", "")).port or 8082

    @validate("home")
    def _absolute_home(self, proposal: Any) -> str:
        if not proposal["value"]:
            raise TraitError("ClassroomApp.home is empty. Give the state folder.")
        return str(Path(proposal["value"]).resolve())

    def initialize(self, argv: list[str] | None = None) -> None:
        super().initialize(argv)
        if self.config_file:
            self.load_config_file(Path(self.config_file).name, str(Path(self.config_file).parent))

    def web(self, store: Store) -> TornadoApplication:
        """The web application over an open store."""
        # Told roles change within a minute; the hub is asked once a minute and person.
        auth = HubOAuth.instance(parent=self, cache_max_age=60)
        desks = Desks(store, self.staff_max_bytes)
        pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="store")
        self.keeper = HubKeeper(store, HubApi(auth, self.log), pool, self.log)
        settings = Grading(parent=self)
        self.grading = GradingRuns(store, self.database_url, settings, pool, self.log)
        self.checks = Checks(store, self.database_url, settings, pool, self.log)
        self.formgraders = Formgraders(Path(self.home) / "formgraders", self.log)
        shared = Shared(
            desks=desks,
            auth=auth,
            sessions=Sessions(auth, self.log),
            live=Live(desks.overview, pool, self.log),
            keeper=self.keeper,
            grading=self.grading,
            checks=self.checks,
            formgraders=self.formgraders,
            pool=pool,
            templates=templating.environment(),
            log=self.log,
        )
        prefix = auth.base_url
        table: list[Any] = [
            *((prefix + path, handler, options) for path, handler, options in formgrader.statics()),
            (rf"{prefix}static/(.*)", StaticFileHandler, {"path": str(_HERE / "static")}),
        ]
        for address, handler in {**api.routes(), **pages.routes()}.items():
            table.append((prefix + address, handler, {"shared": shared}))
        return TornadoApplication(
            table,
            default_handler_class=pages.NoSuchPage,
            default_handler_args={"shared": shared},
            cookie_secret=secrets.token_bytes(32),
            xsrf_cookies=True,
            log_function=self._log_request,
        )

    def start(self) -> None:
        super().start()
        # A hub that is killed takes nobody with it, and the next one's classroom needs the port.
        # Asked before anybody can hear of the classroom: a hub that is killed then counts too.
        parent = os.getppid()
        try:
            store = Store.of_home(Path(self.home), self.database_url)
        except (CourseError, OSError) as error:
            self.log.critical("The classroom cannot open its store in %s: %s", self.home, error)
            self.exit(1)
        web = self.web(store)
        # What asks the hub: courses.classroom.sessions.
        AsyncHTTPClient.configure(None, defaults={"ssl_options": _tls(ssl.Purpose.SERVER_AUTH)})
        tls = _tls(ssl.Purpose.CLIENT_AUTH)
        server = HTTPServer(web, ssl_options=tls, max_body_size=_MAX_FORM_BYTES, xheaders=True)
        try:
            server.listen(self.port, self.ip)
        except OSError as error:
            self.log.critical(
                "The classroom cannot listen on %s port %s: %s", self.ip, self.port, error.strerror
            )
            self.exit(1)
        loop = IOLoop.current()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.add_callback_from_signal(loop.stop))

        def stop_without_hub() -> None:
            if os.getppid() != parent:
                loop.stop()

        PeriodicCallback(stop_without_hub, _PARENT_MS).start()
        scheme = "https" if tls else "http"
        self.log.info("The classroom is open on %s://%s:%s", scheme, self.ip, self.port)
        keeping = loop.asyncio_loop.create_task(self.keeper.run())  # type: ignore[attr-defined]
        grading = loop.asyncio_loop.create_task(self.grading.run())  # type: ignore[attr-defined]
        checking = loop.asyncio_loop.create_task(self.checks.run())  # type: ignore[attr-defined]
        loop.start()
        server.stop()
        keeping.cancel()
        self.formgraders.close()
        checking.cancel()
        grading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            loop.asyncio_loop.run_until_complete(grading)  # type: ignore[attr-defined]
        store.close()

    def _log_request(self, handler: Any) -> None:
        """One line a request, without the query: it is nobody's business here."""
        status = handler.get_status()
        level = self.log.warning if status >= 500 else self.log.debug
        took = 1000 * handler.request.request_time()
        level("%s %s %s %.0f ms", status, handler.request.method, handler.request.path, took)


def _tls(whom: ssl.Purpose) -> ssl.SSLContext | None:
    """To talk with hub and proxy alone, where the hub has ``internal_ssl``; else None."""
    auth = HubOAuth.instance()
    if not auth.keyfile:
        return None
    # Not JupyterHub's make_ssl_context: that takes the world's certificates for its own.
    context = ssl.create_default_context(whom, cafile=auth.client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(auth.certfile, auth.keyfile)
    return context

"""What a session's imports need not bring.

JupyterHub's session side shares modules with the hub: importing it brings the hub's database
(SQLAlchemy, alembic), its pages and its HTTP client (aiohttp). jsonschema compiles a grammar for
a format that nothing here uses. JupyterLab brings what installs its extensions, and asks Node for
the configuration of yarn. That is most of a stock session's start (docs/performance.md).

While those are imported, stand-ins take the place of such modules (`lesesal_nbgrader.stand_ins`).
"""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from typing import Any

from lesesal_nbgrader.stand_ins import (
    NeverRaisedError,
    StandIns,
    placed,
    when_called,
    when_used,
)

from .fetch import fetch


class InvalidDurationError(Exception):
    """Stands for isoduration's error, and is raised where that is."""


def parse_duration(text: str) -> Any:
    """isoduration's, imported when it is called. Raises `InvalidDurationError`."""
    isoduration = importlib.import_module("isoduration")
    try:
        return isoduration.parse_duration(text)
    except isoduration.DurationParsingException as error:
        raise InvalidDurationError(str(error)) from error


# By module: the names that JupyterHub 6's session side, jsonschema 4 and JupyterLab 4 import.
STAND_INS: StandIns = {
    # Asks the hub who somebody is, and tells it about activity.
    "jupyterhub.httpclient": {"fetch": fetch},
    "aiohttp": {
        "ClientConnectionError": NeverRaisedError,
        "ClientOSError": NeverRaisedError,
    },
    # The same in a session: a line for each request, without tokens.
    "jupyterhub.log": {"log_request": when_called("jupyter_server.log", "log_request")},
    # Scopes are compared by name here; rows of the hub's database are only looked at in the hub.
    "jupyterhub.orm": {},
    "jupyterhub.roles": {},
    "sqlalchemy": {},
    "sqlalchemy.exc": {"SQLAlchemyError": NeverRaisedError},
    # For servers from before Jupyter Server 2.
    "jupyterhub.singleuser.mixins": {"HubAuthenticatedHandler": None, "make_singleuser_app": None},
    # Formats of strings in JSON schemas: iri, uri, date-time, duration, color, hostname.
    "rfc3987_syntax": {"is_valid_syntax": when_called("rfc3987_syntax", "is_valid_syntax")},
    "rfc3986_validator": {"validate_rfc3986": when_called("rfc3986_validator", "validate_rfc3986")},
    "rfc3339_validator": {"validate_rfc3339": when_called("rfc3339_validator", "validate_rfc3339")},
    "isoduration": {
        "parse_duration": parse_duration,
        "DurationParsingException": InvalidDurationError,
    },
    "webcolors": when_used("webcolors"),
    "uri_template": when_used("uri_template"),
    "fqdn": {"FQDN": when_called("fqdn", "FQDN")},
    # Notebooks in formats of before 2014.
    "nbformat.v1": when_used("nbformat.v1"),
    "nbformat.v2": when_used("nbformat.v2"),
    "nbformat.v3": when_used("nbformat.v3"),
    # Kernels behind a gateway; checks of the code itself while it is imported.
    "websocket": when_used("websocket"),
    "overrides": {"overrides": lambda method: method},
    # Reading and writing notebooks; times in kernels' messages; a log of events; a desktop's bin.
    "anyio": {},
    "anyio.to_thread": {"run_sync": when_called("anyio.to_thread", "run_sync")},
    "dateutil": {},
    "dateutil.parser": {"isoparse": when_called("dateutil.parser", "isoparse")},
    "dateutil.tz": {"tzlocal": when_called("dateutil.tz", "tzlocal")},
    "pythonjsonlogger": {},
    "pythonjsonlogger.json": {
        "JsonFormatter": when_called("pythonjsonlogger.json", "JsonFormatter")
    },
    "send2trash": {"send2trash": when_called("send2trash", "send2trash")},
    # Names of languages; settings in JSON5; folders as desktops have them.
    "babel": when_used("babel"),
    "json5": when_used("json5"),
    "platformdirs": when_used("platformdirs"),
    # To count processors; to patch settings for the moment of a login.
    "multiprocessing": when_used("multiprocessing"),
    "unittest": {},
    "unittest.mock": when_used("unittest.mock"),
    # Lists of extensions that are fetched from elsewhere; installing and building them.
    "requests": {"get": when_called("requests", "get")},
    "jupyter_builder.jupyterlab_semver": {
        name: when_called("jupyter_builder.jupyterlab_semver", name)
        for name in ("Range", "gt", "gte", "lt", "lte", "make_semver")
    },
    "jupyterlab.extensions.pypi": {
        "PyPIExtensionManager": when_called("jupyterlab.extensions.pypi", "PyPIExtensionManager")
    },
}


def spared() -> AbstractContextManager[None]:
    """Modules that are imported inside find stand-ins where `STAND_INS` has them."""
    return placed(STAND_INS)


def import_jupyterlab() -> None:
    """Import JupyterLab's server side without asking for the version of what Node builds.

    jupyterlab.labapp asks for it at import, which starts Node where there is one (0.3 s) and looks
    at all extensions. As installed from a package, it is the package's version.
    """
    commands: Any = importlib.import_module("jupyterlab.commands")
    real = commands.get_app_version
    commands.get_app_version = lambda: commands.__version__
    try:
        importlib.import_module("jupyterlab.labapp")
    finally:
        commands.get_app_version = real

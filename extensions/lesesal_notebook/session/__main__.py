"""``python -m lesesal_notebook.session``: serve one notebook session.

The port is bound before anybody hears of it, so that nobody else can take it in between; it is
reported before Jupyter is imported, so that the hub knows early. `$LESESAL_SESSION_DIR` holds the
hub's token and the session's settings (spawners/unix/files.py writes them).
"""

from __future__ import annotations

import os
import socket
import sys

from .report import NotExpectedError, report_port
from .settings import SettingsError, read


def main() -> None:
    """Bind, report, serve. Exits with a sentence when the hub does not expect this session."""
    try:
        settings = read()
    except SettingsError as error:
        sys.exit(str(error))
    os.environ.update(settings.environment)
    listener = socket.socket()
    listener.bind((settings.bind, 0))
    # From here on a connection waits instead of being refused, until Jupyter answers it.
    listener.listen(128)
    try:
        report_port(settings.api_url, settings.token, listener.getsockname()[1])
    except NotExpectedError as error:
        sys.exit(str(error))

    from .serve import serve  # only now: it imports all of Jupyter

    serve(listener, settings)


if __name__ == "__main__":
    main()

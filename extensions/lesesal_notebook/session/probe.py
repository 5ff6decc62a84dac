"""``python -m lesesal_notebook.session.probe NONCE``: try on a node what a session will need there.

`lesesal check` submits it as a job and reads its log (spawners/site/probe.py). Each line is one
fact as a JSON object, because a log is read by its last lines, and lines are cut there.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import urllib3

from .settings import SettingsError, read

# Seconds that the hub has to connect, after all else was tried; its job is cancelled before.
STAY = 120.0
REACH_SECONDS = 5.0
LONGEST = 300


def main() -> None:
    """Print the facts, answer the hub's connection, end."""
    nonce = sys.argv[1]
    tell("python", version=".".join(map(str, sys.version_info[:3])), path=sys.executable)
    try:
        settings = read()
    except SettingsError as error:
        tell("settings", error=str(error))
        return
    listener = socket.create_server((settings.bind, 0))
    met = threading.Event()
    threading.Thread(target=answer, args=(listener, nonce, met), daemon=True).start()
    tell("listening", port=listener.getsockname()[1])
    tell("reach", of="hub", **reach(f"{settings.api_url.rstrip('/')}/"))
    if classroom := settings.environment.get("LESESAL_CLASSROOM_URL"):
        tell("reach", of="classroom", **reach(urljoin(classroom, "api/health")))
    tell("folder", of="home", **folder(Path.home()))
    tell("folder", of="tmp", **folder(Path(tempfile.gettempdir())))
    tell("versions", lesesal=version("lesesal-notebook"), jupyterhub=version("jupyterhub"))
    tell("imports", **imports())
    tell("done")
    met.wait(STAY)


def tell(fact: str, **fields: object) -> None:
    """Print a fact."""
    cut = {
        name: value[:LONGEST] if isinstance(value, str) else value for name, value in fields.items()
    }
    sys.stdout.write(json.dumps({"fact": fact, **cut}) + "\n")
    sys.stdout.flush()


def answer(listener: socket.socket, nonce: str, met: threading.Event) -> None:
    """Tell everybody who connects who this is and what time it is here."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # closed: the probe is over
            return
        with connection:
            line = json.dumps({"nonce": nonce, "time": time.time()})
            connection.sendall(f"{line}\n".encode())
        met.set()


def reach(url: str) -> dict[str, object]:
    """Whether an address can be reached from here: its host's addresses, the HTTP status."""
    found: dict[str, object] = {"url": url, "addresses": [], "status": None, "error": ""}
    try:
        infos = socket.getaddrinfo(urlsplit(url).hostname, None, type=socket.SOCK_STREAM)
        found["addresses"] = sorted({str(info[4][0]) for info in infos})[:4]
        answer = urllib3.PoolManager().request(
            "GET", url, timeout=REACH_SECONDS, retries=False, redirect=False
        )
        found["status"] = answer.status
    except (OSError, urllib3.exceptions.HTTPError) as error:
        found["error"] = str(error)
    return found


def folder(path: Path) -> dict[str, object]:
    """Whether a folder can be written, by writing, and the MiB that are free there."""
    found: dict[str, object] = {"path": str(path), "free_mb": None, "error": ""}
    try:
        found["free_mb"] = shutil.disk_usage(path).free // 2**20
        # A quota that is used up refuses the bytes, not the file.
        with tempfile.NamedTemporaryFile(dir=path, prefix=".lesesal-check-") as file:
            file.write(bytes(2**16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        found["error"] = error.strerror or str(error)
    return found


def imports() -> dict[str, object]:
    """The seconds that a session's imports take here, and what of them has no bytecode."""
    began = time.monotonic()
    try:
        importlib.import_module("lesesal_notebook.session.serve")
    except Exception as error:  # a broken library may raise anything
        return {"seconds": None, "compiled": None, "error": f"{type(error).__name__}: {error}"}
    seconds = round(time.monotonic() - began, 2)
    specs = [getattr(module, "__spec__", None) for module in list(sys.modules.values())]
    sources = [spec for spec in specs if spec and (spec.origin or "").endswith(".py")]
    compiled = [spec for spec in sources if spec.cached and Path(spec.cached).exists()]
    return {
        "seconds": seconds,
        "compiled": len(compiled),
        "modules": len(sources),
        "error": "",
    }


if __name__ == "__main__":
    main()

"""The hub's own machine: its account, its files, its limits, its programs."""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPError

from .findings import Finding, failed, ok, skipped, warning
from .hubconfig import RUN_LIKE_THE_HUB, Site

# A browser holds up to six connections, and a notebook some web sockets besides; each is two files
# of the proxy, which has the hub's limit.
FILES_A_SESSION = 16
FILES_OF_THE_HUB = 100
# A large lecture, where the hub has no limit of its own.
USUAL_SESSIONS = 200
REACH_SECONDS = 5.0


def checks(site: Site) -> Iterator[Finding]:
    """All that can be said without asking anybody."""
    yield account(os.geteuid(), _owner(site.database or site.secret_file))
    yield open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0], site.sessions)
    yield proxy(site)
    yield private("cookie secret", site.secret_file, must_be=True)
    if site.database is not None:
        yield private("database", site.database)


def account(uid: int, owner: int | None) -> Finding:
    """Whether the check runs as the hub does; `owner` has the hub's files, where there are any."""
    name = me()
    if uid == 0 and owner != 0:
        return warning(
            "account",
            "the check runs as root, so it can't tell what the hub may do.",
            RUN_LIKE_THE_HUB,
        )
    if uid == 0:
        return warning(
            "account",
            "the hub runs as root.",
            "It needs no more than an account of its own and one sudo rule: docs/operators.md.",
        )
    if owner not in (None, uid):
        return warning(
            "account", f"the hub's files belong to another account than {name}.", RUN_LIKE_THE_HUB
        )
    return ok("account", f"the check runs as {name}.")


def open_files(limit: int, sessions: int) -> Finding:
    """Whether the limit on open files (``ulimit -n``) suits the number of sessions."""
    if limit == resource.RLIM_INFINITY:
        return ok("open files", "no limit.")
    wanted = sessions or USUAL_SESSIONS
    enough_for = max(0, limit - FILES_OF_THE_HUB) // FILES_A_SESSION
    sentence = f"{limit} files may be open, enough for some {enough_for} sessions in use at once"
    if enough_for >= wanted:
        return ok("open files", f"{sentence}.")
    return warning(
        "open files",
        f"{sentence}, not {wanted}.",
        "Raise the limit in the hub's service: LimitNOFILE=65536.",
    )


def proxy(site: Site) -> Finding:
    """Whether the program that the hub starts as its proxy is there."""
    if not site.proxy:
        return skipped("proxy", "the hub starts no proxy of its own.")
    program = site.proxy[0]
    found = shutil.which(program)
    if found is None:
        return failed(
            "proxy",
            f"{program} is not there, or may not be run by this account.",
            "Name the proxy's program: c.ConfigurableHTTPProxy.command = [...].",
        )
    return ok("proxy", f"{found} is there.")


def private(name: str, path: Path, *, must_be: bool = False) -> Finding:
    """Whether a file is the account's alone; one that is not there yet needs a folder for it.

    `must_be`: JupyterHub does not start with one that others may read (JupyterHub.init_secrets).
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        if os.access(path.absolute().parent, os.W_OK | os.X_OK):
            return ok(name, f"{path} will be made by the hub.")
        return failed(
            name, f"{path} is not there, and can't be made by this account.", RUN_LIKE_THE_HUB
        )
    except OSError as error:
        return failed(name, f"{path} can't be looked at: {error.strerror}.", RUN_LIKE_THE_HUB)
    if not os.access(path, os.R_OK | os.W_OK):
        return failed(name, f"{path} can't be written by this account.", RUN_LIKE_THE_HUB)
    if must_be and mode & 0o007:
        return failed(
            name,
            f"{path} may be read by others, and the hub does not start then.",
            f"Run: chmod 600 {path}",
        )
    # Others can't get at what is in a folder that they can't enter.
    hidden = not path.absolute().parent.stat().st_mode & 0o011
    if mode & 0o077 and not hidden:
        return warning(name, f"{path} may be read by others.", f"Run: chmod 600 {path}")
    return ok(name, f"{path} is this account's alone.")


def address(site: Site, *, nodes_elsewhere: bool) -> Finding:
    """Whether the address of the hub that sessions are told can be one of another machine's."""
    host = urlsplit(site.api_url).hostname or ""
    if not nodes_elsewhere:
        return ok("address", f"sessions call the hub at {site.api_url}, on this machine.")
    if loops(host):
        return failed(
            "address",
            f"sessions are told to call the hub at {site.api_url}, which on a node is the node.",
            "Set c.JupyterHub.hub_connect_url to an address that nodes can reach, and "
            'c.JupyterHub.hub_bind_url to "http://0.0.0.0:8081".',
        )
    if loops(site.listens):
        return failed(
            "address",
            f"the hub listens at {site.listens} only, where no node reaches it.",
            'Set c.JupyterHub.hub_bind_url to "http://0.0.0.0:8081".',
        )
    return ok("address", f"sessions call the hub at {site.api_url}.")


def me() -> str:
    """The account that the check runs as."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


async def running(site: Site) -> Finding:
    """Whether the hub answers on its own machine; it need not run, but nodes look for it."""
    name = "hub"
    if site.internal_ssl:
        return skipped(name, "it answers only to its own certificates (internal_ssl).")
    try:
        answer = await AsyncHTTPClient().fetch(
            f"{site.api_url.rstrip('/')}/",
            raise_error=False,
            connect_timeout=REACH_SECONDS,
            request_timeout=REACH_SECONDS,
        )
    except (OSError, HTTPError) as error:
        return warning(
            name,
            f"nothing answers at {site.api_url}: {error}.",
            "Start the hub and check again; nodes' way to it can be tried only while it runs.",
        )
    if answer.code != 200:
        return warning(
            name,
            f"something answers at {site.api_url}, with HTTP status {answer.code}.",
            "See whether that is the hub: c.JupyterHub.hub_bind_url and hub_connect_url.",
        )
    return ok(name, f"it answers at {site.api_url}.")


def loops(host: str) -> bool:
    """Whether a host is the machine itself, whoever asks."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None

"""Who is asked what the desk shows: the classroom, the hub, the machine."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from jupyter_core.paths import jupyter_config_path
from traitlets.config import Config
from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

from ...exchange.client import Classroom, TokenFile
from ...exchange.errors import ClassroomError
from ...session.allotment import allotment
from ...session.hub import Hub, HubRefused, HubSilent, Told
from .values import DeskError, Entry, More, Session, entry
from .words import _

# Seconds. Who looks at a desk waits for this long when the classroom does not answer.
CONNECT, READ = 5.0, 15.0
_NEEDED = ("LESESAL_COURSE", "LESESAL_SESSION_DIR")
_CERTIFICATE = ("JUPYTERHUB_SSL_CERTFILE", "JUPYTERHUB_SSL_KEYFILE")

T = TypeVar("T")


def check_place(environment: Mapping[str, str] = os.environ) -> None:
    """Raises `DeskError` where there is no desk: outside of sessions, and in batch jobs."""
    if not all(map(environment.get, _NEEDED)) or environment.get("LESESAL_BATCH_RUN"):
        raise DeskError(
            _(
                "desk() shows a course's assignments and deadlines, hands work in and gives this"
                " session more time; it works in a session that the reading room started."
            )
        )


def course() -> str:
    """The session's course."""
    return os.environ["LESESAL_COURSE"]


def entries() -> list[Entry]:
    """The course's assignments, by deadline. Raises `DeskError`."""
    slug, folder = course(), assignments_folder()
    try:
        found = _classroom().assignments(slug)
    except ClassroomError as error:
        raise DeskError(str(error)) from None
    wanted = [one for one in found if one.released or one.submissions]
    never = datetime.max.replace(tzinfo=UTC)
    wanted.sort(key=lambda one: (one.due or never, one.name))
    try:
        return [entry(one, slug, folder / one.name) for one in wanted]
    except OSError as error:
        raise DeskError(
            _("{file} can't be read: {error}", file=error.filename, error=error.strerror)
        ) from None


def title() -> str:
    """What the course is called; its short name where the classroom does not say."""
    try:
        return _classroom().titles().get(course()) or course()
    except ClassroomError:
        return course()


def assignments_folder() -> Path:
    """Where nbgrader, as it is configured here, has this course's assignments."""
    # As its Assignment List does: what is configured there counts too.
    there = Path.home() / str(_configured(Path.home()).get("assignment_dir", "."))
    config = _configured(there)
    place = there / str(config.get("assignment_dir", "."))
    return place / course() if config.get("path_includes_course") else place


def _classroom() -> Classroom:
    classroom = Classroom.of_session()
    classroom.timeout = (CONNECT, READ)
    return classroom


def _configured(here: Path) -> Mapping[str, Any]:
    """What is said of nbgrader's exchange, also in a folder."""
    config = Config()
    # The later ones are the stronger ones. nbgrader itself would take a second to tell.
    for folder in [*reversed(jupyter_config_path()), str(here)]:
        try:
            config.merge(PyFileConfigLoader("nbgrader_config.py", path=folder).load_config())
        except ConfigFileNotFound:
            continue
        except Exception as error:
            raise DeskError(
                _("{file} has an error: {error}", file=f"{folder}/nbgrader_config.py", error=error)
            ) from None
    found: Mapping[str, Any] = config.get("Exchange", {})
    return found


def session() -> Session:
    """This session. Raises nothing: where the hub is silent, the end is not known."""
    given = allotment()
    hub = _hub()
    if hub is None:
        return Session(given, ends=_at(os.environ.get("SLURM_JOB_END_TIME")))
    try:
        told = _wait(hub.ask())
    except (HubSilent, ClassroomError):
        return Session(given, ends=_at(os.environ.get("SLURM_JOB_END_TIME")))
    return _session(told)


def extend() -> Session:
    """Ask the hub for more time. Raises `DeskError` with its sentence."""
    hub = _hub()
    if hub is None:
        raise DeskError(_("No hub started this session; its time is not limited by one."))
    try:
        return _session(_wait(hub.more()))
    except HubRefused as refused:
        raise DeskError(str(refused)) from None
    except HubSilent:
        raise DeskError(_("The hub does not answer. Try again in a minute.")) from None
    except ClassroomError as error:
        raise DeskError(str(error)) from None


def _wait(asked: Coroutine[Any, Any, T]) -> T:
    """For an answer, in a thread of its own: a kernel's has a loop that runs already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, asked).result()


def _session(told: Told) -> Session:
    more = told.more or {}
    hours = float(more.get("hours") or 0)
    offered = More(hours, more.get("how") == "follow") if hours > 0 else None
    return Session(allotment(), _at(told.ends), offered, told.news)


def _at(seconds: str | float | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(seconds), UTC) if seconds else None
    except ValueError:
        return None


def _hub() -> Hub | None:
    env = os.environ
    try:
        api, user = env["JUPYTERHUB_API_URL"], env["JUPYTERHUB_USER"]
        server, folder = env["JUPYTERHUB_SERVER_NAME"], Path(env["LESESAL_SESSION_DIR"])
    except KeyError:
        return None
    return Hub(api, TokenFile(folder / "token").read(), user, server, _tls(env))


def _tls(env: Mapping[str, str]) -> ssl.SSLContext | None:
    if not all(map(env.get, _CERTIFICATE)):
        return None
    context = ssl.create_default_context(cafile=env.get("JUPYTERHUB_SSL_CLIENT_CA"))
    context.load_cert_chain(*(env[name] for name in _CERTIFICATE))
    return context

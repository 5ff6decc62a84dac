"""What the hub left for this session in `$LESESAL_SESSION_DIR`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DIRECTORY = "LESESAL_SESSION_DIR"


class SettingsError(Exception):
    """The session's files are missing or broken; the text is a sentence."""


@dataclass(frozen=True)
class Settings:
    """One session's settings.

    Attributes:
        environment: variables for the server and its kernels; nothing secret.
        token: the session's hub token; for the server and the exchange, never for the environment.
        bind: the address to listen at.
        api_url: the hub's API, from where the session runs.
        role: the person's role in the course.
    """

    environment: Mapping[str, str]
    token: str = field(repr=False)
    bind: str
    api_url: str
    role: str


def read() -> Settings:
    """The settings of the session that this process belongs to. Raises `SettingsError`."""
    folder = os.environ.get(DIRECTORY)
    if not folder:
        raise SettingsError(
            f"{DIRECTORY} is not set: a session is started by the hub, not by hand."
        )
    try:
        token = Path(folder, "token").read_text(encoding="utf-8")
        environment = json.loads(Path(folder, "session.json").read_text(encoding="utf-8"))
        return Settings(
            environment=environment,
            token=token,
            bind=environment["LESESAL_BIND"],
            api_url=environment["JUPYTERHUB_API_URL"],
            role=environment["LESESAL_ROLE"],
        )
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(
            f"The session's files can't be read ({error}). Start it again."
        ) from error

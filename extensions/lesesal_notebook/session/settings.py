"""What the hub left for this session in `$LESESAL_SESSION_DIR`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DIRECTORY = "LESESAL_SESSION_DIR"
# What JupyterHub, in the session, calls the files of a certificate (spawners/hub/certificates.py).
CERTIFICATE_FILES = {
    "JUPYTERHUB_SSL_KEYFILE": "ssl.key",
    "JUPYTERHUB_SSL_CERTFILE": "ssl.crt",
    "JUPYTERHUB_SSL_CLIENT_CA": "ssl-trusted.crt",
}


class SettingsError(Exception):
    """The session's files are missing or broken; the text is a sentence."""


@dataclass(frozen=True)
class Certificate:
    """Paths of what the session shows and asks of others, where the hub has ``internal_ssl``.

    Attributes:
        key: of the certificate.
        certificate: the session's own.
        trusted: who must have signed those of others.
    """

    key: str
    certificate: str
    trusted: str


@dataclass(frozen=True)
class Settings:
    """One session's settings.

    Attributes:
        environment: variables for the server and its kernels; nothing secret.
        token: the session's hub token; for the server and the exchange, never for the environment.
        bind: the address to listen at.
        api_url: the hub's API, from where the session runs.
        role: the person's role in the course.
        attempt: which of the session's jobs this is.
        certificate: None where the hub has no ``internal_ssl``.
    """

    environment: Mapping[str, str]
    token: str = field(repr=False)
    bind: str
    api_url: str
    role: str
    attempt: int
    certificate: Certificate | None = None


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
        paths = {name: str(Path(folder, file)) for name, file in CERTIFICATE_FILES.items()}
        certified = all(Path(path).exists() for path in paths.values())
        return Settings(
            environment=environment | (paths if certified else {}),
            token=token,
            bind=environment["LESESAL_BIND"],
            api_url=environment["JUPYTERHUB_API_URL"],
            role=environment["LESESAL_ROLE"],
            attempt=int(environment["LESESAL_ATTEMPT"]),
            certificate=Certificate(*paths.values()) if certified else None,
        )
    except (OSError, ValueError, KeyError) as error:
        raise SettingsError(
            f"The session's files can't be read ({error}). Start it again."
        ) from error

"""Certificates of sessions, for a hub with ``internal_ssl``.

JupyterHub makes a session's certificate before anything is submitted, as files on the hub's disk.
Here it is made with the job, for every machine of the job's cluster, because nobody knows yet on
which of them the job will run, or run again. It reaches the session as the token does: through the
launcher's stdin, as 0600 files. The hub keeps no copy.

Who trusts whom is JupyterHub's doing (``JupyterHub.init_internal_ssl``): a session takes requests
from the hub and the proxy only, so another session's certificate opens nothing.

A machine's name is some ten bytes, which a session sends whenever somebody connects: 1000 of them
are 11 kB. OpenSSL takes certificates of up to 100 kB (SSL_CTX_set_max_cert_list(3)).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certipy import Certipy
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from jupyterhub.app import JupyterHub

from ..names import folder_name
from ..watcher import Watched

if TYPE_CHECKING:
    from .spawner import ClusterSpawner

# In the session's folder; lesesal_notebook/session/settings.py looks for them there.
KEY, CERTIFICATE, TRUSTED = "ssl.key", "ssl.crt", "ssl-trusted.crt"
# JupyterHub's name of who signs the certificates of sessions.
AUTHORITY = "notebooks-ca"
LOCAL = ("DNS:localhost", "IP:127.0.0.1")
# Longer than anything waits in a queue and runs.
LIFE = timedelta(days=365)
# By how much another machine's clock may be slow.
SKEW = timedelta(minutes=5)
# Seconds that the list of a cluster's machines may be old.
MACHINES_AGE = 600.0


@dataclass(frozen=True)
class Authority:
    """Who signs: its certificate and its key."""

    certificate: x509.Certificate
    key: Any


async def files(spawner: ClusterSpawner, watched: Watched) -> dict[str, str]:
    """A new key and certificate for a session on this cluster, and whom it trusts, by file name.

    Empty without ``internal_ssl``. Raises `ClusterSilent` when the cluster's machines are not known
    and it does not answer, ValueError for an ``ssl_alt_names`` that is no name.
    """
    if not spawner.internal_ssl:
        return {}
    names = spawner.ssl_alt_names
    if callable(names):
        names = names(spawner)
        names = await names if inspect.isawaitable(names) else names
    if not names:
        seen = watched.overview.glance(MACHINES_AGE)
        overview = seen or (await watched.overview.fresh(MACHINES_AGE)).seen
        # The proxy wants the name that the browser asked for (node:https, "servername").
        names = [*map(_machine, (node.name for node in overview.nodes)), *spawner.trusted_alt_names]
    if spawner.ssl_alt_names_include_local:
        names = [*LOCAL, *names]
    made = make(authority(spawner.internal_certs_location), folder_name(spawner.user.name), names)
    return made | {TRUSTED: _text(spawner.internal_trust_bundles[AUTHORITY])}


@cache  # reading an RSA key takes 0.1 s
def authority(location: str) -> Authority:
    """Who signs for the sessions of the hub that has its certificates in this folder."""
    found = Certipy(store_dir=location).store.get_files(AUTHORITY)
    return Authority(found.cert.load(), found.key.load())


def make(by: Authority, owner: str, names: Iterable[str]) -> dict[str, str]:
    """A key and a certificate that holds for these names, at either end of a connection.

    Args:
        by: who signs it.
        owner: whose it is, for who reads it; at most 64 characters.
        names: as OpenSSL writes them: ``DNS:gpu1``, ``IP:10.0.0.1``. Raises ValueError for others.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, owner)]))
        .issuer_name(by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName(list(map(_name, names))), critical=False)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False
        )
        .sign(by.key, hashes.SHA256())
    )
    pem = Encoding.PEM
    return {
        KEY: key.private_bytes(pem, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"),
        CERTIFICATE: certificate.public_bytes(pem).decode("ascii"),
    }


def _text(path: str) -> str:
    return Path(path).read_text(encoding="ascii")


def _machine(name: str) -> str:
    try:
        return f"IP:{ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


def _name(text: str) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    if kind == "DNS" and value:
        return x509.DNSName(value)
    if kind == "IP":
        return x509.IPAddress(ip_address(value))
    raise ValueError(
        f"c.ClusterSpawner.ssl_alt_names has {text!r}; a name there is DNS:name or IP:address."
    )


_start_service = JupyterHub.start_service


async def _start_service_as_client(hub: JupyterHub, name: str, service: Any, *_: Any) -> bool:
    ready: bool = await _start_service(hub, name, service)
    return ready


def install() -> None:
    """Let a hub with ``internal_ssl`` find out that its services have started. Idempotent.

    JupyterHub 6.1 gives `start_service` the TLS context of its own server. No client can use that,
    so no service ever seems to answer, and the hub ends. Without one it makes a client's.
    """
    JupyterHub.start_service = _start_service_as_client

"""Which names a session's certificate has; what it is good for is in slurm/test_internal_ssl.py."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from certipy import Certipy
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from spawners.errors import ClusterSilent
from spawners.hub import certificates
from spawners.local import LocalCluster
from spawners.overview import Count, Node, Overview
from spawners.watcher import Watched

LOCAL = ["localhost", "127.0.0.1"]


class Machines(LocalCluster):
    """A cluster with these machines; without any, one that does not answer."""

    def __init__(self, root: Path, *names: str) -> None:
        super().__init__("test", str(root))
        self._names = names

    async def overview(self) -> Overview:
        if not self._names:
            raise ClusterSilent("The cluster does not answer.")
        nothing = Count(0, 0)
        return Overview(tuple(Node(name, (), True, nothing, nothing) for name in self._names))


@pytest.fixture(scope="module")
def location(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A hub's internal_certs_location, as far as `JupyterHub.init_internal_ssl` makes it."""
    folder = str(tmp_path_factory.mktemp("internal-ssl"))
    Certipy(store_dir=folder).trust_from_graph({"notebooks-ca": ["hub-ca"]})
    return folder


def watched(tmp_path: Path, *names: str) -> Watched:
    return Watched.of("here", Machines(tmp_path, *names))


def spawner(location: str, **changes: Any) -> Any:
    """What `files` asks a spawner for."""
    told: dict[str, Any] = {
        "internal_ssl": True,
        "internal_certs_location": location,
        "internal_trust_bundles": {"notebooks-ca": f"{location}/notebooks-ca_trust.crt"},
        "ssl_alt_names": [],
        "ssl_alt_names_include_local": True,
        "trusted_alt_names": ["DNS:hub.example.org"],
        "user": SimpleNamespace(name="Kari Nordmann@example.org"),
    }
    return SimpleNamespace(**told | changes)


def names(files: Mapping[str, str]) -> list[str]:
    certificate = x509.load_pem_x509_certificate(files["ssl.crt"].encode())
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(name.value) for name in extension.value]


async def test_a_session_gets_a_key_a_certificate_and_whom_to_trust(
    location: str, tmp_path: Path
) -> None:
    made = await certificates.files(spawner(location), watched(tmp_path, "gpu1", "10.0.0.2"))
    assert sorted(made) == ["ssl-trusted.crt", "ssl.crt", "ssl.key"]
    assert names(made) == [*LOCAL, "gpu1", "10.0.0.2", "hub.example.org"]
    certificate = x509.load_pem_x509_certificate(made["ssl.crt"].encode())
    signer = Path(location, "notebooks-ca/notebooks-ca.crt").read_bytes()
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(signer))
    hubs = Path(location, "hub-ca/hub-ca.crt").read_text()
    assert made["ssl-trusted.crt"].split() == hubs.split()


@pytest.mark.parametrize("configured", ["a list", "a callable", "an async callable"])
async def test_the_operators_own_names_are_taken_and_no_cluster_is_asked(
    location: str, tmp_path: Path, configured: str
) -> None:
    def names_of(spawner: Any) -> list[str]:
        return [f"DNS:{spawner.user.name[:4].lower()}.example.org", "IP:10.0.0.9"]

    async def names_of_later(spawner: Any) -> list[str]:
        return names_of(spawner)

    own = {
        "a list": ["DNS:kari.example.org", "IP:10.0.0.9"],
        "a callable": names_of,
        "an async callable": names_of_later,
    }[configured]
    made = await certificates.files(
        spawner(location, ssl_alt_names=own, ssl_alt_names_include_local=False), watched(tmp_path)
    )
    assert names(made) == ["kari.example.org", "10.0.0.9"]


async def test_a_name_that_is_none_is_a_sentence(location: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ssl_alt_names has 'gpu1'; a name there is DNS:name or"):
        await certificates.files(spawner(location, ssl_alt_names=["gpu1"]), watched(tmp_path))


async def test_a_silent_cluster_whose_machines_are_not_known_is_told(
    location: str, tmp_path: Path
) -> None:
    with pytest.raises(ClusterSilent):
        await certificates.files(spawner(location), watched(tmp_path))


async def test_without_internal_ssl_there_are_no_files(location: str, tmp_path: Path) -> None:
    assert await certificates.files(spawner(location, internal_ssl=False), watched(tmp_path)) == {}


async def test_thousands_of_machines_fit_into_what_openssl_takes(
    location: str, tmp_path: Path
) -> None:
    machines = [f"gpu-{number:04}" for number in range(5000)]
    made = await certificates.files(spawner(location), watched(tmp_path, *machines))
    assert len(names(made)) == 5003
    certificate = x509.load_pem_x509_certificate(made["ssl.crt"].encode())
    # SSL_MAX_CERT_LIST_DEFAULT
    assert len(certificate.public_bytes(Encoding.DER)) < 100 * 1024

"""A session's report to a hub that it can't believe, or that can't believe it."""

import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from certipy import Certipy

from lesesal_notebook.session.report import NotExpectedError, report_port
from lesesal_notebook.session.settings import Certificate


class TakesReports(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities, and a certificate for localhost of each."""
    folder = tmp_path_factory.mktemp("certificates")
    certipy = Certipy(store_dir=str(folder))
    certipy.trust_from_graph({"hub-ca": ["notebooks-ca"], "notebooks-ca": ["hub-ca"]})
    for name, authority in (("hub", "hub-ca"), ("session", "notebooks-ca")):
        certipy.create_signed_pair(name, authority, alt_names=["DNS:localhost"])
    return folder


@pytest.fixture
def port(certificates: Path) -> Iterator[int]:
    """Of a server that is who the hub is, and asks for certificates as the hub does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), TakesReports)
    context = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cafile=str(certificates / "hub-ca_trust.crt")
    )
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificates / "hub/hub.crt", certificates / "hub/hub.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def own(certificates: Path) -> Certificate:
    folder = certificates / "session"
    trusted = certificates / "notebooks-ca_trust.crt"
    return Certificate(str(folder / "session.key"), str(folder / "session.crt"), str(trusted))


def test_both_show_their_certificates(port: int, own: Certificate) -> None:
    report_port(f"https://localhost:{port}/hub/api", "secret", 40123, 1, own)


def test_a_hub_whose_certificate_lacks_its_name_is_told_at_once(
    port: int, own: Certificate
) -> None:
    began = time.monotonic()
    with pytest.raises(NotExpectedError, match=r"not valid for '127\.0\.0\.1'"):
        report_port(f"https://127.0.0.1:{port}/hub/api", "secret", 40123, 1, own)
    # Its patience is a quarter of an hour.
    assert time.monotonic() - began < 60

"""What can't be provoked with the real classroom: each failure a small server of its own."""

import socket
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import hubs
import pytest

from lesesal_notebook.exchange.client import Classroom, TokenFile
from lesesal_notebook.exchange.errors import (
    GarbledError,
    NotInASessionError,
    RefusedError,
    UnreachableError,
)


class Server(BaseHTTPRequestHandler):
    """Answers as a subclass's `reply` says; remembers what came."""

    protocol_version = "HTTP/1.1"
    status, body, headers_out = 200, b"[]", {}
    came: list
    bodies: list

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.came.append((self.command, self.path, self.headers["Authorization"]))
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"] or 0)))
        self.reply()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def reply(self):
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        for name, value in self.headers_out.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


class HangsUp(Server):
    def reply(self):
        self.hang_up()


class HangsUpOnce(Server):
    def reply(self):
        if len(self.came) == 1:
            self.hang_up()
        else:
            super().reply()


class BreaksOffOnce(Server):
    """Half of the body, and the end."""

    body = b"0123456789" * 1000

    def reply(self):
        if len(self.came) > 1:
            return super().reply()
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body[:5000])
        self.wfile.flush()
        return self.hang_up()


class NeverAnswers(Server):
    def reply(self):
        self.stopped.wait(5)


class Gateway(Server):
    status, body = 503, b"<html>Service Unavailable</html>"


class LoginPage(Server):
    status, body, headers_out = 302, b"", {"Location": "/hub/login"}


class SaysNo(Server):
    status, body = 409, b'{"status": 409, "message": "The deadline has passed."}'


class NoJson(Server):
    body = b"<html>Hello</html>"


class OtherVersion(Server):
    body = b'[{"title": "no name"}]'


@pytest.fixture
def serve(tmp_path):
    servers = []
    (tmp_path / "token").write_text("s3cret\n")

    def start(kind, **times):
        handler = type(
            kind.__name__, (kind,), {"came": [], "bodies": [], "stopped": threading.Event()}
        )
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        url = f"http://127.0.0.1:{server.server_port}/services/classroom/"
        return Classroom(url, TokenFile(tmp_path / "token"), **times), handler

    yield start
    for server in servers:
        server.RequestHandlerClass.stopped.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("a.ipynb", "{}")
    return tmp_path / "a.zip"


def test_it_asks_with_the_token_of_the_moment(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password thing\n")
    classroom, server = serve(Server)
    assert classroom.courses() == []
    (tmp_path / "token").write_text("renewed")
    assert classroom.submissions("cs 101", "a/b") == []
    assert server.came == [
        ("GET", "/services/classroom/api/courses", "token s3cret"),
        (
            "GET",
            "/services/classroom/api/courses/cs%20101/assignments/a%2Fb/submissions",
            "token renewed",
        ),
    ]
    (tmp_path / "token").unlink()
    with pytest.raises(NotInASessionError, match="token is gone"):
        classroom.courses()


def test_outside_of_a_session_there_is_no_classroom():
    with pytest.raises(NotInASessionError, match="No classroom"):
        Classroom.of_session({})


def test_the_classroom_says_no_in_its_own_words(serve, archive):
    classroom, _ = serve(SaysNo)
    with pytest.raises(RefusedError, match=r"^The deadline has passed\.$") as caught:
        classroom.submit("cs101", "ps1", archive)
    assert caught.value.status == 409


def test_a_login_page_is_not_followed(serve):
    classroom, server = serve(LoginPage)
    with pytest.raises(RefusedError, match="start it again"):
        classroom.courses()
    assert len(server.came) == 1


@pytest.mark.parametrize("kind", [NoJson, OtherVersion])
def test_an_answer_of_another_kind(serve, kind):
    classroom, _ = serve(kind)
    with pytest.raises(GarbledError, match="different versions"):
        classroom.assignments("cs101")


def test_nobody_there(tmp_path, archive):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        (tmp_path / "token").write_text("s3cret")
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        classroom = Classroom(url, TokenFile(tmp_path / "token"))
        with pytest.raises(UnreachableError, match=r"no connection.*your files are as they were"):
            classroom.courses()
        with pytest.raises(UnreachableError) as caught:
            classroom.submit("cs101", "ps1", archive)
        assert type(caught.value) is UnreachableError


def test_a_submission_whose_fate_is_unknown(serve, archive):
    for kind, times in ((HangsUp, {}), (Gateway, {}), (NeverAnswers, {"read": 0.2})):
        classroom, server = serve(kind, **times)
        with pytest.raises(UnreachableError, match="the same files are never taken twice"):
            classroom.submit("cs101", "ps1", archive)
        # Who never answers may be held up, too, before it has noted who came.
        hubs.until(lambda came=server.came: len(came) >= 4, "it was asked four times")
        assert len(server.came) == 4


def test_what_may_be_repeated_is(serve, archive, tmp_path):
    classroom, server = serve(HangsUpOnce)
    classroom.put_release("cs101", "ps1", archive)
    assert [method for method, _, _ in server.came] == ["PUT", "PUT"]
    classroom, server = serve(HangsUpOnce)
    with pytest.raises(GarbledError):  # no receipt
        classroom.submit("cs101", "ps1", archive)
    assert [method for method, _, _ in server.came] == ["POST", "POST"]
    assert server.bodies == [archive.read_bytes()] * 2
    classroom, server = serve(Gateway)
    with pytest.raises(UnreachableError, match="status 503"):
        classroom.courses()
    assert len(server.came) == 4


def test_a_download_that_breaks_off_is_fetched_anew(serve, tmp_path):
    classroom, server = serve(BreaksOffOnce)
    classroom.fetch_release("cs101", "ps1", tmp_path / "release.zip")
    assert (tmp_path / "release.zip").read_bytes() == BreaksOffOnce.body
    assert len(server.came) == 2

"""What the hub answers becomes sessions. A stand-in answers what a real hub rarely does."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from jupyterhub.services.auth import HubOAuth
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from courses.classroom.sessions import (
    Last,
    More,
    Session,
    Sessions,
    Told,
    read_sessions,
    read_user,
)
from courses.errors import Unavailable

# All that hub/api/session/USER/SERVER tells.
WAITING = {
    "pending": True,
    "ready": False,
    "phase": "waiting",
    "news": "In the queue: others are before you in the queue",
    "percent": 20,
    "offer": "A slice of a GPU",
    "waited": 73,
    "reason": "others are before you in the queue",
    "place": 4,
    "queue_length": 12,
    "place_in_course": 2,
    "expected": [1_795_000_000.5, 1_795_002_400],
    "silent_since": None,
    "notes": ["The course's reservation is not open now; you wait in the ordinary queue."],
    "others": [{"offer": "cpu-small", "title": "Two cores"}],
    "switching_to": "Two cores",
    "ends": None,
    "more": None,
    "last": {"at": 1_794_990_000, "sentence": "Your session ended.", "detail": "log"},
}
RUNNING = {
    **WAITING,
    "pending": False,
    "ready": True,
    "phase": "running",
    "place": None,
    "queue_length": None,
    "expected": None,
    "notes": [],
    "switching_to": None,
    "ends": 1_795_003_600,
    "more": {"hours": 1, "how": "extend"},
    "last": None,
}


def answer(**sessions: object) -> bytes:
    return json.dumps({"sessions": sessions}).encode()


def test_what_our_spawner_tells() -> None:
    assert read_sessions(answer(optics=WAITING, sound=RUNNING), "/user/kari/") == {
        "optics": Session(
            "optics",
            "/user/kari/optics/",
            "starting",
            Told(
                pending=True,
                ready=False,
                phase="waiting",
                news="In the queue: others are before you in the queue",
                place=4,
                queue_length=12,
                expected=(1_795_000_000.5, 1_795_002_400),
                silent_since=None,
                notes=(
                    "The course's reservation is not open now; you wait in the ordinary queue.",
                ),
                switching_to="Two cores",
                ends=None,
                more=None,
                last=Last(at=1_794_990_000, sentence="Your session ended."),
            ),
        ),
        "sound": Session(
            "sound",
            "/user/kari/sound/",
            "ready",
            Told(
                pending=False,
                ready=True,
                phase="running",
                news="In the queue: others are before you in the queue",
                ends=1_795_003_600,
                more=More(hours=1, how="extend"),
            ),
        ),
    }


@pytest.mark.parametrize(
    ("phase", "pending", "ready", "state"),
    [
        ("submitting", True, False, "starting"),
        ("waiting", True, False, "starting"),
        ("booting", True, False, "starting"),
        ("opening", True, False, "starting"),
        ("returning", True, False, "returning"),
        ("returning", False, True, "returning"),
        ("running", False, True, "ready"),
        ("running", True, False, "stopping"),
        ("ended", False, False, "none"),
        ("none", False, False, "none"),
    ],
)
def test_states(phase: str, pending: bool, ready: bool, state: str) -> None:
    told = {"phase": phase, "pending": pending, "ready": ready}
    assert read_sessions(answer(optics=told), "/user/kari/")["optics"].state == state


def test_what_jupyterhub_tells() -> None:
    servers = {
        "": {"ready": True, "pending": None, "url": "/user/kari/"},
        "runs": {"ready": True, "pending": None, "url": "/user/kari/runs/"},
        "waits": {"ready": False, "pending": "spawn", "url": "/user/kari/waits/"},
        "ends": {"ready": True, "pending": "stop", "url": "/user/kari/ends/"},
        "over": {"ready": False, "pending": None, "stopped": True, "url": "/user/kari/over/"},
    }
    assert read_user(json.dumps({"name": "kari", "servers": servers}).encode()) == {
        "runs": Session("runs", "/user/kari/runs/", "ready"),
        "waits": Session("waits", "/user/kari/waits/", "starting"),
        "ends": Session("ends", "/user/kari/ends/", "stopping"),
    }
    assert read_user(b"{}") == {}


@dataclass
class StandIn:
    """A hub that answers what it is told to; everything else is 404."""

    url: str
    answers: dict[tuple[str, str], tuple[int, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None, bytes]] = field(default_factory=list)

    def sessions(self) -> Sessions:
        auth = HubOAuth(api_url=self.url, api_token="secret", oauth_client_id="service-x")
        return Sessions(auth, logging.getLogger("test"))


@pytest.fixture
async def hub() -> Iterator[StandIn]:
    listening, port = bind_unused_port()
    hub = StandIn(f"http://127.0.0.1:{port}/hub/api")

    class Answers(RequestHandler):
        def prepare(self) -> None:
            request = self.request
            path = request.path.removeprefix("/hub/api/")
            token = request.headers.get("Authorization")
            hub.asked.append((request.method or "", path, token, request.body))
            status, body = hub.answers.get((request.method or "", path), (404, b"{}"))
            self.set_status(status)
            self.finish(body)

    server = HTTPServer(Application([(".*", Answers)]))
    server.add_socket(listening)
    yield hub
    server.stop()


async def test_it_asks_with_its_own_token_and_quotes_names(hub: StandIn) -> None:
    hub.answers["GET", "session/o%27neil%2F@x.org"] = (200, answer(optics=RUNNING))
    found = await hub.sessions().of("o'neil/@x.org")
    assert found["optics"].url == "/user/o%27neil%2F@x.org/optics/"
    assert hub.asked == [("GET", "session/o%27neil%2F@x.org", "token secret", b"")]


@pytest.mark.parametrize("status", [404, 403, 500])
async def test_another_spawners_hub_is_asked_in_its_own_way(hub: StandIn, status: int) -> None:
    server = {"ready": True, "pending": None, "url": "/user/kari/optics/"}
    hub.answers["GET", "session/kari"] = (status, b"oops")
    hub.answers["GET", "users/kari"] = (200, json.dumps({"servers": {"optics": server}}).encode())
    assert await hub.sessions().of("kari") == {
        "optics": Session("optics", "/user/kari/optics/", "ready")
    }


async def test_a_hub_that_is_away_has_no_sessions() -> None:
    # Taken, so that nobody else gets it, and nobody listens.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        sessions = StandIn(f"http://127.0.0.1:{taken.getsockname()[1]}/hub/api").sessions()
        assert await sessions.of("kari") == {}
        for call in (sessions.stop, sessions.more):
            with pytest.raises(Unavailable, match="The hub does not answer just now"):
                await call("kari", "optics")


async def test_words_that_nobody_knows_are_logged(
    hub: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    hub.answers["GET", "session/kari"] = (200, answer(optics={"place": "first"}))
    assert await hub.sessions().of("kari") == {}
    assert "the hub tells of sessions in words that are not known here" in caplog.text


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (200, b"{}", ""),
        (403, b'{"message": "You have as much as you may."}', "You have as much as you may."),
        (503, b'{"message": "The cluster is silent."}', "The cluster is silent."),
        (404, b'{"message": "Not Found"}', "The session cannot have more time just now."),
        (409, b"<html>", "The session cannot have more time just now."),
    ],
)
async def test_more_time(hub: StandIn, status: int, body: bytes, refusal: str) -> None:
    hub.answers["POST", "session/kari/optics/more"] = (status, body)
    assert await hub.sessions().more("kari", "optics") == refusal
    assert hub.asked == [("POST", "session/kari/optics/more", "token secret", b"{}")]

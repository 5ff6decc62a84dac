"""A classroom in this process, with people and work in it, for who looks at its pages.

The hub is a few lines that say who has which token (it is the person's name) and which sessions
there are, so that every state of a session is at hand at once.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
from classroom_kit import NOW, course, enrol, put, zipped
from hubs import NO_CERTIFICATES
from jupyterhub.services.auth import HubOAuth
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from traitlets.config import Config

from courses.classroom.app import ClassroomApp
from courses.classroom.grading import GradingRuns
from courses.coursedir.folder import folder_of
from courses.grades import Outcome, PointsOnTest, Reason, State
from courses.grading.place import Place
from courses.grading.report import Graded
from courses.store import Store, checks, grading
from courses.store.checks import Check
from courses.store.grading import Kind, Stage

PREFIX = "/services/classroom/"
FEEDBACK = (
    '<!DOCTYPE html><html lang="en"><head><title>Lenses</title></head><body><main>'
    "<h1>Lenses</h1><p>7 of 10</p></main></body></html>"
)
TASKS = b'[{"name": "1", "score": 7.5, "max_score": 10}]'
# In the course "optics"; finn is in no course, and olga runs the site.
ROLES = {"ada": "instructor", "eva": "assistant", "ben": "student", "cleo": "student"}
OPERATOR = "olga"
SECONDS = 60


def _sessions() -> dict[str, dict[str, object]]:
    """The sessions of everybody, by course."""
    now = time.time()
    return {
        "optics": {"ready": True, "phase": "ready", "ends": now + 600,
                   "more": {"hours": 1, "how": "extend"}},
        "waiting": {"pending": True, "phase": "waiting", "place": 4, "queue_length": 12,
                    "expected": [now + 1200, now + 86_400], "silent_since": now - 7200,
                    "switching_to": "4", "notes": ["1"]},
        "ended": {"phase": "ended", "last": {"at": now - 90_000, "sentence": "2."}},
    }  # fmt: skip


class _Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        token = self.headers.get("Authorization", "").split(" ")[-1]
        if path == "/hub/api/user":
            self._answer(
                {
                    "name": unquote(token),
                    "kind": "user",
                    "admin": unquote(token) == OPERATOR,
                    "scopes": ["access:services"],
                    "groups": [],
                }
            )
        elif path.startswith("/hub/api/session/"):
            self._answer({"sessions": _sessions()})
        else:
            self._answer({}, 404)

    def _answer(self, body: object, status: int = 200) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@dataclass(frozen=True)
class LitClassroom:
    """``names`` has what stands in the addresses of its pages.

    ``grading`` has the runs of grading, which nothing works through; call it on ``loop``.
    """

    url: str
    store: Store
    names: dict[str, str]
    grading: GradingRuns | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def client(self, user: str, **headers: str) -> httpx.Client:
        """The user's browser, or program."""
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"token {user}", **headers},
            timeout=SECONDS,
            verify=NO_CERTIFICATES,
        )

    def page(self, user: str, path: str) -> str:
        """A page's HTML; raises when there is none."""
        with self.client(user) as browser:
            return browser.get(path).raise_for_status().text


@contextmanager
def lit_classroom(home: Path) -> Iterator[LitClassroom]:
    """Serve it on a port of its own, and fill it."""
    hub = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    store = Store.of_home(home)
    config = Config()
    config.HubOAuth.api_url = f"http://127.0.0.1:{hub.server_port}/hub/api"
    config.HubOAuth.api_token = "of-the-service"
    config.HubOAuth.oauth_client_id = "service-classroom"
    config.HubOAuth.base_url = PREFIX
    config.HubOAuth.access_scopes = {"access:services"}
    HubOAuth.clear_instance()
    app = ClassroomApp(home=str(home), config=config)
    (socket,) = bind_sockets(0, "127.0.0.1")
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        HTTPServer(app.web(store)).add_sockets([socket])

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{socket.getsockname()[1]}{PREFIX}"
    try:
        yield LitClassroom(url, store, _fill(store, url), app.grading, loop)
    finally:
        loop.call_soon_threadsafe(app.formgraders.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        hub.shutdown()
        HubOAuth.clear_instance()
        store.close()


def submit(room: LitClassroom, user: str, page: str, path: str, **fields: str) -> httpx.Response:
    """Press a button of a page, as a browser does."""
    with room.client(user) as browser:
        shown = browser.get(page).raise_for_status().text
        found = re.search('name="_xsrf" value="([^"]+)"', shown)
        assert found, shown
        answer = browser.post(path, data={"_xsrf": found[1], **fields})
        assert answer.status_code < 400, answer.text
        return answer


def _fill(store: Store, url: str) -> dict[str, str]:
    for slug in ("optics", "waiting", "ended"):
        put(store, course(slug))
        enrol(store, slug, **ROLES)
    base = f"{url}api/courses/optics"
    ada, ben, cleo = ({"Authorization": f"token {name}"} for name in ("ada", "ben", "cleo"))
    archive = zipped({"lenses.ipynb": b'{"cells": []}'})
    for name in ("lenses", "prisms", "lasers"):
        httpx.put(
            f"{base}/assignments/{name}/release", content=archive, headers=ada, timeout=SECONDS
        ).raise_for_status()
    httpx.get(f"{base}/assignments/lasers", headers=cleo, timeout=SECONDS)
    ids = []
    for name, who in (("lenses", ben), ("prisms", ben), ("prisms", cleo)):
        address = f"{base}/assignments/{name}/submissions"
        answer = httpx.post(address, content=archive, headers=who, timeout=SECONDS)
        ids.append(answer.raise_for_status().json()["id"])
    for text in (b"2", b"3"):
        address = f"{base}/assignments/prisms/submissions"
        content = zipped({"a.ipynb": text})
        httpx.post(address, content=content, headers=cleo, timeout=SECONDS).raise_for_status()
    choice = f"{base}/submissions/{ids[2]}/choice"
    httpx.put(choice, headers=cleo, timeout=SECONDS).raise_for_status()
    for each in ids[:2]:
        httpx.put(
            f"{base}/submissions/{each}/feedback?score=7.5&max_score=10",
            content=zipped(
                {"lenses.html": FEEDBACK.encode(), "more/2.html": b"2", ".tasks.json": TASKS}
            ),
            headers=ada,
            timeout=SECONDS,
        ).raise_for_status()
    names = {"slug": "optics", "graded": ids[0], "late": ids[1], "ungraded": ids[2]}
    _grade(store, ids)
    room, course_page = LitClassroom(url, store, names), "courses/optics"
    people, deadlines = f"{course_page}/people", f"{course_page}/deadlines"
    submit(
        room,
        "ada",
        people,
        f"{people}/codes",
        until="2099-11-27T16:00",
        seats="30",
        role="student",
        guests_until="2099-12-01T16:00",
    )
    (names["code"],) = set(re.findall(f'{people}/codes/([^/"]+)', room.page("ada", people)))
    submit(room, "ada", deadlines, f"{deadlines}/group", name="1", members="ben cleo")
    submit(
        room,
        "ada",
        deadlines,
        f"{deadlines}/extend",
        whom="group:1",
        assignment="prisms",
        due="2099-11-27T16:00",
        reason="1",
    )
    announcements, graded = f"{course_page}/announcements", f"{course_page}/submissions/{ids[0]}"
    submit(room, "ada", announcements, announcements, title="1", text="2")
    submit(room, "ben", f"{graded}/complaint", f"{graded}/complaint", task="1", text="1")
    return names


def _grade(store: Store, ids: list[str]) -> None:
    """What came of prisms, and what the visible tests say of lenses."""
    suspect = Reason("canary", {"notebook": "1", "cell": "2"})
    found = [
        (ids[1], Outcome("ben", State.FAILED, Reason("timeout", {"notebook": "1", "seconds": 2}))),
        (ids[2], Outcome("cleo", State.SUSPECT, suspect, evidence=(suspect,))),
    ]
    with store.writing() as session:
        run = grading.ask(session, "optics", "prisms", Kind.GRADE, actor="ada", at=NOW)
        grading.put_outcomes(session, run.id, found, at=NOW)
        grading.end(session, run.id, Stage.FAILED, done=2, total=3, says="1.", at=NOW)
        said = Check(State.GRADED, Reason(), (("1", True), ("2", False)))
        checks.put(session, [(ids[0], said)], at=NOW)
    ran = (PointsOnTest("1", 1, 2, 0.5), PointsOnTest("2", 0, 2, 20.0, differed=True))
    place = Place(folder_of(store, "optics"), "prisms")
    place.begin_anew()
    place.keep_only([Graded(Outcome("ben", State.GRADED, tests=ran))])

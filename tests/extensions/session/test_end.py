"""The end of a session: what its server tells, and what it does when the end comes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import re
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed import CHECKOUT
from extensions.session.stand_in import (
    TOKEN,
    VISITOR,
    Session,
    StandInHub,
    running_session,
)
from tornado.websocket import WebSocketClientConnection

from lesesal_notebook.session.end import EVENT, LOOK, UNTOLD, first_end, left, pause

HOUR = {"hours": 1.0, "how": "extend"}
NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("ends", "left_then", "next_look"),
    [
        (None, None, LOOK),
        (NOW + 3600, 3600, LOOK),
        (NOW + UNTOLD + 20, UNTOLD + 20, 20),
        (NOW + UNTOLD, UNTOLD, LOOK),
        (NOW - 5, 0, LOOK),
    ],
)
def test_the_clock_wakes_before_the_end(
    ends: float | None, left_then: float | None, next_look: float
) -> None:
    assert left(ends, NOW) == left_then
    assert pause(ends, NOW) == next_look


def test_slurm_may_tell_the_first_end() -> None:
    assert first_end({"SLURM_JOB_END_TIME": "1795304443"}) == 1795304443
    assert first_end({}) is None
    assert first_end({"SLURM_JOB_END_TIME": "Unknown"}) is None


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with running_session(tmp_path_factory.mktemp("session"), StandInHub()) as session:
        yield session


@pytest.fixture
def session(running: Session) -> Session:
    """A session whose hub has just told it of an end in an hour."""
    ends = round(time.time()) + 3600
    tell(running, {"ends": ends, "more": HOUR, "news": ""})
    return running


def tell(session: Session, told: dict[str, Any]) -> None:
    session.hub.more = 200, told
    with session.client() as client:
        client.post("lesesal/more").raise_for_status()


def known(session: Session) -> dict[str, Any]:
    with session.client() as client:
        answer: dict[str, Any] = client.get("lesesal/end").raise_for_status().json()
    return answer


def test_the_end_is_told_as_the_hub_knows_it(session: Session) -> None:
    before = time.time()
    answer = known(session)
    ends = session.hub.told["ends"]
    assert ends - time.time() <= answer.pop("left") <= ends - before
    assert answer == {"ends": ends, "more": HOUR, "news": "", "ending": False}
    assert session.hub.tokens == {TOKEN}


def test_the_sessions_page_shows_the_end(session: Session) -> None:
    ends = session.hub.told["ends"]
    with session.client() as client:
        page = client.get("lesesal/session").raise_for_status().text
        given = client.get("lesesal/session", headers={"Accept": "application/json"}).json()
    [told] = re.findall(r"take\((\{.*\})\);", page)
    assert json.loads(told)["ends"] == ends
    assert given["ends"] == ends
    assert given["offer"] == "A place"


def test_more_time_is_asked_for_and_what_came_of_it_is_told(session: Session) -> None:
    ends = session.hub.told["ends"] + 3600
    session.hub.more = 200, {"ends": ends, "more": None, "news": "Your session now ends at 14:30."}
    before = time.time()
    with session.client() as client:
        answer = client.post("lesesal/more").json()
    assert ends - time.time() <= answer.pop("left") <= ends - before
    assert answer == {
        "ends": ends,
        "more": None,
        "news": "Your session now ends at 14:30.",
        "ending": False,
    }
    assert known(session)["ends"] == ends


@pytest.mark.parametrize(
    ("hub", "status", "message"),
    [
        (
            (409, {"message": "Somebody else has the machine after you."}),
            409,
            "Somebody else has the machine after you.",
        ),
        ((404, {}), 409, "There is no more time for this session."),
        ((500, {"message": "secret"}), 503, "The hub does not answer. Try again in a minute."),
    ],
)
def test_where_there_is_no_more_time_a_sentence_says_so(
    session: Session, hub: tuple[int, dict[str, Any]], status: int, message: str
) -> None:
    before = known(session)["ends"]
    session.hub.more = hub
    with session.client() as client:
        answer = client.post("lesesal/more")
    assert (answer.status_code, answer.json()) == (status, {"message": message})
    assert known(session)["ends"] == before


@pytest.mark.parametrize("path", ["lesesal/more", "lesesal/saved"])
def test_another_page_of_the_browser_can_not_ask_in_the_persons_name(
    session: Session, path: str
) -> None:
    with session.client() as client:
        del client.headers["Authorization"]
        assert client.post(path).status_code == 403
        # As a browser is logged in: by a cookie, which it sends whoever's page asks.
        client.get("lesesal/session", params={"token": VISITOR}, follow_redirects=True)
        assert client.get("lesesal/end").status_code == 200
        assert client.post(path).status_code == 403
        xsrf = {"X-XSRFToken": client.cookies["_xsrf"]}
        assert client.post(path, headers=xsrf).status_code in {200, 204}


def test_a_hub_that_is_silent_changes_nothing(tmp_path: Path) -> None:
    ends = round(time.time()) + 1800
    hub = StandInHub(status=503)
    with running_session(tmp_path, hub, SLURM_JOB_END_TIME=str(ends)) as session:
        assert known(session)["ends"] == ends
        hub.status, hub.told = 200, {"ends": None, "more": HOUR, "news": ""}
        answer = known(session)
    # By each of the two, and by the session itself some seconds after its start.
    assert hub.asked >= 2
    assert (answer["ends"], answer["more"]) == (ends, HOUR)


async def next_step(events: WebSocketClientConnection, *wanted: str) -> str:
    """The next of these steps that pages are told."""
    async with asyncio.timeout(60):
        while True:
            event = json.loads(await events.read_message() or "null")
            if event["schema_id"] == EVENT and event["step"] in wanted:
                return str(event["step"])


async def next_message(kernel: WebSocketClientConnection, kind: str) -> dict[str, Any]:
    """The content of the next message of this kind from a kernel."""
    async with asyncio.timeout(60):
        while True:
            message = json.loads(await kernel.read_message() or "null")
            if message["msg_type"] == kind:
                content: dict[str, Any] = message["content"]
                return content


def execute(code: str) -> str:
    """A kernel's message that runs code."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "session": "test",
        "username": "kim",
        "version": "5.4",
    }
    content = {"code": code, "silent": False, "store_history": True}
    return json.dumps(
        {
            "channel": "shell",
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
        }
    )


# An extension: pages get so long to save that nothing comes of waiting for it.
PATIENT = """
from lesesal_notebook.session import end

def _jupyter_server_extension_points():
    return [{"module": __name__}]

def _load_jupyter_server_extension(app):
    end.SAVE_SECONDS = 200.0
"""


def with_extension(folder: Path, name: str, code: str) -> dict[str, str]:
    """The environment of a session that has an extension more."""
    (folder / f"{name}.py").write_text(code)
    config = {"ServerApp": {"jpserver_extensions": {name: True}}}
    (folder / "jupyter_server_config.json").write_text(json.dumps(config))
    extensions = CHECKOUT / "extensions"
    return {
        "JUPYTER_CONFIG_PATH": f"{folder}:{extensions / 'etc' / 'jupyter'}",
        "PYTHONPATH": f"{extensions}:{folder}",
    }


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Session]:
    environment = with_extension(tmp_path, "patient", PATIENT)
    with running_session(tmp_path / "it", StandInHub(), **environment) as session:
        yield session


async def test_on_the_signal_pages_save_and_what_runs_is_stopped(patient: Session) -> None:
    session = patient
    with session.client() as client:
        busy, idle = (client.post("api/kernels").raise_for_status().json()["id"] for _ in "12")
        async with (
            session.websocket("api/events/subscribe") as events,
            session.websocket(f"api/kernels/{busy}/channels") as kernel,
            session.websocket(f"api/kernels/{idle}/channels") as other,
        ):
            await other.write_message(execute("kept = 41"))
            await next_message(other, "execute_reply")
            await kernel.write_message(
                execute("kept = 41\nprint('begun\\n', end='', flush=True)\nwhile True: pass")
            )
            assert await next_message(kernel, "stream") == {"name": "stdout", "text": "begun\n"}

            os.kill(session.process.pid, signal.SIGUSR1)
            assert await next_step(events, "save", "stopped") == "save"
            assert known(session)["ending"] is True
            # A page that has saved is what it waits for, not the clock.
            client.post("lesesal/saved").raise_for_status()
            assert (await next_message(kernel, "error"))["ename"] == "KeyboardInterrupt"
            assert await next_step(events, "save", "stopped") == "stopped"

            for socket in (kernel, other):
                await socket.write_message(execute("print(f'{kept + 1}\\n', end='')"))
                assert await next_message(socket, "stream") == {"name": "stdout", "text": "42\n"}
    # More time ends the ending.
    assert known(session)["ending"] is True
    tell(session, {"ends": time.time() + 7200, "more": None, "news": ""})
    assert known(session)["ending"] is False


async def test_without_pages_the_signal_still_stops_what_runs(session: Session) -> None:
    with session.client() as client:
        id_ = client.post("api/kernels").raise_for_status().json()["id"]
    async with session.websocket(f"api/kernels/{id_}/channels") as kernel:
        await kernel.write_message(execute("print('begun', flush=True)\nwhile True: pass"))
        await next_message(kernel, "stream")
        os.kill(session.process.pid, signal.SIGUSR1)
        assert (await next_message(kernel, "error"))["ename"] == "KeyboardInterrupt"
    tell(session, {"ends": time.time() + 7200, "more": None, "news": ""})


@pytest.mark.slow
async def test_the_end_is_met_also_when_no_signal_comes(tmp_path: Path) -> None:
    ends = time.time() + UNTOLD + 30
    hub = StandInHub(told={"ends": ends, "more": None, "news": ""})
    with running_session(tmp_path, hub) as session:
        async with session.websocket("api/events/subscribe") as events:
            assert known(session)["ending"] is False
            assert await next_step(events, "save") == "save"
            assert 0 < ends - time.time() <= UNTOLD
            assert await next_step(events, "stopped") == "stopped"


STAYS = """
import asyncio
import anyio.to_thread
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join

class Stays(JupyterHandler):
    async def get(self):
        await anyio.to_thread.run_sync(print, "somebody is being answered")
        await asyncio.sleep(3600)

def _jupyter_server_extension_points():
    return [{"module": __name__}]

def _load_jupyter_server_extension(app):
    route = url_path_join(app.web_app.settings["base_url"], "stays")
    app.web_app.add_handlers(".*$", [(route, Stays)])
"""


def test_it_ends_while_a_request_is_answered(tmp_path: Path) -> None:
    """A thread of anyio's waited for that request for ever."""
    environment = with_extension(tmp_path, "stays", STAYS) | {"PYTHONUNBUFFERED": "1"}
    with (
        running_session(tmp_path / "it", StandInHub(), **environment) as session,
        concurrent.futures.ThreadPoolExecutor() as pool,
        session.client() as client,
    ):
        asked = pool.submit(client.get, "stays")
        while "somebody is being answered" not in session.log.read_text():
            assert not asked.done()
            time.sleep(0.05)
        session.process.terminate()
        assert session.process.wait(60) is not None
        assert asked.result(60).status_code == 500

"""nbgrader's JupyterLab pages: a real Jupyter Server as a session has it, asked as the pages do."""

import contextlib
import json
import subprocess
import time
from pathlib import Path

import httpx
import hubs
from extensions.exchange.sessions import PYTHON

from courses.course import Assignment


class Server:
    """A Jupyter Server in a session, and requests to it."""

    def __init__(self, session, port):
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": "token t"},
            timeout=60,
        )
        self.session = session

    def get(self, path):
        return self.http.get(path).raise_for_status().json()

    def post(self, path, **body):
        return self.http.post(path, json=body).raise_for_status().json()

    def click(self, action, assignment="ps1"):
        """A button of the Assignment List page."""
        return self.post(
            f"/assignments/{action}", course_id=self.session.course, assignment_id=assignment
        )


@contextlib.contextmanager
def serving(session):
    [port] = hubs.free_ports(1)
    argv = [PYTHON, "-m", "jupyter_server", f"--port={port}", "--IdentityProvider.token=t"]
    argv += ["--allow-root", "--no-browser", f"--ServerApp.root_dir={session.home}"]
    # What has no part in this would only take its time to start.
    others = ("jupyterlab", "notebook", "jupyter_lsp", "lesesal_notebook.session.page")
    config = {"ServerApp": {"jpserver_extensions": dict.fromkeys(others, False)}}
    (session.home / ".jupyter").mkdir()
    (session.home / ".jupyter" / "jupyter_server_config.json").write_text(json.dumps(config))
    log = session.home.parent / f"{session.user}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, cwd=session.folder, env=session.environment, stdout=output, stderr=output
        )
    server = Server(session, port)
    try:
        for _ in range(600):
            if process.poll() is not None:
                break
            with contextlib.suppress(httpx.TransportError):
                server.get("/api")
                break
            time.sleep(0.1)
        assert process.poll() is None, log.read_text()
        yield server
    finally:
        server.http.close()
        process.terminate()
        process.wait(60)


def test_the_assignment_list(room, released):
    with serving(room.session("hacker")) as page:
        home = page.session.home
        assert page.get("/nbgrader_version?version=0.9.6") == {"success": True}
        assert page.get("/courses") == {"success": True, "value": [room.course]}
        listed = page.get(f"/assignments?course_id={room.course}")
        assert [entry["status"] for entry in listed["value"]] == ["released"]

        # One home serves all courses of a person.
        folder = home / room.course / "ps1"
        folder.mkdir(parents=True)
        answer = page.click("fetch")
        assert not answer["success"]
        assert answer["value"].startswith("You already have a copy of the assignment:")
        folder.rmdir()

        [fetched] = page.click("fetch")["value"]
        assert (fetched["status"], fetched["path"]) == ("fetched", f"{room.course}/ps1")
        assert [one["path"] for one in fetched["notebooks"]] == [
            f"{room.course}/ps1/problem1.ipynb",
            f"{room.course}/ps1/problem2.ipynb",
        ]

        answer = page.click("submit")
        assert [entry["status"] for entry in answer["value"]] == ["fetched", "submitted"]
        [submission] = answer["value"][1]["submissions"]
        assert submission["timestamp"].endswith(" UTC")
        assert page.click("fetch_feedback")["success"]

        room.put(Assignment("ps1", "Problem set 1", max_bytes=10))
        answer = page.click("submit")
        assert not answer["success"]
        assert answer["value"].startswith(f"The folder {folder} holds more than")

        (page.session.folder / "token").unlink()
        answer = page.get(f"/assignments?course_id={room.course}")
        assert answer == {
            "success": False,
            "value": "This session's token is gone. Stop the session and start it again; your files"
            " stay.",
        }


def test_it_works_over_nbgraders_own_exchange_and_keeps_the_working_directory(
    tmp_path, monkeypatch
):
    from lesesal_notebook.exchange.pages import AssignmentList

    monkeypatch.delenv("LESESAL_CLASSROOM_URL", raising=False)
    (tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    manager = AssignmentList()
    manager.root_dir = str(tmp_path / "root")
    exchange = tmp_path / "no" / "exchange"
    (tmp_path / "root" / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.Exchange.root = {str(exchange)!r}\n"
    )
    sentence = f"Unwritable directory, please contact your instructor: {exchange}"
    assert manager.list_assignments("cs") == {"success": False, "value": sentence}
    assert Path.cwd() == tmp_path / "elsewhere"
    (tmp_path / "no" / "exchange").mkdir(parents=True)
    assert manager.list_assignments("cs") == {"success": True, "value": []}
    assert not manager.fetch_assignment("cs", "ps1")["success"]
    assert "Assignment not found" in manager.list_assignments("cs")["value"]
    assert manager.list_assignments("cs") == {"success": True, "value": []}


def test_formgrader(room, released, desk):
    course = released.session.course_directory
    (course / "source" / "ps1").mkdir(parents=True)
    with serving(released.session) as page:
        [listed] = page.get("/formgrader/api/assignments")
        assert (listed["name"], listed["status"], listed["releaseable"]) == (
            "ps1",
            "released",
            True,
        )
        assert listed["source_path"] == "source/ps1"
        manage = page.http.get("/formgrader/manage_assignments").raise_for_status().text
        assert f'url_prefix = "courses/{room.course}"' in manage
        xsrf = {"X-XSRFToken": page.http.cookies["_xsrf"]}

        def press(action):
            answer = page.http.post(f"/formgrader/api/assignment/ps1/{action}", headers=xsrf)
            return answer.raise_for_status().json()

        assert press("unrelease")["success"]
        [listed] = page.get("/formgrader/api/assignments")
        assert listed["status"] == "draft"
        answer = press("release")
        assert answer["success"], answer
        assert "Released as" in answer["log"]
        [listed] = page.get("/formgrader/api/assignments")
        assert listed["status"] == "released"
        assert press("collect")["success"]

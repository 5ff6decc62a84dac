"""A hub that starts real batch jobs as processes, and says of them what a test wants it to say.

It is a stand-in because a queue, a refusal or silence can't be had at will from a real one; with a
real hub the same is walked in test_walk.py, on a real Slurm in tests/slurm/test_batch_run.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from deployed import CHECKOUT
from notebooks import notebook

PYTHON = CHECKOUT / ".venv" / "session" / "bin" / "python"
EXTENSIONS = CHECKOUT / "extensions"
TOKEN = "0123456789abcdef" * 2
OFFERS = [{"name": "cpu", "title": "A place", "hours": 2.0, "gpus": 0}]


@dataclass
class Desk:
    """A session's side of things: a home, and a hub to talk to.

    Attributes:
        folder: everything is in it.
        refusal: what the hub answers to a wish instead of taking it.
        silent: whether it answers at all.
        holds: whether it keeps jobs waiting.
        says: what it says of runs besides what it knows, by run.
        asked: the wishes that it has taken.
        environment: variables for jobs.
        interpreter: the course's, for jobs.
        notice: seconds from the warning to the end that jobs shall believe in, instead of Slurm's.
    """

    folder: Path
    api: str = ""
    refusal: tuple[int, dict[str, Any]] | None = None
    silent: bool = False
    holds: bool = False
    says: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    environment: dict[str, str] = field(default_factory=dict)
    interpreter: Path = PYTHON
    notice: float | None = None

    @property
    def home(self) -> Path:
        """The person's."""
        return self.folder / "home"

    @property
    def variables(self) -> dict[str, str]:
        """Of a kernel in the session."""
        return {
            "PATH": os.defpath,
            "HOME": str(self.home),
            "PYTHONPATH": str(EXTENSIONS),
            "JUPYTERHUB_API_URL": self.api,
            "JUPYTERHUB_USER": "student1",
            "JUPYTERHUB_SERVER_NAME": "optics",
            "LESESAL_SESSION_DIR": str(self.folder / "session"),
        }

    def notebook(self, *cells: str, name: str = "train", parameters: str = "") -> Path:
        """A notebook in the home, with a cell tagged ``parameters`` where there are any."""
        path = self.home / "work" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(notebook(*cells, parameters=parameters))
        return path

    def python(self, code: str, cwd: Path | None = None) -> str:
        """What code in the session prints."""
        done = subprocess.run(
            [PYTHON, "-P", "-c", textwrap.dedent(code)],
            cwd=cwd or self.home,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def start(self, run: str, tasks: int = 1) -> subprocess.Popen[bytes]:
        """A run's job, as the embedded cluster starts it."""
        files = self.folder / "jobs" / run
        files.mkdir(parents=True, exist_ok=True)
        variables = {
            "LESESAL_BATCH_RUN": run,
            "LESESAL_BATCH_TASKS": str(tasks),
            "LESESAL_COURSE": "optics",
            "LESESAL_OFFER": "A place",
            "JUPYTERHUB_API_TOKEN": "must not arrive",
            **self.environment,
        }
        (files / "session.json").write_text(json.dumps(variables))
        program = ["-m", "lesesal_notebook.batch.job"]
        if self.notice is not None:
            sooner = f"from lesesal_notebook.batch import job, stop; stop.NOTICE = {self.notice}"
            program = ["-c", f"{sooner}; job.main()"]
        with (files / "log").open("ab") as log:
            self.jobs[run] = subprocess.Popen(
                [self.interpreter, "-P", *program],
                cwd=self.home,
                env={
                    "PATH": os.defpath,
                    "HOME": str(self.home),
                    "PYTHONPATH": str(EXTENSIONS),
                    "LESESAL_SESSION_DIR": str(files),
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.jobs[run]

    def submit(self, notebook: Path, **wish: Any) -> str:
        """Submit a notebook as a person does in the session; the run's name."""
        return self.python(
            f"""
            from lesesal_notebook import batch
            print(batch.submit({str(notebook)!r}, **{wish!r}).id)
            """
        ).strip()

    def task(self, run: str, number: int = 1) -> Path:
        """A task's folder."""
        return self.home / "batch" / run / "tasks" / str(number)

    def status(self, run: str, number: int = 1) -> dict[str, Any]:
        """What a task's files say; empty before it has begun."""
        path = self.task(run, number) / "status.json"
        status: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return status

    def printed(self, run: str, number: int = 1) -> str:
        """What a task's cells printed so far."""
        path = self.task(run, number) / "log.txt"
        return path.read_text() if path.exists() else ""

    def until(self, run: str, sentence: Callable[[dict[str, Any]], bool], number: int = 1) -> None:
        """Wait until a task's files say so."""
        deadline = time.monotonic() + 60
        while not sentence(self.status(run, number)):
            assert time.monotonic() < deadline, (self.status(run, number), self.log(run))
            time.sleep(0.05)

    def ended(self, run: str, seconds: float = 240) -> int:
        """Wait for a job's end; its exit code."""
        return self.jobs[run].wait(seconds)

    def log(self, run: str) -> str:
        """What a job's process printed."""
        return (self.folder / "jobs" / run / "log").read_text()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON for one request."""
        if self.silent:
            return 503, {}
        if method == "POST":
            if self.refusal:
                return self.refusal
            self.asked.append(body)
            if self.holds:
                self.says.setdefault(body["run"], {"state": "waiting"})
            else:
                self.start(body["run"], body["tasks"])
            return 201, {"job": "7", "offer": "cpu", "hours": 2.0, "tasks": body["tasks"]}
        if method == "DELETE":
            run = path.rpartition("/")[2]
            if job := self.jobs.get(run):
                job.terminate()
            self.says.setdefault(run, {})["state"] = "ended"
            return 204, {}
        known = {
            run: {"state": "running" if job.poll() is None else "ended"}
            for run, job in self.jobs.items()
        }
        runs = {run: known.get(run, {}) | self.says.get(run, {}) for run in {*known, *self.says}}
        return 200, {"runs": runs, "offers": OFFERS}


@contextlib.contextmanager
def sitting(folder: Path) -> Iterator[Desk]:
    """A home and its hub."""
    desk = Desk(folder)
    desk.home.mkdir(parents=True)
    (folder / "session").mkdir()
    (folder / "session" / "token").write_text(TOKEN)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null")
            desk.tokens.add(self.headers.get("Authorization", ""))
            status, answer = desk.answer(self.command, self.path, body)
            content = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    desk.api = f"http://127.0.0.1:{server.server_address[1]}/hub/api"
    try:
        yield desk
    finally:
        for job in desk.jobs.values():
            if job.poll() is None:
                os.killpg(job.pid, signal.SIGTERM)
            job.wait(60)
        server.shutdown()
        server.server_close()
        thread.join()

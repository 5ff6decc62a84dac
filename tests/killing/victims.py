"""What gets killed: the classroom as a process of its own, and its database's server."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import httpx
import psutil
from killing.hub_stand_in import PREFIX
from postgres_server import PostgresServer
from slurm.system import ask, free_ports

SECONDS = 180


class Victim(Protocol):
    """Something that is killed as a power cut would, and is there again when `kill` returns."""

    name: str

    def kill(self) -> None: ...


class ClassroomProcess:
    """`python -m courses.classroom` over a home and a database, with these options."""

    name = "classroom"

    def __init__(self, home: Path, database: str, hub: Mapping[str, str], *options: str) -> None:
        [port] = free_ports(1)
        self.url = f"http://127.0.0.1:{port}{PREFIX}"
        self.log = home / "classroom.log"
        self._environment = {**os.environ, **hub}
        self._command = [sys.executable, "-m", "courses.classroom", f"--home={home}"]
        self._command += [f"--port={port}", f"--database-url={database}", *options]

    def start(self) -> None:
        """Start it; it answers when this returns."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log
            )
        self.until_it_answers()

    def until_it_answers(self) -> None:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}api/health").status_code == 200:
                    return
            time.sleep(0.02)
        status = self._process.poll()
        why = "does not answer" if status is None else f"ended with status {status}"
        raise RuntimeError(f"It {why}:\n" + self.log.read_text(errors="replace")[-3000:])

    def end(self) -> None:
        """End it at once and for good."""
        self._process.kill()
        self._process.wait()

    def kill(self) -> None:
        self.end()
        self.start()


class Postmaster:
    """The database's server, all of its processes at once."""

    name = "database"

    def __init__(self, server: PostgresServer, classroom: ClassroomProcess) -> None:
        self._server = server
        self._classroom = classroom

    def processes(self) -> Sequence[psutil.Process]:
        pid = int((self._server.folder / "data" / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        return [postmaster, *postmaster.children()]

    def kill(self) -> None:
        found = self.processes()
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, SECONDS)
        self._server.start()
        self._classroom.until_it_answers()


class Backend(Postmaster):
    """One process of the database's server that works for the classroom; the others then begin
    anew, without being asked."""

    name = "one of the database's processes"

    def kill(self) -> None:
        _, *children = self.processes()
        # Their names end with whom they work for, where, and what they do.
        lines = {each: " ".join(ask(each.cmdline) or ()) for each in children}
        backends = [each for each, line in lines.items() if "postgres: lesesal " in line]
        if backends:
            process = random.choice(backends)
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
                # With it all of them end, and what one of them still answers tells nothing.
                psutil.wait_procs(backends, SECONDS)
        self._classroom.until_it_answers()

"""A real classroom with a course of one assignment, and sessions in which somebody has a desk.

Of the hub there is what says whose token it is, and what says when a session ends: a real one's
answers can't be had at will.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from deployed import CHECKOUT
from extensions.session.stand_in import PYTHON, TOKEN, StandInHub, serving
from killing.hub_stand_in import hub_stand_in, token
from killing.victims import ClassroomProcess

from courses.coursedir.sync import sync
from courses.store import Store, default_url

# Beside the tests of the classroom, which find them by their own conftest.
sys.path.insert(0, str(CHECKOUT / "tests" / "courses"))

from classroom_kit import zipped
from classroom_process import LENSES, SLUG, taught

# The classroom takes a token for the name of who has it; the last one has the token of
# `running_session`.
STUDENTS = [*(f"student{number}" for number in range(1, 7)), TOKEN]
DUE = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)


@dataclass(frozen=True)
class World:
    """A classroom, and the hub of the sessions."""

    classroom: ClassroomProcess
    hub: StandInHub
    api: str
    base: Path

    def give_feedback(self) -> None:
        """On all that was handed in: 1.5 of 2 points."""
        with httpx.Client(
            base_url=self.classroom.url, headers={"Authorization": f"token {token('ada')}"}
        ) as ada:
            for one in ada.get(f"{LENSES}/submissions").raise_for_status().json():
                ada.put(
                    f"api/courses/{SLUG}/submissions/{one['id']}/feedback?score=1.5&max_score=2",
                    content=zipped({"nb.html": b"<p>Well done</p>"}),
                ).raise_for_status()

    def set_deadline(self, due: datetime, late: str = "accept") -> None:
        """Of the assignment, from now on."""
        home = self.base / "classroom"
        toml = home / "course" / "course.toml"
        text, _, _ = toml.read_text().partition("due = ")
        toml.write_text(f'{text}due = {due.isoformat()}\nlate = "{late}"\n')
        store = Store.of_home(home)
        sync(store, toml.parent, actor="ada")
        store.close()

    def environment(self, home: Path, student: str = "student1", **changes: str) -> dict[str, str]:
        """Of a kernel in a student's session."""
        folder = home.with_name(f"{home.name}-session")
        for path in (home, folder):
            path.mkdir(exist_ok=True)
        (folder / "token").write_text(token(student))
        extensions = CHECKOUT / "extensions"
        return {
            "PATH": f"{PYTHON.parent}{os.pathsep}{os.defpath}",
            "HOME": str(home),
            "PYTHONPATH": str(extensions),
            "JUPYTER_CONFIG_PATH": str(extensions / "etc" / "jupyter"),
            "JUPYTERHUB_API_URL": self.api,
            "JUPYTERHUB_SERVER_NAME": "ai",
            "JUPYTERHUB_SERVICE_PREFIX": "/user/kim/ai/",
            "JUPYTERHUB_USER": "kim",
            "LESESAL_CLASSROOM_URL": self.classroom.url,
            "LESESAL_COURSE": SLUG,
            "LESESAL_OFFER": "A place",
            "LESESAL_ROLE": "student",
            "LESESAL_SESSION_DIR": str(folder),
            "TZ": "Europe/Oslo",
            **changes,
        }

    def python(self, home: Path, code: str, student: str = "student1", **changes: str) -> Any:
        """Run code in plain Python in a session; gives what it has put into `said`, by JSON."""
        whole = (
            "import json\nfrom lesesal_notebook import desk\n"
            "from lesesal_notebook.widgets.desk.values import DeskError\n"
            f"{code}\nprint(json.dumps(said, default=str))"
        )
        done = subprocess.run(
            [PYTHON, "-P", "-c", whole],
            env=self.environment(home, student, **changes),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def world(base: Path) -> Iterator[World]:
    """A classroom whose course has the assignment ``lenses``, due in three days."""
    hub = StandInHub()
    more = f"due = {DUE.isoformat()}\n"
    with hub_stand_in() as answers, serving(hub) as api:
        (base / "classroom").mkdir()
        home = base / "classroom"
        classroom = ClassroomProcess(home, default_url(home), answers)
        taught(home, classroom, STUDENTS, more)
        try:
            yield World(classroom, hub, api, base)
        finally:
            classroom.end()

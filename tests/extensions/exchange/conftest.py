"""A real hub with the real classroom as its service, once; a new course in it for each test."""

import itertools
import os
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import hubs
import pytest
from extensions.exchange import sessions

from courses.course import Assignment, Course, Enrolment, Role
from courses.store import Store, people
from courses.store import courses as courses_table

# The session side is not installed in the environment that runs the tests.
sys.path.insert(0, str(sessions.ROOT / "extensions"))

PEOPLE = {
    "grace": Role.INSTRUCTOR,
    "bitdiddle": Role.STUDENT,
    "hacker": Role.STUDENT,
    "student1": Role.STUDENT,
    "student2": Role.STUDENT,
}
HUB = """
c.JupyterHub.services.append({{
    "name": "classroom",
    "url": "http://127.0.0.1:{port}",
    "timeout": 120,
    "command": [{python!r}, "-m", "courses.classroom", "--home={home}"],
}})
c.JupyterHub.load_roles.append(
    {{"name": "user", "scopes": ["self", "access:services!service=classroom"]}})
"""


class Room:
    """One course in the classroom, and the sessions of its people."""

    def __init__(self, hub, tokens, store, slug, base):
        self.url, self.tokens, self.store, self.base = (
            f"{hub.url}/services/classroom/",
            tokens,
            store,
            base,
        )
        self.course = slug
        self.put(Assignment("ps1", "Problem set 1"))
        with store.writing() as transaction:
            for user, role in PEOPLE.items():
                people.enrol(
                    transaction, Enrolment(slug, user, role), actor="test", at=datetime.now(UTC)
                )

    def put(self, *assignments):
        """What course.toml says of the assignments, from now on."""
        archive = self.base / "directory.zip"
        with zipfile.ZipFile(archive, "w") as made:
            made.writestr("source/ps1/problem1.ipynb", "{}")
            made.writestr("gradebook.db", b"")
        course = Course(self.course, "A course", "", ("small",), "UTC", assignments)
        directory = self.store.blobs.keep_file(archive).sha256
        with self.store.writing() as transaction:
            courses_table.put_course(
                transaction,
                course,
                content=directory,
                directory=directory,
                actor="test",
                at=datetime.now(UTC),
            )

    def session(self, user):
        return sessions.Session.start(
            self.base, user, PEOPLE[user].value, self.course, self.url, self.tokens[user]
        )


@pytest.fixture(scope="session")
def hub_with_classroom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    home = folder / "lesesal"
    home.mkdir()
    [port] = hubs.free_ports(1)
    with hubs.running_hub(folder, HUB.format(port=port, python=sys.executable, home=home)) as hub:
        tokens = {}
        for user in PEOPLE:
            hub.api("POST", f"users/{user}").raise_for_status()
            tokens[user] = (
                hub.api("POST", f"users/{user}/tokens").raise_for_status().json()["token"]
            )
        store = Store.of_home(home)
        yield hub, tokens, store
        store.close()


_numbers = itertools.count(101)


@pytest.fixture
def room(hub_with_classroom, tmp_path):
    return Room(*hub_with_classroom, f"cs{next(_numbers)}", tmp_path)


@pytest.fixture(scope="session")
def new_gradebook(tmp_path_factory):
    """An empty gradebook to copy: making one runs alembic, which takes a second or two."""
    from nbgrader.api import Gradebook

    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    with pytest.MonkeyPatch.context() as patch:
        # nbgrader calls `alembic` by its name.
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        Gradebook(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def desk(room, monkeypatch, caplog):
    """Gives a person's exchange classes in this process: much quicker than commands."""
    caplog.set_level("INFO", logger="traitlets")
    return lambda user: sessions.Desk(room.session(user), monkeypatch)


@pytest.fixture
def released(room, desk):
    """An instructor whose `ps1`, with two notebooks and a data file, is released."""
    from lesesal_notebook.exchange.staff import ExchangeReleaseAssignment

    grace = desk("grace")
    folder = grace.session.course_directory / "release" / "ps1"
    (folder / "data").mkdir(parents=True)
    for name in ("problem1.ipynb", "problem2.ipynb", "data/points.csv"):
        (folder / name).write_text(name)
    grace.run(ExchangeReleaseAssignment, "ps1")
    return grace

"""The three exchanges of `exchange.py`, side by side: ours, nbgrader's directory, ngshare.

One real hub gives the tokens; our classroom and ngshare are its services, as their documentation
says. Whoever hands in talks to the service itself and not through the proxy, on both sides: ours is
installed like that, and ngshare is not charged for a proxy that copies each upload.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import sys
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
from bench.exchange_people import NOTEBOOK, Errand, digest
from hubs import Hub, running_hub
from slurm.system import free_ports

from courses.course import Assignment, Course, Enrolment, Role
from courses.store import Store
from courses.store.courses import put_course
from courses.store.people import enrol

CHECKOUT = Path(__file__).parents[2]
SESSION = CHECKOUT / ".venv" / "session" / "bin" / "python"
NGSHARE = CHECKOUT / ".venv" / "ngshare" / "bin" / "python"
COURSE = "rush"
INSTRUCTOR = "instructor"
CONFIG = """
c.JupyterHub.log_level = "WARN"
c.ConfigurableHTTPProxy.log_level = "error"
c.JupyterHub.services += [
    {{"name": "classroom", "url": "http://127.0.0.1:{ports[0]}",
      "command": [{python!r}, "-m", "courses.classroom", "--home={folder}/lesesal"]}},
    {{"name": "ngshare", "url": "http://127.0.0.1:{ports[1]}",
      "command": [{ngshare!r}, "-m", "ngshare", "--admins", "{instructor}",
                  "--database", "sqlite:///{folder}/ngshare.db",
                  "--storage", "{folder}/ngshare-files/"]}},
]
c.JupyterHub.load_roles += [{{"name": "user", "scopes": [
    "self", "access:services!service=classroom", "access:services!service=ngshare"]}}]
"""


@dataclass(frozen=True)
class Site:
    """What the sides share.

    Attributes:
        folder: for all files.
        hub: gives the tokens.
        tokens: by the person's name.
        ports: of the classroom and of ngshare.
    """

    folder: Path
    hub: Hub
    tokens: Mapping[str, str]
    ports: Sequence[int]

    def service(self, word: str) -> psutil.Process:
        """The hub's service whose command has this word."""
        children = psutil.Process(self.hub.process.pid).children()
        return next(each for each in children if word in each.cmdline())


class Side(ABC):
    """One exchange and its own client."""

    name: str
    python = SESSION
    modules: Sequence[str]

    def __init__(self, site: Site) -> None:
        self.site = site
        self.homes = site.folder / "homes" / self.name

    def home(self, user: str, assignment: str) -> Path:
        """A person's own for one assignment, so that each round begins with an empty one."""
        home = self.homes / assignment / user
        home.mkdir(parents=True, exist_ok=True)
        return home

    def errand(self, kind: str, user: str, assignment: str, seed: str, size: int) -> Errand:
        """This person's call of the class, with what it needs on this side."""
        home = self.home(user, assignment)
        common = {"JUPYTER_DATA_DIR": str(home / "data"), "JUPYTERHUB_USER": user}
        return Errand(
            kind=kind,
            user=user,
            course=COURSE,
            assignment=assignment,
            home=str(home),
            seed=seed,
            size=size,
            environment={**common, **self.environment(user, home)},
            traits=self.traits(),
            directory=self.directory(kind, user),
        )

    def traits(self) -> dict[str, str]:
        return {}

    def directory(self, kind: str, user: str) -> dict[str, str]:
        return {}

    @abstractmethod
    def environment(self, user: str, home: Path) -> dict[str, str | None]:
        """What this person's session has."""

    @abstractmethod
    def begin(self, students: Sequence[str], assignments: Sequence[str]) -> None:
        """Make the course and its people."""

    @abstractmethod
    def services(self) -> Sequence[psutil.Process]:
        """The processes that work for all of its people."""

    @abstractmethod
    def kept(self, user: str, assignment: str) -> list[str]:
        """SHA-256 of the notebook in each of the person's submissions, as it can be got again.

        What a student holds as a proof is checked against it where there is one.
        """


class Ours(Side):
    name = "ours"
    modules = ("lesesal_notebook.exchange.student", "lesesal_notebook.exchange.staff")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.site.ports[0]}/services/classroom/"

    def environment(self, user: str, home: Path) -> dict[str, str | None]:
        session = self.site.folder / "sessions" / user
        if not session.exists():
            session.mkdir(parents=True, mode=0o700)
            (session / "token").touch(mode=0o600)
            (session / "token").write_text(self.site.tokens[user])
        return {
            "LESESAL_CLASSROOM_URL": self.url,
            "LESESAL_COURSE": COURSE,
            "LESESAL_ROLE": "instructor" if user == INSTRUCTOR else "student",
            "LESESAL_SESSION_DIR": str(session),
        }

    def begin(self, students: Sequence[str], assignments: Sequence[str]) -> None:
        store = Store.of_home(self.site.folder / "lesesal")
        now = datetime.now(UTC)
        tasks = tuple(Assignment(name, name) for name in assignments)
        course = Course(COURSE, "Rush", "", ("cpu",), "UTC", tasks)
        with store.writing() as session:
            put_course(session, course, content="c", directory="d", actor="bench", at=now)
            for user in students:
                enrol(session, Enrolment(COURSE, user, Role.STUDENT), actor="bench", at=now)
            teacher = Enrolment(COURSE, INSTRUCTOR, Role.INSTRUCTOR)
            enrol(session, teacher, actor="bench", at=now)
        store.close()

    def services(self) -> Sequence[psutil.Process]:
        return [self.site.service("courses.classroom"), psutil.Process(self.site.hub.process.pid)]

    def kept(self, user: str, assignment: str) -> list[str]:
        with httpx.Client(
            base_url=f"{self.url}api/courses/{COURSE}/",
            headers={"Authorization": f"token {self.site.tokens[user]}"},
        ) as client:
            listed = client.get("assignments").raise_for_status().json()
            [mine] = [each["submissions"] for each in listed if each["name"] == assignment]
            found = []
            for each in mine:
                archive = client.get(f"submissions/{each['id']}").raise_for_status().content
                with zipfile.ZipFile(io.BytesIO(archive)) as opened:
                    found.append(digest(opened.read(NOTEBOOK)))
        if found != self._in_receipts(user, assignment):
            raise RuntimeError(f"{user} holds other receipts than the classroom honours")
        return found

    def _in_receipts(self, user: str, assignment: str) -> list[str]:
        """What the receipts say that the student holds, oldest first."""
        folder = self.home(user, assignment) / assignment / ".lesesal" / "receipts"
        receipts = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
        return [
            file["sha256"]
            for receipt in receipts
            for file in receipt["files"]
            if file["path"] == NOTEBOOK
        ]


class Directory(Side):
    """nbgrader's own exchange: a folder that everybody can write to. There is no server."""

    name = "nbgrader"
    modules = ("nbgrader.exchange.default",)

    @property
    def root(self) -> Path:
        return self.site.folder / "exchange"

    def environment(self, user: str, home: Path) -> dict[str, str | None]:
        return {"LESESAL_CLASSROOM_URL": None, "LESESAL_COURSE": None, "LESESAL_ROLE": None}

    def traits(self) -> dict[str, str]:
        return {"root": str(self.root)}

    def directory(self, kind: str, user: str) -> dict[str, str]:
        # All are one account of this machine: the name that the account would have.
        return {"student_id": user} if kind == "ExchangeSubmit" else {}

    def begin(self, students: Sequence[str], assignments: Sequence[str]) -> None:
        self.root.mkdir()
        self.root.chmod(0o777)

    def services(self) -> Sequence[psutil.Process]:
        return []

    def kept(self, user: str, assignment: str) -> list[str]:
        found = (self.root / COURSE / "inbound").glob(f"{user}+{assignment}+*/{NOTEBOOK}")
        return [digest(path.read_bytes()) for path in found]


class Ngshare(Side):
    name = "ngshare"
    python = NGSHARE
    modules = ("ngshare_exchange",)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.site.ports[1]}/services/ngshare"

    def environment(self, user: str, home: Path) -> dict[str, str | None]:
        return {"JUPYTERHUB_API_TOKEN": self.site.tokens[user]}

    def traits(self) -> dict[str, str]:
        return {"_ngshare_url": self.url}

    def begin(self, students: Sequence[str], assignments: Sequence[str]) -> None:
        person = {"first_name": "", "last_name": "", "email": ""}
        people = [{"username": user, **person} for user in students]
        with self._client() as client:
            teachers = {"instructors": json.dumps([INSTRUCTOR])}
            client.post(f"course/{COURSE}", data=teachers).raise_for_status()
            enrolled = {"students": json.dumps(people)}
            client.post(f"students/{COURSE}", data=enrolled).raise_for_status()

    def services(self) -> Sequence[psutil.Process]:
        return [self.site.service("ngshare"), psutil.Process(self.site.hub.process.pid)]

    def kept(self, user: str, assignment: str) -> list[str]:
        with self._client() as client:
            address = f"submissions/{COURSE}/{assignment}/{user}"
            listed = client.get(address).raise_for_status().json()["submissions"]
            found = []
            for each in listed:
                answer = client.get(
                    f"submission/{COURSE}/{assignment}/{user}",
                    params={"timestamp": each["timestamp"]},
                )
                files = {one["path"]: one for one in answer.raise_for_status().json()["files"]}
                content = files[NOTEBOOK]["content"] if NOTEBOOK in files else ""
                found.append(digest(base64.b64decode(content)))
        return found

    def _client(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/",
            headers={"Authorization": f"token {self.site.tokens[INSTRUCTOR]}"},
            timeout=60,
        )


SIDES: Mapping[str, type[Side]] = {each.name: each for each in (Ours, Directory, Ngshare)}


@contextlib.contextmanager
def site(folder: Path, students: Sequence[str], ngshare: Path = NGSHARE) -> Iterator[Site]:
    """A hub with both services and these people, for as long as the block."""
    (folder / "lesesal").mkdir()
    ports = free_ports(2)
    text = CONFIG.format(
        ports=ports,
        python=sys.executable,
        ngshare=os.fspath(ngshare),
        folder=folder,
        instructor=INSTRUCTOR,
    )
    people = [INSTRUCTOR, *students]
    with running_hub(folder, text) as hub:
        hub.api("POST", "users", json={"usernames": people}).raise_for_status()
        tokens = {}
        for name in people:
            answer = hub.api("POST", f"users/{name}/tokens").raise_for_status()
            tokens[name] = str(answer.json()["token"])
        yield Site(folder, hub, tokens, ports)

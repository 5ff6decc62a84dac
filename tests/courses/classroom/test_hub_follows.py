"""A real hub that follows the classroom: groups, links to join, guests who come and go."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import hubs
import pytest
from classroom_kit import course, enrol, put
from sqlalchemy import update

from courses.classroom.hub_groups import Change, HubKeeper, changes, wanted_groups
from courses.course import Enrolment, Role
from courses.joining import CodeWish
from courses.store import Store, audit, joining, people
from courses.store.joining import GuestRow, JoinCodeRow

# A notebook server for the hub's eyes: it answers.
SERVER = """
import http.server, os, signal
from urllib.parse import urlsplit

signal.signal(signal.SIGINT, signal.SIG_DFL)
url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
address = (url.hostname, url.port)
http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""

CONFIG = """
import sys
from jupyterhub.auth import DummyAuthenticator
from courses.hub.guests import with_guests
c.JupyterHub.authenticator_class = with_guests(DummyAuthenticator)
c.DummyAuthenticator.allow_all = True
c.Guests.home = "{home}"
c.JupyterHub.spawner_class = "simple"
c.Spawner.cmd = [sys.executable, "{server}"]
c.JupyterHub.load_groups = {{"nbgrader-other": ["teacher"]}}
c.JupyterHub.services.append({{
    "name": "classroom", "url": "http://127.0.0.1:{port}", "oauth_no_confirm": True,
    "timeout": 120,
    "command": [sys.executable, "-m", "courses.classroom", "--home={home}"]}})
c.JupyterHub.load_roles[0]["scopes"] += ["admin:groups", "list:groups"]
c.JupyterHub.load_roles += [
    {{"name": "classroom", "services": ["classroom"],
      "scopes": ["read:servers", "servers", "admin:groups", "groups", "list:groups",
                 "delete:users!group=lesesal_guests"]}},
    {{"name": "user", "scopes": ["self", "access:services!service=classroom"]}},
]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("follows")
    (home / "server.py").write_text(SERVER)
    return home


@pytest.fixture(scope="module")
def store(home: Path) -> Iterator[Store]:
    store = Store.of_home(home)
    put(store, course())
    enrol(store, "optics", teacher="instructor", student1="student", Student2="student")
    yield store
    store.close()


@pytest.fixture(scope="module")
def hub(home: Path, store: Store) -> Iterator[hubs.Hub]:
    (port,) = hubs.free_ports(1)
    config = CONFIG.format(home=home, server=home / "server.py", port=port)
    with hubs.running_hub(home, config) as hub:
        yield hub


def groups(hub: hubs.Hub) -> dict[str, set[str]]:
    return {each["name"]: set(each["users"]) for each in hub.api("GET", "groups").json()}


def until_groups(hub: hubs.Hub, **wanted: set[str]) -> None:
    def there() -> bool:
        found = groups(hub)
        return all(found.get(name.replace("_", "-")) == users for name, users in wanted.items())

    hubs.until(there, f"{wanted}, but {groups(hub)}")


def test_what_is_wanted() -> None:
    enrolled = [
        Enrolment("a", "t", Role.INSTRUCTOR),
        Enrolment("a", "h", Role.ASSISTANT),
        Enrolment("a", "S", Role.STUDENT),
    ]
    wanted = wanted_groups(["a", "b"], enrolled)
    assert wanted == {
        "lesesal-a": {"t", "h", "S"},
        "nbgrader-a": {"S"},
        "formgrade-a": {"t", "h"},
        "lesesal-b": set(),
        "nbgrader-b": set(),
        "formgrade-b": set(),
    }
    actual = wanted | {"nbgrader-a": {"s"}, "formgrade-a": {"x"}, "nbgrader-other": {"y"}}
    del actual["lesesal-b"]
    assert changes(wanted, actual, {"h"}) == [
        Change("formgrade-a", False, ("t",), ("x",)),
        Change("lesesal-b", True, (), ()),
    ]


class Known:
    """A hub that knows few; ``created`` is called when a group is made."""

    def __init__(self) -> None:
        self.all: dict[str, set[str]] = {}
        self.known: set[str] = set()
        self.created: Callable[[], None] = lambda: None

    async def groups(self) -> dict[str, set[str]]:
        return {name: set(users) for name, users in self.all.items()}

    async def create(self, group: str) -> None:
        self.all[group] = set()
        self.created()

    async def add(self, group: str, users: Iterable[str]) -> bool:
        if not self.known.issuperset(users):
            return False
        self.all[group].update(users)
        return True


async def test_who_comes_while_the_hub_is_asked_is_not_forgotten(tmp_path: Path) -> None:
    store, hub = Store.of_home(tmp_path), Known()
    put(store, course())
    enrol(store, "optics", student1="student")
    with ThreadPoolExecutor(1) as pool:
        keeper = HubKeeper(store, hub, pool, logging.getLogger("test"))  # type: ignore[arg-type]
        await keeper.keep(whole=True)
        assert hub.all["nbgrader-optics"] == set()
        put(store, course("waves"))
        hub.known.add("student1")
        hub.created = lambda: keeper.seen("student1")
        await keeper.keep(whole=False)
        await keeper.keep(whole=False)
    assert hub.all["nbgrader-optics"] == {"student1"}
    store.close()


@contextmanager
def log_in(hub: hubs.Hub, name: str, address: str = "/hub/login") -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hub.url, follow_redirects=True, timeout=60) as browser:
        page = browser.get(address)
        xsrf = browser.cookies.get("_xsrf", path="/hub/")
        browser.post(page.url, data={"username": name, "password": "x", "_xsrf": xsrf})
        yield browser


def test_groups_follow(hub: hubs.Hub, store: Store) -> None:
    # Only the teacher is known to the hub so far.
    until_groups(hub, formgrade_optics={"teacher"}, nbgrader_optics=set())
    with log_in(hub, "student2") as browser:
        assert browser.get("/services/classroom/").status_code == 200
        until_groups(hub, nbgrader_optics={"student2"}, lesesal_optics={"teacher", "student2"})
    enrol(store, "optics", Student2="assistant")
    until_groups(hub, nbgrader_optics=set(), formgrade_optics={"teacher", "student2"})
    with store.writing() as session:
        people.leave(session, "optics", "Student2", actor="t", at=audit.now())
    until_groups(hub, formgrade_optics={"teacher"}, lesesal_optics={"teacher"})
    # Not ours.
    assert groups(hub)["nbgrader-other"] == {"teacher"}


def new_code(store: Store, *, guests: bool = True, seats: int = 3) -> str:
    end = audit.now() + timedelta(hours=1)
    wish = CodeWish(Role.STUDENT, end, seats, end if guests else None)
    with store.writing() as session:
        return joining.make_code(session, "optics", wish, actor="t", at=audit.now()).code


def xsrf_of(page: httpx.Response) -> str:
    return page.text.partition('name="_xsrf" value="')[2].partition('"')[0]


def test_somebody_with_an_account_joins(hub: hubs.Hub, store: Store) -> None:
    link = f"/hub/join/{new_code(store, guests=False)}"
    with httpx.Client(base_url=hub.url, follow_redirects=True, timeout=60) as stranger:
        page = stranger.get(link)
        assert page.status_code == 200
        assert "Make an account" not in page.text
        login = re.findall(r'href="(/hub/login\?next=[^"]+)"', page.text)[-1]
    with log_in(hub, "student3", login) as browser:
        page = browser.get(link)
        assert "Join the course" in page.text
        with store.reading() as session:  # looking changes nothing
            assert all(each.user != "student3" for each in people.people(session, "optics"))
        assert browser.post(link, data={"_xsrf": "x"}).status_code == 403
        page = browser.post(link, data={"_xsrf": xsrf_of(page)})
        assert (page.status_code, page.url.path) == (200, "/services/classroom/courses/optics")
        assert browser.get(link).url.path == "/services/classroom/courses/optics"
        until_groups(hub, nbgrader_optics={"student3"})
        wrong = browser.get("/hub/join/abcdefghjkmn")
        assert (wrong.status_code, "leads to no course" in wrong.text) == (404, True)


def test_a_guest_from_link_to_end(hub: hubs.Hub, store: Store) -> None:
    code = new_code(store, seats=1)
    link = f"/hub/join/{code[:4]}-{code[4:8]}-{code[8:]}"
    with httpx.Client(base_url=hub.url, follow_redirects=True, timeout=60) as guest:
        page = guest.get(link, headers={"Accept-Language": "en"})
        page = guest.post(link, data={"_xsrf": xsrf_of(page), "shown": "<b>Åse</b>"})
        assert page.status_code == 200
        name = re.search('guest-name">([^<]+)', page.text)[1]  # type: ignore[index]
        passphrase = re.search('guest-passphrase">([^<]+)', page.text)[1]  # type: ignore[index]
        assert name == "guest-b-ase-b"
        assert "<b>" not in page.text
        assert guest.get("/services/classroom/courses/optics").status_code == 200
        hubs.until(lambda: name in groups(hub).get("lesesal_guests", ()), "a guest of the hub")
        with httpx.Client(base_url=hub.url, follow_redirects=True, timeout=60) as second:
            page = second.get(link)
            page = second.post(link, data={"_xsrf": xsrf_of(page), "shown": "Ben"})
            # Full before the page was asked for, and full when the form comes all the same.
            assert page.status_code in (403, 409)
            page = second.get(link)
            form = {"_xsrf": xsrf_of(page), "username": name}
            wrong = second.post(link, data=form | {"password": "wrong"})
            assert (wrong.status_code, "do not belong together" in wrong.text) == (403, True)
            form["_xsrf"] = xsrf_of(wrong)
            back = second.post(link, data=form | {"password": passphrase})
            assert back.url.path == "/services/classroom/courses/optics"
        hub.api("POST", f"users/{name}/servers/optics").raise_for_status()
        hub.until_ready(name, "optics")
        with store.writing() as session:
            session.execute(
                update(JoinCodeRow).filter_by(code=code).values(guests_until=audit.now())
            )
            session.execute(update(GuestRow).values(account="ws01"))
        hubs.until(lambda: hub.api("GET", f"users/{name}").status_code == 404, "the end")
        assert urlsplit(str(guest.get("/hub/home").url)).path == "/hub/login"
    with store.reading() as session:
        assert [each.left for each in joining.guests(session)] == [True]
        assert any(each.user == name for each in people.people(session, "optics"))
    assert name not in set().union(*groups(hub).values())
    # Others are there as before.
    assert hub.api("GET", "users/student3").status_code == 200


def test_nothing_went_wrong_unsaid(hub: hubs.Hub) -> None:
    log = hub.log.read_text()
    assert "Traceback" not in log
    assert "not up to date" not in log
